"""A part of the stack: one process, what starts it, and how to find it again after any crash."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.local.machine import wait_until

GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Part:
    """What the supervisor needs to know of a process that it keeps running."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = "/"
    uid: int | None = None  # only root may give one
    gid: int | None = None
    stop: int = signal.SIGTERM
    grace: float = GRACE_SECONDS  # to end by itself before it is killed
    stage: int = 0  # parts of one stage are stopped together, the highest stage first

    def fingerprint(self) -> str:
        """Changes when the part would be started differently."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Running:
    """A process, by its number and the moment it began: a number alone is used again."""

    pid: int
    began: int
    fingerprint: str

    def alive(self) -> bool:
        stat = stat_of(self.pid)
        return bool(stat) and stat[0] != "Z" and int(stat[19]) == self.began

    def gone(self) -> bool:
        return not self.alive()

    def signal(self, number: int) -> None:
        """Send a signal to the process; nothing happens when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive():
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill what the process has left behind, such as the workers of an nginx killed -9.

        Linux gives no number away while it still names a group, so a leader that is another
        process means that the group is gone.
        """
        stat = stat_of(self.pid)
        if not stat or int(stat[19]) == self.began:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def stat_of(pid: int) -> list[str]:
    """State, parent and the rest of /proc/<pid>/stat after the name; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def start(part: Part, *, log: Path, record: Path) -> "subprocess.Popen[bytes]":
    """Start a part in a session of its own, with nothing of ours open.

    The child notes itself in `record` before it becomes the program: however we end, whoever comes
    next finds it.
    """

    def become() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the supervisor blocks some
        began = int(stat_of(os.getpid())[19])
        write(record, json.dumps(asdict(Running(os.getpid(), began, part.fingerprint()))))
        if part.uid is not None and part.gid is not None:
            os.setgroups([])
            os.setgid(part.gid)
            os.setuid(part.uid)

    with log.open("ab") as out:
        return subprocess.Popen(
            part.command,
            env=part.env,
            cwd=part.cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=become,
        )


def recorded(record: Path) -> Running | None:
    """The process that was started last under this record, dead or alive."""
    try:
        return Running(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def end(running: Running, part: Part | None) -> None:
    """Stop a process as it likes to be stopped, killing it when that takes too long."""
    end_all([(running, part)])


def end_all(many: Sequence[tuple[Running, Part | None]]) -> None:
    """Stop several at the same time; returns when all of them are gone."""
    for running, part in many:
        running.signal(part.stop if part else signal.SIGTERM)
    begin = time.monotonic()
    for running, part in many:
        left = begin + (part.grace if part else GRACE_SECONDS) - time.monotonic()
        try:
            wait_until(running.gone, left, "It did not end")
        except TimeoutError:
            running.signal(signal.SIGKILL)
            wait_until(running.gone, 10, f"{running.pid} did not die")
        running.kill_group()


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file as a whole: a reader sees the old text or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    fresh.replace(path)
