from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts import rules
from contracts.codes import Modality, PlaceOfService
from services.scheduling.domain import policy
from services.scheduling.domain.appointments import (
    Booking,
    NoSuchTime,
    SessionRules,
    Slot,
    booking_problems,
    booking_warnings,
    instant,
    planned_units,
)
from services.scheduling.domain.episodes import EpisodeState, GateOne, HubSpan
from tests.scheduling.builders import LATER, MENTOR, NOW, TODAY, make_plan

RULES = SessionRules(unit_minutes=15, max_minutes=240, one_day=True)
DAY = date(2026, 12, 1)


def make_booking(**changes: Any) -> Booking:
    given: dict[str, Any] = {
        "episode_id": UUID(int=5),
        "referral_id": UUID(int=6),
        "youth_id": UUID(int=7),
        "state": EpisodeState.OPEN,
        "opened_on": TODAY,
        "mentor_id": MENTOR,
        "standing_until": LATER,
        "gate_one": GateOne(True, TODAY, LATER),
        "lapsed_on": None,
        "hubs": (HubSpan(TODAY, None),),
        "treatment_from": NOW,
    }
    return Booking(**{**given, **changes})


def codes(booking: Booking | None = None, **plan: Any) -> list[str]:
    found = booking_problems(make_plan(**plan), booking or make_booking(), RULES)
    return [problem.code for problem in found]


def test_a_session_within_all_guards_may_be_booked() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": EpisodeState.PENDING}, "episode-not-open"),
        ({"state": EpisodeState.ON_HOLD}, "episode-not-open"),
        ({"opened_on": DAY + timedelta(days=1)}, "before-episode"),
        ({"gate_one": None}, "not-eligible"),
        ({"gate_one": GateOne(False)}, "not-eligible"),
        ({"gate_one": GateOne(True, TODAY, DAY - timedelta(days=1))}, "not-eligible"),
        ({"gate_one": GateOne(True, DAY + timedelta(days=1), LATER)}, "not-eligible"),
        ({"lapsed_on": DAY}, "coverage-lapsed"),
        ({"hubs": ()}, "hub-not-active"),
        ({"hubs": (HubSpan(TODAY, DAY),)}, "hub-not-active"),
        ({"hubs": (HubSpan(None, None),)}, "hub-not-active"),
        ({"treatment_from": None}, "no-consent"),
        ({"treatment_from": datetime(2026, 12, 2, tzinfo=UTC)}, "no-consent"),
        ({"standing_until": DAY - timedelta(days=1)}, "mentor-standing"),
    ],
)
def test_a_guard_that_does_not_hold_is_named(changes: dict[str, Any], code: str) -> None:
    assert codes(make_booking(**changes)) == [code]


@pytest.mark.parametrize(
    "changes",
    [
        {"gate_one": GateOne(True, DAY, DAY)},
        {"hubs": (HubSpan(DAY, DAY + timedelta(days=1)),)},
        {"lapsed_on": DAY + timedelta(days=1)},
        {"standing_until": DAY},
        {"standing_until": None},
        {"opened_on": DAY},
    ],
    ids=["eligible-that-day", "hubs-only-day", "lapses-next-day", "last-day", "no-end", "opens"],
)
def test_the_first_and_the_last_good_day_are_good(changes: dict[str, Any]) -> None:
    assert codes(make_booking(**changes)) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    broken = make_booking(gate_one=None, hubs=(), treatment_from=None)

    assert codes(broken, minutes=-30) == [
        "ends-before-start",
        "not-eligible",
        "hub-not-active",
        "no-consent",
    ]


@pytest.mark.parametrize(
    ("begins", "minutes", "found"),
    [
        ("2026-12-01T23:00", 60, []),
        ("2026-12-01T23:00", 61, ["crosses-midnight"]),
        ("2026-12-01T16:00", 26 * 60, ["crosses-midnight"]),
        ("2026-12-01T16:00", 0, ["ends-before-start"]),
        ("2026-12-01T16:00", -10, ["ends-before-start"]),
        ("2027-03-14T01:00", 120, []),
        ("2026-12-01T20:00", 60, []),
    ],
    ids=["to-midnight", "past-it", "26-hours", "no-time", "backwards", "clocks-skip", "utc-next"],
)
def test_a_session_lies_within_one_new_york_day(
    begins: str, minutes: int, found: list[str]
) -> None:
    assert codes(begins=begins, minutes=minutes) == found


@pytest.mark.parametrize("place", ["02", "10"])
def test_a_telehealth_place_needs_a_screen_or_a_telephone(place: str) -> None:
    assert codes(place=PlaceOfService(place)) == ["place-not-in-person"]
    assert codes(place=PlaceOfService(place), modality=Modality.VIDEO) == []


def test_a_long_session_is_allowed_and_warned_of() -> None:
    assert booking_warnings(make_plan(minutes=240), RULES) == ()
    assert booking_warnings(make_plan(minutes=241), RULES) == ("session-long",)


@pytest.mark.parametrize(
    ("minutes", "units"),
    [(0, 0), (14, 0), (15, 1), (29, 1), (30, 2), (53, 3), (60, 4), (119, 7), (120, 8), (-5, 0)],
)
def test_a_plan_promises_whole_units_only(minutes: int, units: int) -> None:
    assert planned_units(make_plan(minutes=minutes).slot, RULES) == units


def test_seconds_make_no_minute() -> None:
    start = datetime(2026, 12, 1, 16, tzinfo=UTC)

    assert planned_units(Slot(start, start + timedelta(minutes=14, seconds=59)), RULES) == 0


def test_an_hour_that_the_clocks_skip_is_not_counted() -> None:
    slot = Slot(
        instant(datetime.fromisoformat("2027-03-14T01:30")),
        instant(datetime.fromisoformat("2027-03-14T03:30")),
    )

    assert slot.minutes == 60


@pytest.mark.parametrize("skipped", ["2027-03-14T02:00", "2027-03-14T02:59"])
def test_a_time_that_does_not_exist_is_no_time(skipped: str) -> None:
    with pytest.raises(NoSuchTime):
        instant(datetime.fromisoformat(skipped))


def test_a_time_that_comes_twice_is_the_first() -> None:
    assert instant(datetime.fromisoformat("2026-11-01T01:30")) == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )


def test_a_time_with_an_offset_stays_that_instant() -> None:
    at = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)

    assert instant(at) == at


def test_the_rule_pack_says_how_long_a_unit_is() -> None:
    assert policy.session_rules(rules.load(), on=DAY) == RULES
