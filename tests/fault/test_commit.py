"""PostgreSQL stops at once under load (P1): what was acknowledged is there, and we would see it."""

import asyncio
from functools import partial
from pathlib import Path
from signal import SIGQUIT

import pytest

from tests.chassis.waiting import until
from tests.fault import checker
from tests.fault.history import History
from tests.fault.load import Light, loaded
from tests.fault.stand import Lone

pytestmark = pytest.mark.servers

STOPS = 3
EACH = 300  # events between two of them
EVENTS_PER_SECOND = 400.0
LATE = {"wal_writer_delay": "10s"}


class LateLog(Lone):
    """Nobody but a commit that waits for it brings the log to the disk: so it shows who does."""

    settings = LATE


@pytest.mark.parametrize(("weakness", "lost"), [("", False), ("late-commit", True)])
async def test_what_was_acknowledged_survives_a_database_that_stops_at_once(
    tmp_path: Path, weakness: str, lost: bool
) -> None:
    stand = LateLog(tmp_path / "stack", weakness=weakness)
    history = History(tmp_path / "history.jsonl")
    try:
        await asyncio.to_thread(stand.up)
        light = Light(stand, history, seed=1, tellers=["referral"])
        async with loaded(light, EVENTS_PER_SECOND):
            for stop in range(1, STOPS + 1):
                await until(partial(enough, light, stop * EACH), True)
                stand.kill("postgres", SIGQUIT)
        await asyncio.to_thread(stand.wait_for_everything)

        found = await checker.misjudged({"referral": stand.dsn("referral")}, history)
    finally:
        stand.remove()
    assert ("lost" in found) == lost
    assert found.keys() <= {"lost"}


async def enough(light: Light, events: int) -> bool:
    return light.told >= events
