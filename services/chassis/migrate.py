"""Migrations: `python -m services.chassis.migrate <service>`, one linear history per service.

Alembic runs plain SQL from `services/<service>/migrations/versions`. All or nothing per revision,
forward only, one process at a time.
"""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Protocol

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

HERE = Path(__file__).parent
SERVICES = ("referral", "scheduling", "documentation", "notifications")
LOCK = 0x7761_796D


async def migrate(service: str, dsn: str) -> None:
    """Bring a service's database to the newest revision; a second call finds nothing to do."""
    conn = await asyncpg.connect(dsn)
    try:
        # A session's lock: two processes of one service may start at the same moment.
        await conn.execute("SELECT pg_advisory_lock($1)", LOCK)
        await asyncio.to_thread(command.upgrade, config_for(service, dsn), "head")
    finally:
        await conn.close()


def config_for(service: str, dsn: str) -> Config:
    config = Config(attributes={"dsn": dsn})
    config.set_main_option("script_location", str(HERE / "migrations"))
    config.set_main_option("path_separator", "os")
    versions = HERE.parent / service / "migrations" / "versions"
    config.set_main_option("version_locations", str(versions))
    return config


# --- For the revisions ---------------------------------------------------------------------------


class Operations(Protocol):
    """What we use of `alembic.op`."""

    def get_bind(self) -> Connection: ...


def run_sql(op: Operations, text: str) -> None:
    """Run plain SQL, one statement at a time: asyncpg refuses two in one.

    Split at semicolons, so no function body and no semicolon in a literal.
    """
    bind = op.get_bind()
    for statement in statements(text):
        bind.exec_driver_sql(statement)  # not op.execute: `:name` would be a parameter


def statements(text: str) -> list[str]:
    bare = re.sub(r"--.*", "", text)
    return [part.strip() for part in bare.split(";") if part.strip()]


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in SERVICES:
        raise SystemExit(f"Which service? One of: {', '.join(SERVICES)}.")
    if not (dsn := os.environ.get("WAYPOST_DATABASE_DSN")):
        raise SystemExit("WAYPOST_DATABASE_DSN is missing.")
    asyncio.run(migrate(sys.argv[1], dsn))


if __name__ == "__main__":
    main()
