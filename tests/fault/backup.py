"""A PostgreSQL that archives its log: a copy is taken while it works, and brought to a point."""

import asyncio
import shutil

import asyncpg

from tests.chassis.waiting import until
from tests.postgres import Server

# Both run in the data's folder, as PostgreSQL's own account.
ARCHIVED = {
    "fsync": "off",
    "archive_mode": "on",
    "archive_command": "mkdir -p ../archive && test ! -f ../archive/%f && cp %p ../archive/%f",
}
RECOVERY = """
restore_command = 'cp ../archive/%f %p'
recovery_target_name = 'here'
recovery_target_action = 'promote'
"""


class Archived(Server):
    """`back_up`, then `mark` a point, then `restore`: what it was at that point, and no more."""

    def __init__(self) -> None:
        super().__init__(ARCHIVED)
        self.base = self.postgres.home / "base"

    async def back_up(self) -> None:
        copy = ("-d", self.dsn(), "-D", f"{self.base}", "-c", "fast")
        await asyncio.to_thread(self.postgres.call, "pg_basebackup", *copy)

    async def mark(self) -> None:
        """Name this point; returns when the archive has it."""
        conn = await asyncpg.connect(self.dsn())
        try:
            file = await conn.fetchval("SELECT pg_walfile_name(pg_create_restore_point('here'))")
            await conn.execute("SELECT pg_switch_wal()")
            await until(lambda: is_archived(conn, file), True)
        finally:
            await conn.close()

    async def restore(self) -> None:
        """Lose what is there; returns when it takes writes again."""
        self.crash()
        shutil.rmtree(self.postgres.data)
        self.base.rename(self.postgres.data)
        with (self.postgres.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(RECOVERY)
        signal = self.postgres.data / "recovery.signal"
        signal.touch()
        self.postgres.give(signal)
        await asyncio.to_thread(self.start)
        conn = await asyncpg.connect(self.dsn())
        try:
            await until(lambda: conn.fetchval("SELECT pg_is_in_recovery()"), False)
        finally:
            await conn.close()


async def is_archived(conn: "asyncpg.Connection[asyncpg.Record]", file: str) -> bool:
    last = await conn.fetchval("SELECT last_archived_wal FROM pg_stat_archiver")
    return last is not None and last >= file
