"""A goal may have begun in a month or a year of which the hub names no day."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE goal ALTER COLUMN start_date TYPE text USING start_date::text")
