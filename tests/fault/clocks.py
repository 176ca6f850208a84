"""Moves the machine clock of one process while it runs: Debian's libfaketime, where there is one.

What measures how long something takes (CLOCK_MONOTONIC) is left alone, as a real jump leaves it.
Java does not come up with it, so Kafka's clock stays.
"""

from dataclasses import replace
from pathlib import Path

from deploy.local.part import Part, write

RIGHT = "+0s"
SEEN_SECONDS = 1  # after so long at most a process sees that its clock was moved


def library() -> Path | None:
    """`deploy/local/packages.sh faketime` installs it; without it no clock is moved."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def movable(part: Part, file: Path) -> Part:
    """The same part, with a clock that follows `file`; where there is no library, its own."""
    if not (preload := library()):
        return part
    env = {
        "LD_PRELOAD": str(preload),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": str(SEEN_SECONDS),
        "FAKETIME_DISABLE_SHM": "1",  # kill -9 would leave it behind
        "DONT_FAKE_MONOTONIC": "1",
    }
    return replace(part, env=part.env | env)


def move(file: Path, by: str) -> None:
    """`by` is "+3600s", "-3600s" or RIGHT."""
    write(file, f"{by}\n", mode=0o644)
