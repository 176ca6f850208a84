"""Due work is found at the same cost however much waits behind it in its lane."""

from pathlib import Path

from alembic import op

from services import chassis
from services.chassis.migrate import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql(op, (Path(chassis.__file__).parent / "kernel" / "0005_lanes.sql").read_text())
