"""The harness on its smallest stand: green when nothing is weak, red when something is.

Each weakness meets the fault that it does not survive, and ends with the finding that belongs to
it. The same fault without the weakness is green: so it was the weakness that was seen.
"""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.fault import harness
from tests.fault import stand as damages
from tests.fault.nemesis import Act, Nemesis, database_stops, killed, loses
from tests.fault.report import Outcome
from tests.fault.stand import Bare

SECONDS, RATE = 4.0, 400.0
NEVER_SECONDS = 4.0  # a run that cannot recover need not be waited for as long
RECOVERY_SECONDS = 90.0  # this machine may run other tests, too


async def broker_away(nemesis: Nemesis) -> None:
    """And the relay dies with what it could not send."""
    stand = nemesis.stand
    stand.folder.held("kafka").touch()
    stand.kill("kafka", SIGKILL)
    await asyncio.sleep(2)  # not a wait for anything: as long as this lasts
    await killed("referral", SIGKILL)(nemesis)  # type: ignore[misc]
    await nemesis.apart(stand.start, "kafka")
    await nemesis.apart(stand.until_kafka_is_ready)


async def wiped_unread(nemesis: Nemesis) -> None:
    """The log is lost while a consumer is away: it has not read the end of it."""
    stand = nemesis.stand
    await nemesis.apart(stand.stop, "scheduling")
    await asyncio.sleep(1)  # not a wait for anything: as long as this lasts
    await loses(damages.wipe)(nemesis)  # type: ignore[misc]
    await nemesis.apart(stand.start, "scheduling")


DATABASE = {"postgres stops at once": database_stops}
CONSUMER = {"kill -9 scheduling": killed("scheduling", SIGKILL)}
OFFSETS = {"offsets deleted": loses(damages.forget_offsets)}
AWAY = {"kafka away": broker_away}
WIPED = {"log wiped unread": wiped_unread}
NOTHING: Mapping[str, Act] = {}

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


def run(bare: Bare, faults: Mapping[str, Act], *, weakness: str, patience: float) -> Outcome:
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
            patience=patience,
        )
    )


SURVIVED = pytest.mark.parametrize(
    ("weakness", "faults"),
    [
        pytest.param("wire-only", DATABASE | CONSUMER | AWAY | OFFSETS, id="wire only"),
        pytest.param("", WIPED, id="with catch-up"),
    ],
)
FATAL = pytest.mark.parametrize(
    ("weakness", "faults", "finding"),
    [
        pytest.param("auto-commit", DATABASE, "lost", id="auto-commit"),
        pytest.param("high-water", NOTHING, "lost", id="high-water"),
        pytest.param("no-cursor", OFFSETS, "duplicate", id="no-cursor"),
        pytest.param("mark-before-ack", AWAY, "lost", id="mark-before-ack"),
        pytest.param("no-catch-up", WIPED, "lost", id="no-catch-up"),
    ],
)


@SURVIVED
def test_what_we_survive_is_green(bare: Bare, weakness: str, faults: Mapping[str, Act]) -> None:
    outcome = run(bare, faults, weakness=weakness, patience=RECOVERY_SECONDS)

    assert outcome.red == []
    assert outcome.events > 0
    assert len(outcome.history.faults) >= 1


@FATAL
def test_each_planted_weakness_is_found(
    bare: Bare, weakness: str, faults: Mapping[str, Act], finding: str
) -> None:
    outcome = run(bare, faults, weakness=weakness, patience=NEVER_SECONDS)

    assert outcome.verdict.counts[finding] > 0
    # What comes twice keeps what is new waiting, so that not all of it need have come yet.
    others = {"ghost", "disagreeing", "torn"} | ({"duplicate"} - {finding})
    assert {what: outcome.verdict.counts[what] for what in others} == dict.fromkeys(others, 0)
