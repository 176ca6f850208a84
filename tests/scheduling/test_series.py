"""Sessions that recur keep New York's time, are booked all or told one by one."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from dateutil import tz
from dateutil.rrule import WEEKLY, rrule
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import Modality, PlaceOfService
from services.chassis.clock import AGENCY
from services.chassis.db import Pool
from services.scheduling.domain.appointments import Plan
from services.scheduling.domain.people import Problem
from services.scheduling.domain.series import MOST_SESSIONS, Series, Weekly, plan_on, starts
from tests.chassis.waiting import at_once
from tests.scheduling.builders import Child, make_mentor, make_plan, register
from tests.scheduling.door import Door

SCHEDULER = "scheduler:sam"
NEW_YORK = tz.gettz("America/New_York")


def make_series(start: str = "2026-12-01T16:00", *, minutes: int = 60, **weekly: Any) -> Series:
    return Series(
        datetime.fromisoformat(start),
        timedelta(minutes=minutes),
        Weekly(**weekly or {"count": 3}),
        PlaceOfService.OTHER,
        Modality.IN_PERSON,
    )


def new_series(episode_id: UUID, **changes: Any) -> dict[str, Any]:
    return {
        "episode_id": str(episode_id),
        "start": "2026-12-01T16:00",
        "minutes": 60,
        "count": 4,
        "place_of_service": "99",
        **changes,
    }


async def book(door: Door, episode_id: UUID, **changes: Any) -> httpx.Response:
    body = new_series(episode_id, **changes)
    return await door.post("/appointments/series", body, by=SCHEDULER)


async def booked(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM appointment WHERE state = 'booked'")
    return count


# --- The clock on the wall -----------------------------------------------------------------------


# Times on the wall have no zone: that is what is tested.
WALL = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2034-01-01")).map(
    lambda at: at.replace(second=0, microsecond=0)
)


@given(
    start=WALL,
    hour=st.sampled_from([None, 1, 2]),  # the hours at which the clocks change
    every=st.integers(1, 4),
    count=st.integers(1, MOST_SESSIONS),
)
def test_every_session_has_the_same_time_on_the_wall_or_none_that_exists(
    start: datetime, hour: int | None, every: int, count: int
) -> None:
    start = start if hour is None else start.replace(hour=hour)
    series = make_series(start.isoformat(), every_weeks=every, count=count)

    assert list(starts(series)) == list(rrule(WEEKLY, start, every, count=count))
    for local in starts(series):
        plan = plan_on(series, local)
        assert isinstance(plan, Plan) == tz.datetime_exists(local, NEW_YORK)
        if isinstance(plan, Plan):
            assert plan.slot.start.astimezone(AGENCY).replace(tzinfo=None, fold=0) == local
            assert plan.slot.start.astimezone(AGENCY).fold == 0
            assert plan.slot.minutes == 60


@given(
    start=WALL,
    days=st.integers(0, 7 * (MOST_SESSIONS - 1)),
)
def test_a_series_ends_on_its_last_day(start: datetime, days: int) -> None:
    until = start.date() + timedelta(days=days)
    series = make_series(start.isoformat(), until=until)

    end = datetime.combine(until, datetime.max.time())
    assert list(starts(series)) == list(rrule(WEEKLY, start, until=end))


def test_the_offset_follows_the_clocks() -> None:
    series = make_series("2026-10-21T16:00")

    instants = [
        plan.slot.start for at in starts(series) if isinstance(plan := plan_on(series, at), Plan)
    ]

    assert instants == [
        datetime(2026, 10, 21, 20, tzinfo=UTC),
        datetime(2026, 10, 28, 20, tzinfo=UTC),
        datetime(2026, 11, 4, 21, tzinfo=UTC),
    ]


def test_a_time_that_the_clocks_skip_is_named_with_its_day() -> None:
    series = make_series("2027-03-07T02:30")

    found = [plan_on(series, at) for at in starts(series)]

    sentence = "02:30 does not exist in New York on 2027-03-14: the clocks skip it."
    assert found[1] == Problem("no-such-time", sentence)
    assert isinstance(found[0], Plan)
    assert isinstance(found[2], Plan)


def test_a_time_that_comes_twice_is_the_first_and_lasts_as_long() -> None:
    series = make_series("2026-10-25T01:30", minutes=45)

    plan = plan_on(series, starts(series)[1])

    assert isinstance(plan, Plan)
    assert plan.slot.start == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert plan.slot.minutes == 45


def test_holidays_are_not_skipped() -> None:
    series = make_series("2026-12-24T16:00", count=2, every_weeks=1)

    assert [at.date() for at in starts(series)] == [date(2026, 12, 24), date(2026, 12, 31)]
    assert starts(make_series("2026-12-18T16:00", count=2))[1].date() == date(2026, 12, 25)


LAST_DAY = date(2026, 12, 14)


# --- Booked --------------------------------------------------------------------------------------


async def test_a_series_over_a_clock_change_is_booked_and_each_session_told(
    door: Door, child: Child
) -> None:
    episode_id = await child.admit()

    answer = await book(door, episode_id, start="2027-03-02T16:00", count=None, until="2027-03-30")

    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["booked"], told["refused"]) == (5, 0)
    assert [turn["start"] for turn in told["sessions"]] == [
        "2027-03-02T16:00:00-05:00",
        "2027-03-09T16:00:00-05:00",
        "2027-03-16T16:00:00-04:00",
        "2027-03-23T16:00:00-04:00",
        "2027-03-30T16:00:00-04:00",
    ]
    assert {turn["appointment"]["series_id"] for turn in told["sessions"]} == {told["series_id"]}
    assert (await child.told()).count("AppointmentBooked") == 5


async def test_one_time_that_is_taken_leaves_all_unbooked_and_is_named(
    door: Door, child: Child, pool: Pool
) -> None:
    episode_id = await child.admit()
    await child.book(make_plan("2026-12-15T16:30"))

    answer = await book(door, episode_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "mentor-busy")
    assert "1 of 4 sessions cannot be booked, so none was. 2026-12-15: " in answer.json()["message"]
    assert await booked(pool) == 1
    assert (await child.told()).count("AppointmentBooked") == 1


async def test_the_rest_is_booked_where_that_is_asked_for(
    door: Door, child: Child, pool: Pool
) -> None:
    episode_id = await child.admit()
    await child.book(make_plan("2026-12-15T16:30"))

    answer = await book(door, episode_id, book="rest")

    assert answer.status_code == 201
    told = answer.json()
    assert (told["booked"], told["refused"]) == (3, 1)
    missed = [turn for turn in told["sessions"] if turn["appointment"] is None]
    assert [(turn["start"], turn["problems"][0]["code"]) for turn in missed] == [
        ("2026-12-15T16:00:00-05:00", "mentor-busy")
    ]
    assert await booked(pool) == 4


async def test_a_series_through_a_skipped_time_is_refused_with_the_day(
    door: Door, child: Child, pool: Pool
) -> None:
    episode_id = await child.admit()

    answer = await book(door, episode_id, start="2027-03-07T02:30")

    assert (answer.status_code, answer.json()["code"]) == (422, "no-such-time")
    assert "2027-03-14" in answer.json()["message"]
    assert await booked(pool) == 0


async def test_nothing_is_booked_after_the_last_eligible_day(
    door: Door, child: Child, pool: Pool
) -> None:
    """S6: who turns 21 in the middle of a series is booked up to the day before."""
    await child.hear(
        child.received(), child.engaged(), child.confirmed(valid_to=date(2026, 12, 14))
    )
    await child.hear(*child.gate_two)
    episode_id = (await child.assign()).episode_id

    refused = await book(door, episode_id)
    rest = await book(door, episode_id, book="rest")

    assert (refused.status_code, refused.json()["code"]) == (422, "not-eligible")
    assert "2026-12-15" in refused.json()["message"]
    assert "2026-12-22" in refused.json()["message"]
    assert rest.json()["booked"] == 2
    assert await booked(pool) == 2


async def test_a_series_of_which_nothing_can_be_had_is_refused(door: Door, child: Child) -> None:
    episode_id = await child.admit()

    answer = await book(door, episode_id, start="2027-08-03T16:00", book="rest")

    assert (answer.status_code, answer.json()["code"]) == (422, "not-eligible")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"until": "2026-12-31"}, "invalid-request"),
        ({"count": None}, "invalid-request"),
        ({"start": "2026-12-01T16:00:00-05:00"}, "invalid-request"),
        ({"count": 0}, "invalid-request"),
        ({"minutes": 0}, "invalid-request"),
        ({"count": MOST_SESSIONS + 1}, "too-many-sessions"),
        ({"count": None, "until": "2026-11-30"}, "no-session"),
    ],
    ids=["two-ends", "no-end", "offset", "none", "no-time", "too-many", "over-before-it-begins"],
)
async def test_a_series_that_cannot_be_meant_is_refused(
    door: Door, changes: dict[str, Any], code: str
) -> None:
    answer = await book(door, uuid4(), **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_of_two_schedulers_who_book_one_mentor_at_once_one_has_all(
    door: Door, pool: Pool
) -> None:
    await register(pool, make_mentor(max_hours=60))
    episodes = [await Child(pool).admit() for _ in range(2)]

    answers = await at_once(
        *(partial(book, door, one, start=at) for one, at in zip(episodes, BOTH, strict=True))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert await booked(pool) == 4


async def test_of_two_who_take_the_rest_each_time_goes_to_one(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    episodes = [await Child(pool).admit() for _ in range(2)]
    mine = await book(door, episodes[0], start="2026-12-08T16:00", count=1)
    assert mine.status_code == 201

    answers = await at_once(
        *(
            partial(book, door, one, start=at, book="rest")
            for one, at in zip(episodes, BOTH, strict=True)
        )
    )

    had = sum(answer.json().get("booked", 0) for answer in answers)
    assert had == 3
    assert await booked(pool) == 4


BOTH = ("2026-12-01T16:00", "2026-12-01T16:30")


# --- Cancelled -----------------------------------------------------------------------------------


async def test_a_series_is_cancelled_from_a_day_on(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    series_id = (await book(door, episode_id)).json()["series_id"]
    path = f"/appointments/series/{series_id}/cancel"

    for _ in range(2):
        body = {"reason": "family", "from_day": "2026-12-10"}
        answer = await door.post(path, body, by=SCHEDULER)

    assert [one["state"] for one in answer.json()] == [*["booked"] * 2, *["cancelled"] * 2]
    assert (await child.told()).count("AppointmentCancelled") == 2


async def test_a_mentor_cancels_no_series_of_another(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    series_id = (await book(door, episode_id)).json()["series_id"]
    path = f"/appointments/series/{series_id}/cancel"

    answer = await door.post(path, {"reason": "mentor"}, by="mentor:mia")

    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-series")


async def test_a_mentor_books_no_series_in_an_episode_of_another(door: Door, child: Child) -> None:
    episode_id = await child.admit()

    answer = await door.post("/appointments/series", new_series(episode_id), by="mentor:mia")

    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-episode")
