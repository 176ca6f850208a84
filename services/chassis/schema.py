"""Whether a database is as new as the code that is to work on it.

A release first migrates, then starts: until somebody has, its statements would fail one by one, in
loops that begin again for ever. Told without Alembic, which no service needs to load.
"""

import logging
from pathlib import Path

import asyncpg

from services.chassis.db import Pool, acquired
from services.chassis.errors import Refused

log = logging.getLogger(__name__)

DIGITS = 4  # of a revision, with which its file's name begins


class Behind(Refused):
    """The database lacks a revision that this release has."""


def revisions(migrations: Path) -> list[str]:
    """The revisions of a folder of migrations, the oldest first."""
    return sorted(file.name[:DIGITS] for file in migrations.glob("[0-9]*.py"))


async def require(pool: Pool, service: str, migrations: Path) -> None:
    """Raise `Behind` unless the database has this release's newest revision, or a newer one.

    A newer one is none of ours to judge: two releases work side by side while one replaces the
    other.
    """
    known = revisions(migrations)
    async with acquired(pool) as conn:
        try:
            at = await conn.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            at = None
    if at is None or at in known[:-1]:
        cure = f"python -m services.chassis.migrate {service}"
        log.error("database-behind", extra={"revision": at, "needed": known[-1], "cure": cure})
        raise Behind("database-behind", f"The database of {service} is to be migrated: {cure}.")
