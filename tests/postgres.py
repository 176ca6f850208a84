"""A throwaway PostgreSQL server of this test run: that of `make up`, without its fsync."""

import shutil
import signal
import tempfile
from pathlib import Path

from deploy.local.machine import free_ports
from deploy.local.part import recorded, start
from deploy.local.postgres import WITHOUT_FSYNC, Postgres, until_answers
from tests.kafka import apart

MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own in it)
ENOUGH = 4 << 30  # many times what the tests of a run write


def in_memory() -> Path | None:
    """Where to empty tables takes no disk, on a machine that has room; None for the usual place."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH
    return MEMORY if roomy else None


class Server:
    """Started when made. Commits stay synchronous, so the kill of a process loses nothing."""

    def __init__(
        self, settings: dict[str, str] = WITHOUT_FSYNC, *, beneath: Path | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="waypost-pg-", dir=beneath))
        self.folder.chmod(0o755)  # PostgreSQL's account must be able to walk through it
        self.port = free_ports(1)[0]
        # What SCRAM computes for each connection costs more than most tests do on it.
        self.postgres = Postgres(self.folder / "cluster", self.port, settings, auth="md5")
        self.postgres.prepare()
        self.record = self.folder / "process.json"
        self.start()

    def start(self) -> None:
        self.process = start(self.postgres.part(), log=self.folder / "log", record=self.record)
        apart(until_answers(self.dsn(), seconds=180))

    def crash(self) -> None:
        """Immediate shutdown: no checkpoint, every connection cut, recovery at the next start."""
        if running := recorded(self.record):
            running.signal(signal.SIGQUIT)
        self.process.wait(20)

    def stop(self) -> None:
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database: str = "postgres") -> str:
        return self.postgres.dsn(database)
