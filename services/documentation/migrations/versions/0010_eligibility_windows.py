"""A payer confirms more than one span of days: what it says from a day on leaves those before."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    "ALTER TABLE eligibility_window DROP CONSTRAINT eligibility_window_pkey",
    """
    ALTER TABLE eligibility_window
          ADD PRIMARY KEY (youth_id, payer, referral_id, valid_from)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
