"""A mentor's calendar feed, read back by the library that others read it with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar, Event

from services.chassis.auth import staff_id
from services.chassis.db import Pool
from tests.scheduling.builders import MENTOR, NOW, Child, make_mentor, make_plan, register
from tests.scheduling.door import ISSUER, Door
from tests.scheduling.test_leaving import leave

SCHEDULER = "scheduler:sam"


def said(event: Event, *names: str) -> list[str]:
    """Properties as text: the library's own types differ from name to name."""
    return [str(event[name]) for name in names]


async def feed(door: Door, by: str = SCHEDULER) -> dict[str, Event]:
    """The events by their id, as a calendar program reads them."""
    answer = await door.get(f"/mentors/{MENTOR}/calendar.ics", by=by)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return events(answer)


def events(answer: httpx.Response) -> dict[str, Event]:
    assert answer.status_code == 200, answer.text
    calendar = Calendar.from_ical(answer.content)
    assert isinstance(calendar, Calendar)
    assert not calendar.errors
    found = [one for one in calendar.walk("VEVENT") if isinstance(one, Event)]
    assert not any(one.errors for one in found)
    return {said(one, "UID")[0].partition("@")[0]: one for one in found}


async def link(door: Door, by: str = SCHEDULER) -> str:
    answer = await door.post(f"/mentors/{MENTOR}/calendar-link", {}, by=by)
    assert answer.status_code == 201
    url: str = answer.json()["url"]
    return url


# --- What it says --------------------------------------------------------------------------------


async def test_a_session_is_an_event_with_its_times_and_no_child(door: Door, child: Child) -> None:
    await child.admit()
    id_ = str(await child.book(make_plan("2026-12-01T16:00", minutes=90)))

    event = (await feed(door))[id_]

    assert said(event, "UID") == [f"{id_}@waypost.example"]
    assert event.start == datetime(2026, 12, 1, 21, tzinfo=UTC)
    assert event.end == datetime(2026, 12, 1, 22, 30, tzinfo=UTC)
    assert said(event, "STATUS", "SEQUENCE", "CLASS") == ["CONFIRMED", "0", "PRIVATE"]
    assert said(event, "SUMMARY") == [f"Session {str(child.youth_id)[:8]}"]
    assert set(event) == {
        *("UID", "SEQUENCE", "DTSTAMP", "CREATED", "LAST-MODIFIED", "DTSTART", "DTEND"),
        *("SUMMARY", "STATUS", "CLASS", "TRANSP"),
    }


async def test_a_cancelled_session_keeps_its_id_and_is_said_to_be_cancelled(
    door: Door, child: Child
) -> None:
    await child.admit()
    id_ = str(await child.book(make_plan("2026-12-01T16:00")))
    before = (await feed(door))[id_]

    await door.post(f"/appointments/{id_}/cancel", {"reason": "family"}, by=SCHEDULER)

    after = (await feed(door))[id_]
    assert said(before, "STATUS", "SEQUENCE") == ["CONFIRMED", "0"]
    assert said(after, "STATUS", "SEQUENCE", "TRANSP") == ["CANCELLED", "1", "TRANSPARENT"]
    assert after.start == before.start


async def test_a_frozen_session_is_tentative_and_thaws_with_a_higher_sequence(
    door: Door, child: Child
) -> None:
    await child.admit()
    id_ = str(await child.book(make_plan("2026-12-01T16:00")))

    await child.hear(child.disengaged())
    frozen = (await feed(door))[id_]
    await child.hear(child.engaged())
    thawed = (await feed(door))[id_]

    assert said(frozen, "STATUS", "SEQUENCE") == ["TENTATIVE", "1"]
    assert said(thawed, "STATUS", "SEQUENCE") == ["CONFIRMED", "2"]


async def test_time_off_stands_in_it_and_what_is_long_past_does_not(
    door: Door, child: Child
) -> None:
    await child.admit()
    id_ = str(await child.book(make_plan("2026-12-01T16:00")))
    body = {"begins": "2026-12-10T00:00", "ends": "2026-12-11T00:00"}
    away = await door.post(f"/mentors/{MENTOR}/time-off", body, by=SCHEDULER)

    now = await feed(door)
    door.clock.at = NOW + timedelta(days=90)
    later = await feed(door)

    assert set(now) == {id_, away.json()["time_off_id"]}
    assert said(now[away.json()["time_off_id"]], "SUMMARY") == ["Time off"]
    assert later == {}


async def test_a_feed_of_a_year_of_sessions_is_folded_and_read_back(
    door: Door, child: Child
) -> None:
    await child.admit()
    body = {
        "episode_id": str((await child.body("EpisodeOpened"))["episode_id"]),
        "start": "2026-12-01T16:00",
        "minutes": 60,
        "until": "2027-06-29",
        "place_of_service": "99",
    }
    booked = await door.post("/appointments/series", body, by=SCHEDULER)

    answer = await door.get(f"/mentors/{MENTOR}/calendar.ics", by=SCHEDULER)

    assert len(events(answer)) == booked.json()["booked"] == 31
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))


# --- Who reads it --------------------------------------------------------------------------------


async def test_whoever_knows_the_address_follows_the_feed_without_a_token(
    door: Door, child: Child
) -> None:
    await child.admit()
    id_ = str(await child.book(make_plan("2026-12-01T16:00")))

    answer = await door.http.get(await link(door))

    assert set(events(answer)) == {id_}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_new_address_ends_the_one_before(door: Door, child: Child) -> None:
    first = await link(door)
    second = await link(door)

    assert (await door.http.get(first)).status_code == 404
    assert (await door.http.get(second)).status_code == 200


async def test_an_address_that_is_removed_answers_no_more(door: Door, child: Child) -> None:
    url = await link(door)

    await door.post(f"/mentors/{MENTOR}/calendar-link/remove", {}, by=SCHEDULER)

    assert (await door.http.get(url)).status_code == 404


async def test_a_mentor_who_left_is_followed_no_more(door: Door, child: Child) -> None:
    url = await link(door)

    await leave(door)

    assert (await door.http.get(url)).status_code == 404


async def test_the_secret_is_kept_nowhere(door: Door, child: Child, pool: Pool) -> None:
    url = await link(door)
    await door.http.get(url)

    secret = url.rpartition("/")[2].removesuffix(".ics")
    kept: list[Any] = [
        *await pool.fetch("SELECT c::text FROM calendar_link c"),
        *await pool.fetch("SELECT a::text FROM audit a"),
    ]
    assert len(kept) > 2
    told = [secret, secret.encode().hex()]
    assert not [row for row in kept if any(form in row[0] for form in told)]


async def test_no_answer_with_a_secret_is_kept_under_a_key(door: Door, child: Child) -> None:
    answer = await door.post(f"/mentors/{MENTOR}/calendar-link", {}, by=SCHEDULER, key="k-1")

    assert (answer.status_code, answer.json()["code"]) == (422, "no-key-here")


@pytest.mark.parametrize("path", ["nothing.ics", ".ics", "%00.ics", "a/b.ics"])
async def test_an_address_that_is_none_is_not_found(door: Door, path: str) -> None:
    answer = await door.http.get(f"/api/scheduling/calendars/{path}")

    assert answer.status_code == 404


async def test_a_mentor_has_a_link_of_her_own_and_no_other(door: Door, pool: Pool) -> None:
    mia = staff_id(ISSUER, "mia")
    await register(pool, make_mentor(mentor_id=mia))

    own = await door.post(f"/mentors/{mia}/calendar-link", {}, by="mentor:mia")
    other = await door.post(f"/mentors/{mia}/calendar-link", {}, by="mentor:max")
    read = await door.get(f"/mentors/{mia}/calendar.ics", by="mentor:max")

    assert (own.status_code, other.status_code, read.status_code) == (201, 403, 403)
