"""A page over all children of a reader takes each child's sessions in the order of the page."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX session_page ON session (youth_id, updated_at, session_id)
         WHERE state IN ('final', 'voided')
        """
    )
