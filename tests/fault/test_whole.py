"""What `make faults` runs: three seeds of a minute, each on a whole stack; `make soak` is longer.

Some ten minutes of two cores: where several workers share the machine it is left out.
"""

import os
from functools import cache

import pytest

from tests.fault import harness
from tests.fault.report import Outcome

SEEDS = range(harness.FIRST_SEED, harness.FIRST_SEED + int(harness.USUAL["SEEDS"]))
SECONDS = float(harness.USUAL["SECONDS"])
FEWEST_FAULTS, FEWEST_EVENTS = 60, 60_000  # of all seeds together
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        WORKERS > 1 and "CI" not in os.environ,
        reason="it wants the machine to itself: make test WORKERS=, or make faults",
    ),
]


@cache
def outcome(seed: int) -> Outcome:
    return harness.whole(seed, seconds=SECONDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_whole_stack_under_faults_loses_doubles_and_mixes_up_nothing(seed: int) -> None:
    found = outcome(seed)

    assert found.red == [], found.verdict.why
    assert found.seconds >= SECONDS
    assert found.acknowledged > 0


def test_three_seeds_have_sixty_faults_and_sixty_thousand_events() -> None:
    found = [outcome(seed) for seed in SEEDS]

    assert sum(len(one.history.faults) for one in found) >= FEWEST_FAULTS
    assert sum(one.events for one in found) >= FEWEST_EVENTS
