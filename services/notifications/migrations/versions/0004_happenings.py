"""What happened in care, kept until the youth's hubs of that day have been thought of."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0004"
down_revision = "0003"

TABLES = """
-- Who is a hub is told by one service, what happens in care by another, in any order. `thought_of`
-- are the hubs for whose subscriptions it has been queued.
CREATE TABLE care_happening (
    event_id    uuid        PRIMARY KEY,
    youth_id    uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    focus       jsonb       NOT NULL,
    thought_of  uuid[]      NOT NULL DEFAULT '{}'
);
CREATE INDEX care_happening_youth ON care_happening (youth_id);
"""


def upgrade() -> None:
    run_sql(op, TABLES)
