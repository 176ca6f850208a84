"""What every service has: events, inbox, work, readers, audit, kept answers."""

from pathlib import Path

from alembic import op

from services import chassis
from services.chassis.migrate import run_sql

revision = "0001"
down_revision = None

# By name: a later kernel file is one more revision, also for a database that is made afterwards.
FILES = ("0001_events_and_work.sql", "0002_readers.sql", "0003_audit_and_idempotency.sql")


def upgrade() -> None:
    for file in FILES:
        run_sql(op, (Path(chassis.__file__).parent / "kernel" / file).read_text())
