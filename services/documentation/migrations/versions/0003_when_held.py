"""When a hold was told, so that what was told before it does not end it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE episode ADD COLUMN held_at timestamptz")
    op.execute("CREATE INDEX episode_youth ON episode (youth_id)")
