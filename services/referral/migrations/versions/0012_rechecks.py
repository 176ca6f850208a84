"""No check of coverage waits behind that of a later day: those that are open leave their lanes."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(
        """
        UPDATE work SET lane = NULL, behind = false
         WHERE kind = 'recheck' AND outcome IS NULL AND lane IS NOT NULL
        """
    )
