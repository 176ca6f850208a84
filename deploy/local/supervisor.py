"""Keeps the parts of one stack running: `python -m deploy.local.supervisor <folder>`.

It leaves the shell that started it, starts again whatever dies, takes over what an earlier
supervisor left running, and on TERM stops everything, the last stage first. What it is to run
stands in `parts.json`; it looks again when that file changes, and when `run/<part>.held` comes or
goes.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from deploy.local.machine import wait_until
from deploy.local.part import Part, Running, end_all, recorded, start, write

PAUSE_SECONDS = (0.1, 5.0)  # before a dead part starts again: at first, and at most
STEADY_SECONDS = 10  # a part that ran this long starts again at once
TICK_SECONDS = 0.2
ROOT = Path(__file__).parents[2]


class Folder:
    """Where the supervisor of one stack, and those who talk to it, keep their files."""

    def __init__(self, home: Path) -> None:
        self.home, self.run, self.log = home, home / "run", home / "log"
        self.parts = home / "parts.json"
        self.lock = self.run / "supervisor.lock"

    def make(self) -> None:
        for folder in (self.home, self.run, self.log):
            folder.mkdir(parents=True, exist_ok=True)

    def record(self, part: str) -> Path:
        return self.run / f"{part}.json"

    def held(self, part: str) -> Path:
        """While this file exists the part stays down."""
        return self.run / f"{part}.held"

    def log_of(self, part: str) -> Path:
        return self.log / f"{part}.log"

    def plan(self, parts: list[Part]) -> None:
        """Say what is to run, in the order of starting."""
        write(self.parts, json.dumps([asdict(part) for part in parts], indent=1))

    def planned(self) -> list[Part]:
        try:
            return [Part(**part) for part in json.loads(self.parts.read_text())]
        except FileNotFoundError:
            return []

    def running(self) -> dict[str, Running]:
        """Every process on record that lives."""
        found = {file.stem: recorded(file) for file in self.run.glob("*.json")}
        return {name: one for name, one in found.items() if one and one.alive()}

    def supervisor(self) -> int | None:
        """The process that holds the lock, or None: a file of numbers could lie, a lock cannot."""
        with contextlib.suppress(FileNotFoundError), self.lock.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0)
        return None


class Supervisor:
    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.parts: list[Part] = []
        self.read = 0
        self.started: dict[str, float] = {}
        self.pause: dict[str, float] = {}
        self.children: list[subprocess.Popen[bytes]] = []

    def tend(self) -> None:
        """Bring what runs in line with what should; harmless as often as it is called."""
        self.children = [child for child in self.children if child.poll() is None]
        self.look_at_the_plan()
        wanted = {part.name: part for part in self.parts}
        ending = []
        for name, running in self.folder.running().items():
            part = wanted.get(name)
            changed = part is None or running.fingerprint != part.fingerprint()
            if changed or self.folder.held(name).exists():
                ending.append((running, part))
        end_all(ending)
        for part in self.parts:
            if not self.folder.held(part.name).exists():
                self.start_if_dead(part)

    def look_at_the_plan(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if (changed := self.folder.parts.stat().st_mtime_ns) != self.read:
                self.parts, self.read = self.folder.planned(), changed

    def start_if_dead(self, part: Part) -> None:
        last = recorded(self.folder.record(part.name))
        if last and last.alive():
            return
        now = time.monotonic()
        since = now - self.started.get(part.name, -STEADY_SECONDS)
        first, longest = PAUSE_SECONDS
        pause = self.pause.get(part.name, first)
        if since < pause:
            return
        self.pause[part.name] = first if since >= STEADY_SECONDS else min(pause * 2, longest)
        self.started[part.name] = now
        if last:
            last.kill_group()
        log, record = self.folder.log_of(part.name), self.folder.record(part.name)
        try:
            self.children.append(start(part, log=log, record=record))
        except (OSError, subprocess.SubprocessError) as error:
            with log.open("a") as out:
                out.write(f"{part.name} cannot be started: {error}\n")

    def stop_all(self) -> None:
        wanted = {part.name: part for part in self.parts}
        running = [(one, wanted.get(name)) for name, one in self.folder.running().items()]
        end_all([(one, part) for one, part in running if part is None])
        for stage in sorted({part.stage for part in self.parts}, reverse=True):
            end_all([(one, part) for one, part in running if part and part.stage == stage])

    def run(self) -> None:
        """Until told to end. A signal, also that of a child's death, wakes it at once."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WAKING)
        while True:
            self.tend()
            woken = signal.sigtimedwait(WAKING, TICK_SECONDS)
            if woken and woken.si_signo in ENDING:
                return self.stop_all()


ENDING = {signal.SIGTERM, signal.SIGINT}
WAKING = {*ENDING, signal.SIGCHLD}


def main(home: Path) -> None:
    """Leave the caller and supervise; a second supervisor of the same folder ends at once."""
    folder = Folder(home)
    folder.make()
    if os.fork():
        return
    os.setsid()
    with folder.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        Supervisor(folder).run()


def ensure(folder: Folder) -> None:
    """Start the supervisor unless it runs; returns when it has taken its lock."""
    folder.make()
    if folder.supervisor():
        return
    with folder.log_of("supervisor").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", __name__, folder.home],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
    wait_until(lambda: bool(folder.supervisor()), 10, "The supervisor did not start")


def dismiss(folder: Folder) -> None:
    """Stop everything; returns when all of it is gone, whoever had started it."""
    if pid := folder.supervisor():
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: folder.supervisor() is None, 120, "The supervisor did not end")
    left = Supervisor(folder)  # a supervisor killed -9 has stopped nothing
    left.look_at_the_plan()
    left.stop_all()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
