"""PostgreSQL's disk is full (P12): what is acknowledged is kept, and all of it heals unattended.

The disk is a small tmpfs: this needs root, and a kernel that lets us mount one.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.machine import is_free
from deploy.local.postgres import Postgres
from tests.chassis.waiting import until
from tests.fault import checker
from tests.fault.history import History
from tests.fault.load import Light, loaded
from tests.fault.stand import Lone

pytestmark = pytest.mark.servers

DISK = "192m"
EVENTS_PER_SECOND = 400.0
LITTLE_WAL = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_recycle": "off"}
FULL_SECONDS = 5.0
HEALS_SECONDS = 60.0


class OnSmallDisk(Lone):
    settings = LITTLE_WAL

    def __init__(self, home: Path, disk: Path) -> None:
        super().__init__(home)
        self.disk = disk

    @property
    def postgres(self) -> Postgres:
        return replace(super().postgres, home=self.disk / "cluster")

    def fill(self) -> None:
        with suppress(OSError), (self.disk / "ballast").open("wb", buffering=0) as file:
            while file.write(bytes(65_536)):
                pass

    def free(self) -> None:
        (self.disk / "ballast").unlink()


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where PostgreSQL's own account can get to it, which is not below a test's folder."""
    disk = Path("/tmp") / f"waypost-{tmp_path_factory.mktemp('disk').parent.name}-disk"  # noqa: S108
    disk.mkdir(mode=0o755, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip()}")
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], capture_output=True, check=False)
        disk.rmdir()


@pytest.fixture
def stand(disk: Path, tmp_path: Path) -> Iterator[OnSmallDisk]:
    stand = OnSmallDisk(tmp_path / "stack", disk)
    try:
        stand.up()
        yield stand
    finally:
        stand.remove()


async def test_a_full_disk_refuses_loses_nothing_and_heals_unattended(
    stand: OnSmallDisk, tmp_path: Path
) -> None:
    history = History(tmp_path / "history.jsonl")
    light = Light(stand, history, seed=12, tellers=["referral"])

    async with loaded(light, EVENTS_PER_SECOND):
        await until(lambda: enough(light, 500), True)
        # No room for data: each command is refused, and the server lives as yet.
        stand.fill()
        await until(lambda: refuses(history), True)

        # No room for its log either: it gives up, and cannot start again.
        with suppress(asyncpg.PostgresError, OSError):
            await log_goes_on(stand.postgres.dsn())
        await until(lambda: ready(stand), 503)
        before = set(history.acts)  # whose answers may be on their way
        await asyncio.sleep(FULL_SECONDS)  # not a wait for anything: as long as this lasts
        await until(lambda: down(stand), True)  # whenever it tries to start, it fails
        assert await ready(stand) == 503
        assert len(history.acts) > len(before)
        assert not [
            act for key, act in history.acts.items() if key not in before and "ok" in act.answers
        ]

        stand.free()
        await until(lambda: ready(stand), 200, seconds=HEALS_SECONDS)
        told = light.told
        await until(lambda: enough(light, told + 500), True)

    assert await checker.misjudged({"referral": stand.dsn("referral")}, history) == {}
    assert set(history.statuses) <= {0, 200, 422, 503}  # never 500, whatever the disk said


async def down(stand: OnSmallDisk) -> bool:
    return is_free(stand.port("postgres"))


async def enough(light: Light, events: int) -> bool:
    return light.told >= events


async def refuses(history: History) -> bool:
    return history.statuses.get(503, 0) > 5


async def ready(stand: OnSmallDisk) -> int:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        return (await http.get(f"{stand.url('referral-ops')}/health/ready")).status_code


async def log_goes_on(dsn: str) -> None:
    """Begin a new segment of the log, as happens every 16 MB; the disk has no room for it."""
    conn = await asyncpg.connect(dsn)
    try:
        for _ in range(3):
            await conn.execute("SELECT pg_switch_wal()")
            await conn.execute("CREATE TABLE room AS SELECT 1")
            await conn.execute("DROP TABLE room")
    finally:
        conn.terminate()
