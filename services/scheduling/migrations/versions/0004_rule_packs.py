"""Rule packs that an operator seeded."""

from pathlib import Path

from alembic import op

from services import chassis
from services.chassis.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql(op, (Path(chassis.__file__).parent / "kernel" / "0004_rule_packs.sql").read_text())
