"""An outside scheduler is a partner, too: it has a client, and reads events."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0010"
down_revision = "0009"

WIDER = """
ALTER TABLE partner_organisation DROP CONSTRAINT partner_kind_is_known;

ALTER TABLE partner_organisation ADD CONSTRAINT partner_kind_is_known
      CHECK (kind IN ('hub', 'payer', 'scheduler', 'agency'))
"""


def upgrade() -> None:
    run_sql(op, WIDER)
