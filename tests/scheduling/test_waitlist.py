from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import rules
from contracts.codes import Priority
from services.scheduling.domain import policy
from services.scheduling.domain.episodes import WaitState
from services.scheduling.domain.matching import Wish
from services.scheduling.domain.waitlist import Entry, in_order, waits_longer
from tests.scheduling.builders import TODAY

URGENT = policy.urgent_priorities(rules.load(), on=TODAY)
FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)


def make_entry(number: int, **changes: Any) -> Entry:
    given: dict[str, Any] = {
        "wait_started": FIRST,
        "state": WaitState.WAITING,
        "priority": Priority.ROUTINE,
        "hub_service": None,
        "wish": Wish(),
    }
    return Entry(UUID(int=number), UUID(int=number), **{**given, **changes})


def order(*entries: Entry, fit: dict[int, float] | None = None) -> list[int]:
    found = in_order(entries, lambda e: (fit or {}).get(e.referral_id.int, 0.0), urgent=URGENT)
    return [entry.referral_id.int for entry in found]


@pytest.mark.parametrize("priority", [Priority.URGENT, Priority.ASAP, Priority.STAT])
def test_who_is_urgent_comes_before_who_waits_longer(priority: Priority) -> None:
    later = make_entry(2, wait_started=SECOND, priority=priority)

    assert order(make_entry(1), later) == [2, 1]


def test_who_was_received_earlier_comes_first_however_well_another_fits() -> None:
    assert order(make_entry(1, wait_started=SECOND), make_entry(2), fit={1: 100.0}) == [2, 1]


def test_of_equals_who_can_be_served_best_comes_first() -> None:
    assert order(make_entry(1), make_entry(2), fit={1: 40.0, 2: 60.0}) == [2, 1]


def test_fit_is_looked_at_for_equals_only() -> None:
    def unasked(entry: Entry) -> float:
        raise AssertionError("nobody is equal")

    found = in_order([make_entry(1), make_entry(2, wait_started=SECOND)], unasked, urgent=URGENT)

    assert len(found) == 2


@pytest.mark.parametrize(
    ("one", "longer"),
    [
        (make_entry(2, wait_started=FIRST), True),
        (make_entry(2, wait_started=SECOND), False),
        (make_entry(2, wait_started=date(2026, 11, 9), priority=Priority.URGENT), True),
    ],
    ids=["earlier", "same-day", "urgent"],
)
def test_only_who_is_more_urgent_or_earlier_is_passed_over(one: Entry, longer: bool) -> None:
    assert waits_longer(one, make_entry(1, wait_started=SECOND), urgent=URGENT) == longer


ENTRIES = st.lists(
    st.builds(
        make_entry,
        st.integers(1, 50),
        wait_started=st.sampled_from([FIRST, SECOND]),
        priority=st.sampled_from(list(Priority)),
    ),
    unique_by=lambda entry: entry.referral_id,
)


@given(ENTRIES, st.randoms())
def test_the_order_does_not_depend_on_how_the_entries_come(
    entries: list[Entry], random: Any
) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)

    assert order(*entries) == order(*shuffled)
