"""A short seed on the whole stack; `make faults` has three of a minute, `make soak` ten of five."""

import os

import pytest

from tests.fault import harness

SEED, SECONDS, RATE = 30, 20.0, 200.0
FEWEST_FAULTS, FEWEST_EVENTS = 8, 1000  # however slow the machine

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        "WAYPOST_WHOLE" not in os.environ,
        reason="it wants the machine to itself: WAYPOST_WHOLE=1, or make faults",
    ),
]


def test_a_whole_stack_under_faults_loses_doubles_and_mixes_up_nothing() -> None:
    outcome = harness.whole(SEED, seconds=SECONDS, rate=RATE, weakness="")

    assert outcome.red == [], outcome.verdict.why
    assert len(outcome.history.faults) >= FEWEST_FAULTS
    assert outcome.events >= FEWEST_EVENTS
    assert outcome.acknowledged > 0
