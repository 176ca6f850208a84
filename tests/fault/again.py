"""One `small` service, started anew for each line of its input: `-m tests.fault.again <name>`.

A line says after how many events, in the middle of their batch, it gets its TERM. For each it
prints the exit status and the seconds that the end took. What is imported is imported once.
"""

import os
import signal
import sys
import time

from contracts.events import Event
from services.chassis.db import Connection
from services.chassis.process import run
from tests.chassis import small
from tests.chassis.rig import Noted


def once(name: str, events: int) -> tuple[int, str]:
    read, write = os.pipe()
    if not (child := os.fork()):
        os.dup2(2, 1)  # its log goes where ours goes
        told_at = armed(events)
        run(small.service(name))
        os.write(write, f"{time.monotonic() - told_at[0]:.1f}".encode())
        os._exit(0)
    os.close(write)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with open(read) as seconds:
        return status, seconds.read()


def armed(events: int) -> list[float]:
    """Let this process send itself TERM as it handles that event; gives when it did."""
    left, told_at = events, list[float]()

    async def count(conn: Connection, event: Event) -> None:
        nonlocal left
        left -= 1
        if not left:
            told_at.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)

    small.handlers.on_each([Noted], count)
    return told_at


if __name__ == "__main__":
    for line in sys.stdin:
        print(*once(sys.argv[1], int(line)), flush=True)  # noqa: T201
