"""Since when coverage has lapsed in service, so that its return can say from when it stands."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE standing ADD COLUMN lapsed_from date")
