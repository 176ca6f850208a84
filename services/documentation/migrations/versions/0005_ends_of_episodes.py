"""When an episode ended, and why: from then on no session is held, and the care plan is over.

`held_at` served to guess when a hold ended, which is told now. The code before this one still
writes it, so a later release drops it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE episode ADD COLUMN closed_on date, ADD COLUMN close_reason text")
