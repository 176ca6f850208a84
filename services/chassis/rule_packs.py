"""The rule pack in force: seeded by an operator into a service's database, followed by its process.

Until one is seeded, the pack that came with the release is in force. Decisions ask `in_force()`
when they are made and record the version that they got.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import cache

from contracts import rules
from contracts.rules import RulePack
from services.chassis.db import Connection, Pool, acquired

log = logging.getLogger(__name__)

LOOK_SECONDS = (
    5.0  # so long may two processes decide by different packs; each decision says by which
)

File = tuple[str, str]  # name, text

_followed: RulePack | None = None


def in_force() -> RulePack:
    """The pack by which this process decides now."""
    return _followed or shipped()


@cache
def shipped() -> RulePack:
    """The pack of this release; BadRules if it cannot be used."""
    return rules.load()


async def keep(conn: Connection, files: Sequence[File], *, by: str) -> RulePack:
    """Put a pack in force, as of the commit; an older one seeded again comes back into force.

    Raises BadRules, naming every row that is wrong, and keeps nothing.
    """
    pack = parse(files)
    await conn.execute(
        """
        INSERT INTO rule_pack (version, files, seeded_by)
        VALUES ($1, $2, $3)
            ON CONFLICT (version) DO UPDATE
           SET seeded_at = EXCLUDED.seeded_at, seeded_by = EXCLUDED.seeded_by
        """,
        *(pack.version, [list(file) for file in files], by),
    )
    return pack


async def refresh(conn: "Connection | Pool") -> RulePack:
    """Decide by the pack that was seeded last, from now on; BadRules if this release cannot."""
    global _followed
    version = await conn.fetchval("SELECT version FROM rule_pack ORDER BY seeded_at DESC LIMIT 1")
    if version is not None and version != in_force().version:
        files = await conn.fetchval("SELECT files FROM rule_pack WHERE version = $1", version)
        _followed = parse([(name, text) for name, text in files])
        log.info("rules-in-force", extra={"version": version})
    return in_force()


async def follow(pool: Pool) -> None:
    """Look for a newer pack, again and again."""
    while True:
        async with acquired(pool) as conn:
            await refresh(conn)
        await asyncio.sleep(LOOK_SECONDS)


def parse(files: Sequence[File]) -> RulePack:
    return rules.parse((name, text.encode()) for name, text in files)
