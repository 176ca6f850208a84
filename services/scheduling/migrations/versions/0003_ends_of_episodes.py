"""Who ended an episode, when, why, and after which attempts to reach the family."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE episode
            ADD COLUMN closed_on    date,
            ADD COLUMN close_reason text,
            ADD COLUMN closed_by    uuid,
            ADD COLUMN attempts     date[] NOT NULL DEFAULT '{}'
        """
    )
