"""When a mentor can come: windows and hours warn, time off forbids."""

import asyncio
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.auth import staff_id
from services.chassis.db import Pool
from services.scheduling.domain.appointments import Slot
from services.scheduling.domain.availability import (
    Availability,
    availability_problems,
    availability_warnings,
)
from services.scheduling.domain.people import window
from tests.chassis.waiting import at_once
from tests.scheduling.builders import MENTOR, Child, make_mentor, make_plan, register
from tests.scheduling.door import ISSUER, Door
from tests.scheduling.test_api import new_appointment

SCHEDULER = "scheduler:sam"
TUESDAYS = (window(2, "15:00", "19:00"), window(2, "22:00", "24:00"))


def slot(begins: str, *, minutes: int = 60) -> Slot:
    return make_plan(begins, minutes=minutes).slot


def make_availability(**changes: Any) -> Availability:
    given: dict[str, Any] = {"windows": TUESDAYS, "max_hours": 10.0}
    return Availability(**{**given, **changes})


# --- The rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "warnings"),
    [
        ("2026-12-01T16:00", ()),
        ("2026-12-01T15:00", ()),
        ("2026-12-01T18:00", ()),
        ("2026-12-01T23:00", ()),
        ("2026-12-01T14:59", ("outside-availability",)),
        ("2026-12-01T18:01", ("outside-availability",)),
        ("2026-12-02T16:00", ("outside-availability",)),
        ("2027-03-16T15:00", ()),
    ],
    ids=["within", "first", "last", "to-midnight", "early", "late", "other-day", "summer-time"],
)
def test_a_session_outside_the_mentors_windows_is_warned_of(
    begins: str, warnings: tuple[str, ...]
) -> None:
    assert availability_warnings(slot(begins), make_availability()) == warnings


def test_a_mentor_without_windows_is_asked_each_time() -> None:
    assert availability_warnings(slot("2026-12-02T03:00"), make_availability(windows=())) == ()


def test_hours_count_from_monday_to_sunday() -> None:
    taken = (slot("2026-11-29T16:00", minutes=240), slot("2026-12-06T16:00", minutes=120))
    mentor = make_availability(windows=(), max_hours=3.0, taken=taken)

    assert availability_warnings(slot("2026-12-01T16:00"), mentor) == ()
    assert availability_warnings(slot("2026-12-01T16:00", minutes=61), mentor) == (
        "over-max-hours",
    )


def test_nothing_is_booked_in_time_off_and_touching_is_no_overlap() -> None:
    away = (slot("2026-12-01T12:00", minutes=240),)
    mentor = make_availability(away=away)

    def codes(begins: str) -> list[str]:
        return [problem.code for problem in availability_problems(slot(begins), mentor)]

    assert codes("2026-12-01T15:30") == ["mentor-away"]
    assert codes("2026-12-01T16:00") == []
    assert codes("2026-12-01T11:00") == []


def test_nothing_is_booked_from_the_day_on_which_a_mentor_leaves() -> None:
    mentor = make_availability(leaves_on=date(2026, 12, 2))

    assert availability_problems(slot("2026-12-01T16:00"), mentor) == ()
    assert [p.code for p in availability_problems(slot("2026-12-02T16:00"), mentor)] == [
        "mentor-leaving"
    ]


# --- At the door ---------------------------------------------------------------------------------


async def test_a_booking_warns_of_windows_and_hours(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=2))
    episode_id = await Child(pool).admit()

    first = await door.post("/appointments", new_appointment(episode_id), by=SCHEDULER)
    second = await door.post(
        "/appointments",
        new_appointment(episode_id, start="2026-12-02T15:00", end="2026-12-02T17:00"),
        by=SCHEDULER,
    )

    assert first.json()["warnings"] == ["outside-availability"]  # a Tuesday
    assert (second.status_code, second.json()["warnings"]) == (201, ["over-max-hours"])


async def test_a_mentor_takes_time_off_and_learns_what_stands_in_it(door: Door, pool: Pool) -> None:
    mia = staff_id(ISSUER, "mia")
    await register(pool, make_mentor(mentor_id=mia, max_hours=60))
    child = Child(pool)
    episode_id = await admitted(child, mia)
    appointment_id = await child.book(make_plan("2026-12-01T16:00"))
    body = {"begins": "2026-12-01T00:00", "ends": "2026-12-08T00:00"}

    away = await door.post(f"/mentors/{mia}/time-off", body, by="mentor:mia")
    booked = await door.post("/appointments", new_appointment(
        episode_id, start="2026-12-03T16:00", end="2026-12-03T17:00"), by=SCHEDULER)  # fmt: skip

    assert away.status_code == 201
    assert away.json()["affected"] == [str(appointment_id)]
    assert (booked.status_code, booked.json()["code"]) == (422, "mentor-away")


async def admitted(child: Child, mentor_id: UUID) -> UUID:
    await child.wait()
    await child.hear(*child.gate_two)
    return (await child.assign(mentor_id)).episode_id


async def test_time_off_that_is_ended_is_free_again(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    body = {"begins": "2026-12-01T00:00", "ends": "2026-12-08T00:00"}
    away = await door.post(f"/mentors/{MENTOR}/time-off", body, by=SCHEDULER)

    twice = await door.post(f"/mentors/{MENTOR}/time-off", body, by=SCHEDULER)
    ended = await door.post(f"/time-off/{away.json()['time_off_id']}/end", {}, by=SCHEDULER)
    again = await door.post(f"/time-off/{away.json()['time_off_id']}/end", {}, by=SCHEDULER)
    booked = await door.post("/appointments", new_appointment(episode_id), by=SCHEDULER)

    assert (twice.status_code, twice.json()["code"]) == (409, "away-already")
    assert (ended.status_code, again.status_code, booked.status_code) == (204, 404, 201)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"begins": "2026-12-08T00:00", "ends": "2026-12-01T00:00"}, "ends-before-start"),
        ({"begins": "2027-03-14T02:30", "ends": "2027-03-15T00:00"}, "no-such-time"),
    ],
)
async def test_time_off_that_cannot_be_meant_is_refused(
    door: Door, body: dict[str, str], code: str
) -> None:
    answer = await door.post(f"/mentors/{MENTOR}/time-off", body, by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_booking_and_time_off_at_once_do_not_miss_each_other(
    door: Door, child: Child
) -> None:
    episode_id = await child.admit()
    body = {"begins": "2026-12-01T00:00", "ends": "2026-12-02T00:00"}

    booked, away = await at_once(
        partial(door.post, "/appointments", new_appointment(episode_id), by=SCHEDULER),
        partial(door.post, f"/mentors/{MENTOR}/time-off", body, by=SCHEDULER),
    )

    assert away.status_code == 201
    if booked.status_code == 201:
        assert away.json()["affected"] == [booked.json()["appointment_id"]]
    else:
        assert booked.json()["code"] == "mentor-away"


@pytest.mark.usefixtures("patient")
async def test_a_booking_waits_for_time_off_that_is_being_entered(
    door: Door, child: Child, pool: Pool
) -> None:
    episode_id = await child.admit()
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT FROM mentor WHERE mentor_id = $1 FOR UPDATE", MENTOR)
        asked = asyncio.create_task(
            door.post("/appointments", new_appointment(episode_id), by=SCHEDULER)
        )
        await someone_waits(pool)
        await conn.execute(
            """
            INSERT INTO time_off
            VALUES ($1, $2, tstzrange('2026-12-01Z', '2026-12-03Z'), $2, now())
            """,
            *(uuid4(), MENTOR),
        )

    assert (await asked).json()["code"] == "mentor-away"


async def someone_waits(pool: Pool) -> None:
    """Until another connection to this database waits for a lock."""
    deadline = asyncio.get_running_loop().time() + 60
    waiting = """
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'
        """
    while not await pool.fetchval(waiting):
        assert asyncio.get_running_loop().time() < deadline, "nobody waited"
        await asyncio.sleep(0.02)


async def test_a_calendar_shows_weeks_windows_and_time_off(door: Door, child: Child) -> None:
    await child.admit()
    appointment_id = await child.book(make_plan("2026-12-01T16:00", minutes=90))
    body = {"begins": "2026-12-10T00:00", "ends": "2026-12-11T00:00"}
    await door.post(f"/mentors/{MENTOR}/time-off", body, by=SCHEDULER)

    answer = await door.get(
        f"/mentors/{MENTOR}/calendar?from_day=2026-12-02&days=14", by="supervisor:sue"
    )

    told = answer.json()
    assert [one["appointment_id"] for one in told["appointments"]] == [str(appointment_id)]
    assert told["weeks"] == [
        {"monday": "2026-11-30", "hours": 1.5, "max_hours": 60.0},
        {"monday": "2026-12-07", "hours": 0.0, "max_hours": 60.0},
    ]
    assert told["windows"][0] == {"weekday": 1, "begins": "15:00", "ends": "19:00"}
    assert told["time_off"][0]["begins"] == "2026-12-10T00:00:00-05:00"


async def test_a_mentor_sees_and_changes_no_other_mentors_times(door: Door, child: Child) -> None:
    body = {"begins": "2026-12-01T00:00", "ends": "2026-12-08T00:00"}

    seen = await door.get(f"/mentors/{MENTOR}/calendar", by="mentor:mia")
    taken = await door.post(f"/mentors/{MENTOR}/time-off", body, by="mentor:mia")

    assert (seen.status_code, taken.status_code) == (403, 403)


async def test_new_windows_and_hours_count_at_the_next_match(door: Door, child: Child) -> None:
    await child.wait()
    body = {"windows": [{"weekday": 5, "begins": "09:00", "ends": "12:00"}], "max_hours": 1}

    kept = await door.ask("PUT", f"/mentors/{MENTOR}/availability", by=SCHEDULER, json=body)
    matches = await door.get(f"/waitlist/{child.referral_id}/matches", by=SCHEDULER)

    assert kept.status_code == 200
    assert [reason["code"] for reason in matches.json()[0]["excluded"]] == ["capacity"]


async def test_nobody_unknown_has_a_calendar(door: Door) -> None:
    assert (await door.get(f"/mentors/{uuid4()}/calendar", by=SCHEDULER)).status_code == 404


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_a_day_out_of_reach_is_no_day(door: Door, child: Child, day: str) -> None:
    calendar = await door.get(f"/mentors/{MENTOR}/calendar?from_day={day}", by=SCHEDULER)
    body = {"reason": "mentor_left", "leaves_on": day}
    leaving = await door.post(f"/mentors/{MENTOR}/leave", body, by="admin:ada")

    assert (calendar.status_code, leaving.status_code) == (422, 422)
