"""The harness on its smallest stand: green when nothing is weak, red when something is.

Each weakness meets the fault that it does not survive, and ends with the finding that belongs to
it. The same fault without the weakness is green: so it was the weakness that was seen.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGKILL

import asyncpg
import pytest

from tests.chassis.waiting import until
from tests.fault import clocks, harness, load
from tests.fault import stand as damages
from tests.fault.load import SIZES
from tests.fault.nemesis import (
    HOUR,
    Act,
    Nemesis,
    clock_moved,
    database_stops,
    killed,
    loses,
)
from tests.fault.report import Outcome
from tests.fault.stand import Bare

SECONDS, RATE = 4.0, 400.0
NEVER_SECONDS = 4.0  # a run that cannot recover need not be waited for as long
WAITS = """
    SELECT EXISTS (
        SELECT FROM pg_locks
         WHERE NOT granted
           AND relation = 'light_effect'::regclass
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""
STORED = "SELECT count(*) FROM event"
PUBLISHED = "SELECT count(*) FROM event WHERE published_at IS NOT NULL"
APPLIED = "SELECT count(*) FROM light_effect"
SOME = 100  # events: a quarter of a second of load
SMALL = (1, 3)  # acts that seldom wait for one another, so that they commit as they please
RECOVERY_SECONDS = 90.0  # this machine may run other tests, too
ONE_KILL_SECONDS = 15.0  # after one process was killed, on a machine that has nothing else to do


async def database_stops_amid_a_batch(nemesis: Nemesis) -> None:
    """The consumer has a batch in hand for sure: it waits for a table that somebody holds."""
    conn = await asyncpg.connect(nemesis.stand.dsn("scheduling"))
    try:
        await conn.execute("BEGIN; LOCK TABLE light_effect")
        async with asyncio.timeout(RECOVERY_SECONDS):
            while not await conn.fetchval(WAITS):  # noqa: ASYNC110 (another process waits)
                await asyncio.sleep(0.005)
        await database_stops(nemesis)
    finally:
        conn.terminate()


async def broker_away(nemesis: Nemesis) -> None:
    """And the relay dies with what it could not send."""
    stand = nemesis.stand
    stand.folder.held("kafka").touch()
    stand.kill("kafka", SIGKILL)
    await grows(nemesis, "referral", STORED)
    await asyncio.sleep(2)  # not a wait for anything: as long as this lasts
    await killed("referral", SIGKILL)(nemesis)
    await nemesis.apart(stand.start, "kafka")
    await nemesis.apart(stand.until_kafka_is_ready)


async def offsets_deleted(nemesis: Nemesis) -> None:
    """And what comes again for that has been applied before, for sure."""
    await grows(nemesis, "scheduling", APPLIED)
    await loses(damages.forget_offsets)(nemesis)


async def grows(nemesis: Nemesis, service: str, count: str) -> None:
    """Until a service's database has some more of these than now."""
    conn = await asyncpg.connect(nemesis.stand.dsn(service))
    try:
        wanted: int = await conn.fetchval(count) + SOME

        async def enough() -> bool:
            found: int = await conn.fetchval(count)
            return found >= wanted

        await until(enough, True, seconds=RECOVERY_SECONDS)
    finally:
        await conn.close()


async def wiped_unread(nemesis: Nemesis) -> None:
    """The log is lost while a consumer is away: it has not read the end of it."""
    stand = nemesis.stand
    await nemesis.apart(stand.stop, "scheduling")
    await grows(nemesis, "referral", PUBLISHED)
    await loses(damages.wipe)(nemesis)
    await nemesis.apart(stand.start, "scheduling")


async def clock_goes_back_over_a_lost_log(nemesis: Nemesis) -> None:
    """A consumer an hour ahead begins to ask for what the log has lost; then its clock is right."""
    stand = nemesis.stand
    stand.move_clock("scheduling", f"{HOUR:+}s")
    try:
        await wiped_unread(nemesis)
        await asyncio.sleep(3)  # not a wait for anything: as long as this lasts
    finally:
        stand.move_clock("scheduling", clocks.RIGHT)


DATABASE = {"postgres stops at once": database_stops}
AMID = {"postgres stops amid a batch": database_stops_amid_a_batch}
CONSUMER = {"kill -9 scheduling": killed("scheduling", SIGKILL)}
OFFSETS = {"offsets deleted": offsets_deleted}
AWAY = {"kafka away": broker_away}
WIPED = {"log wiped unread": wiped_unread}
NOTHING: Mapping[str, Act] = {}
BACK = {"clock goes back over a lost log": clock_goes_back_over_a_lost_log}
CLOCKS = {
    "a producer an hour ahead": clock_moved("referral", HOUR),
    "a producer an hour behind": clock_moved("referral", -HOUR),
    "a consumer an hour ahead": clock_moved("scheduling", HOUR),
    "a consumer an hour behind": clock_moved("scheduling", -HOUR),
    "PostgreSQL two hours ahead": clock_moved("postgres", 2 * HOUR),
}

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    stand = Bare(Path(tmp_path_factory.mktemp("bare")) / "stack")
    try:
        stand.up()
        yield stand
    finally:
        stand.remove()


seeds = itertools.count(31)  # each run has youths and acts of its own


def run(
    bare: Bare,
    faults: Mapping[str, Act],
    *,
    weakness: str,
    patience: float,
    sizes: tuple[int, int] = SIZES,
) -> Outcome:
    """Load one producer, let these faults happen in turn, and judge."""
    bare.change(weakness)
    return asyncio.run(
        harness.run(
            bare,
            seed=next(seeds),
            seconds=SECONDS,
            events_per_second=RATE,
            decks=[faults],
            tellers=["referral"],
            sizes=sizes,
            recovers_in=patience,
            fewest=(1 if faults else 0, 0),
        )
    )


MOVABLE = pytest.mark.skipif(
    not clocks.library(), reason="no libfaketime: deploy/local/packages.sh faketime installs it"
)
# Tests of one weakness stand one after the other: with another the services begin again.
SURVIVED = pytest.mark.parametrize(
    ("weakness", "faults", "sizes"),
    [
        pytest.param("", WIPED, SIZES, id="with catch-up"),
        pytest.param("", BACK, SIZES, id="clock back over a lost log", marks=MOVABLE),
        pytest.param("wire-only", DATABASE | CONSUMER | AWAY | OFFSETS, SIZES, id="wire only"),
        pytest.param("wire-only", AMID, SMALL, id="amid a batch"),
    ],
)
FATAL = pytest.mark.parametrize(
    ("weakness", "faults", "sizes", "finding"),
    [
        pytest.param("wire-only", WIPED, SIZES, "lost", id="no-catch-up"),
        pytest.param("auto-commit", AMID, SIZES, "lost", id="auto-commit"),
        pytest.param("high-water", NOTHING, SMALL, "lost", id="high-water"),
        pytest.param("no-cursor", OFFSETS, SIZES, "duplicate", id="no-cursor"),
        pytest.param("mark-before-ack", AWAY, SIZES, "lost", id="mark-before-ack"),
    ],
)


MOVED = pytest.mark.parametrize(
    "faults", [pytest.param({name: act}, id=name) for name, act in CLOCKS.items()]
)
ALONE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) == 1


def test_a_process_that_was_killed_has_caught_up_within_fifteen_seconds(bare: Bare) -> None:
    busy = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)  # by more than a run such as this
    outcome = run(bare, CONSUMER, weakness="", patience=RECOVERY_SECONDS)

    assert outcome.red == []
    assert len(outcome.history.faults) >= 1
    assert outcome.recovery is not None
    assert outcome.recovery <= (ONE_KILL_SECONDS if ALONE and not busy else RECOVERY_SECONDS)


@SURVIVED
def test_what_we_survive_is_green(
    bare: Bare, weakness: str, faults: Mapping[str, Act], sizes: tuple[int, int]
) -> None:
    outcome = run(bare, faults, weakness=weakness, patience=RECOVERY_SECONDS, sizes=sizes)

    assert outcome.red == []
    assert outcome.events > 0
    assert len(outcome.history.faults) >= 1


@MOVABLE
@MOVED
def test_no_clock_that_jumps_loses_doubles_or_reorders(
    bare: Bare, faults: Mapping[str, Act]
) -> None:
    outcome = run(bare, faults, weakness="wire-only", patience=RECOVERY_SECONDS)

    assert outcome.red == []
    assert len(outcome.history.faults) >= 1


@FATAL
def test_each_planted_weakness_is_found(
    bare: Bare,
    weakness: str,
    faults: Mapping[str, Act],
    sizes: tuple[int, int],
    finding: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Some acts begin before others and commit long after them, for sure.
    monkeypatch.setattr(load, "SLOWEST_SECONDS", 0.3)
    outcome = run(bare, faults, weakness=weakness, patience=NEVER_SECONDS, sizes=sizes)

    assert outcome.verdict.counts[finding] > 0
    # What comes twice keeps what is new waiting, so that not all of it need have come yet.
    others = {"ghost", "disagreeing", "torn"} | ({"duplicate"} - {finding})
    assert {what: outcome.verdict.counts[what] for what in others} == dict.fromkeys(others, 0)
