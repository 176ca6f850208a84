"""The secret address of a mentor's calendar feed, as its hash."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE calendar_link (
            mentor_id   uuid        PRIMARY KEY REFERENCES mentor,
            secret_hash bytea       NOT NULL CONSTRAINT calendar_secret_is_one UNIQUE,
            made_by     uuid        NOT NULL,
            made_at     timestamptz NOT NULL
        )
        """
    )
