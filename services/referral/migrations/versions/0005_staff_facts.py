"""What staff learned of a referral, kept apart from what its hub says."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0005"
down_revision = "0004"

TABLES = """
-- One row per kind, the last word. It fills what the hub leaves out; the hub's next amendment is
-- laid over the rest, and this is laid over it again.
CREATE TABLE staff_fact (
    referral_id uuid        NOT NULL REFERENCES referral,
    kind        text        NOT NULL,
    value       jsonb       NOT NULL,
    staff_id    uuid        NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (referral_id, kind)
)
"""


def upgrade() -> None:
    run_sql(op, TABLES)
