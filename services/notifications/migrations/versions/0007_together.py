"""Several queued events of a subscription go out in one message, as many as it may hold."""

from alembic import op

from services.chassis.migrate import run_sql

revision = "0007"
down_revision = "0006"

TABLES = """
ALTER TABLE delivery ADD COLUMN sent_with uuid;

COMMENT ON COLUMN delivery.sent_with IS
    'The delivery under whose id it goes out, noted when both are numbered. Null: its own.';

CREATE INDEX delivery_sent_with ON delivery (sent_with)
 WHERE state = 'queued' AND sent_with IS NOT NULL
"""


def upgrade() -> None:
    run_sql(op, TABLES)
