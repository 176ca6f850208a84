from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.auth import staff_id
from services.chassis.db import Pool
from tests.chassis.waiting import at_once
from tests.scheduling.builders import MENTOR, NOW, Child, make_mentor, make_plan, register
from tests.scheduling.door import ISSUER, Door

SCHEDULER, COORDINATOR, ADMIN = "scheduler:sam", "coordinator:cleo", "admin:ada"


def new_mentor(**changes: Any) -> dict[str, Any]:
    return {
        "sub": "mentor-9",
        "staff_number": "NL-1009",
        "given": ["Ana"],
        "family": "Lopez",
        "phone": "+1-413-555-0109",
        "supervisor": {
            "sub": "supervisor-1",
            "staff_number": "NL-1001",
            "given": ["Ruth"],
            "family": "Okafor",
            "phone": "+1-413-555-0101",
            "licence": "LICSW",
            "licence_valid_to": "2028-06-30",
        },
        "supervised_from": "2026-01-01",
        "credential": "bachelor",
        "degree": "BA Social Work",
        "screenings": [
            {"kind": "cori", "valid_to": "2027-03-31"},
            {"kind": "dcf", "valid_to": "2027-03-31"},
            {"kind": "sori", "valid_to": "2027-02-28"},
        ],
        "languages": ["es", "en"],
        "gender": "female",
        "area": "springfield",
        "windows": [{"weekday": 1, "begins": "15:00", "ends": "20:00"}],
        "max_hours": 15,
        **changes,
    }


def window(begins: str, ends: str) -> dict[str, Any]:
    return {"weekday": 1, "begins": begins, "ends": ends}


def new_appointment(episode_id: UUID, **changes: Any) -> dict[str, Any]:
    return {
        "episode_id": str(episode_id),
        "start": "2026-12-01T16:00:00-05:00",
        "end": "2026-12-01T17:00:00-05:00",
        "place_of_service": "99",
        **changes,
    }


# --- Mentors -------------------------------------------------------------------------------------


async def test_an_administrator_registers_a_mentor_and_her_supervisor(door: Door) -> None:
    answer = await door.post("/mentors", new_mentor(), by=ADMIN)

    assert answer.status_code == 201
    assert answer.json() == {
        "mentor_id": str(staff_id(ISSUER, "mentor-9")),
        "supervisor_id": str(staff_id(ISSUER, "supervisor-1")),
    }


async def test_the_same_mentor_again_is_the_same_person_in_the_same_version(
    door: Door, pool: Pool
) -> None:
    for _ in range(2):
        assert (await door.post("/mentors", new_mentor(), by=ADMIN)).status_code == 201

    rows = await pool.fetch("SELECT version FROM staff_member")
    assert [row["version"] for row in rows] == [1, 1]


async def test_a_new_supervisor_counts_from_the_day_named(door: Door, pool: Pool) -> None:
    await door.post("/mentors", new_mentor(), by=ADMIN)
    second = {**new_mentor()["supervisor"], "sub": "supervisor-2", "staff_number": "NL-1002"}
    later = new_mentor(supervisor=second, supervised_from="2026-12-01")

    assert (await door.post("/mentors", later, by=ADMIN)).status_code == 201

    rows = await pool.fetch("SELECT supervisor_id, during::text FROM supervision ORDER BY during")
    assert [tuple(row) for row in rows] == [
        (staff_id(ISSUER, "supervisor-1"), "[2026-01-01,2026-12-01)"),
        (staff_id(ISSUER, "supervisor-2"), "[2026-12-01,)"),
    ]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"supervisor": "nobody-known"}, 422, "supervisor-unknown"),
        ({"supervisor": "mentor-9"}, 422, "supervises-self"),
        ({"max_hours": 0}, 422, "invalid-request"),
        ({"languages": []}, 422, "invalid-request"),
        ({"nickname": "A"}, 422, "invalid-request"),
        ({"degree": "BA\x00"}, 422, "invalid-request"),
        ({"windows": [window("15:00", "15:00")]}, 422, "invalid-request"),
        ({"windows": [window("15:00", "24:30")]}, 422, "invalid-request"),
    ],
    ids=[
        *("unknown-supervisor", "own-supervisor", "no-hours", "no-language", "unknown-field"),
        *("control-character", "no-time", "after-midnight"),
    ],
)
async def test_a_mentor_who_cannot_be_supervised_or_read_is_refused(
    door: Door, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await door.post("/mentors", new_mentor(**changes), by=ADMIN)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_two_people_cannot_have_one_staff_number(door: Door) -> None:
    await door.post("/mentors", new_mentor(), by=ADMIN)

    answer = await door.post("/mentors", new_mentor(sub="mentor-10"), by=ADMIN)

    assert (answer.status_code, answer.json()["code"]) == (409, "staff-number-taken")


@pytest.mark.parametrize(
    ("method", "path", "by"),
    [
        ("POST", "/mentors", SCHEDULER),
        ("GET", "/waitlist", "mentor:m"),
        ("GET", f"/waitlist/{UUID(int=1)}/matches", "supervisor:s"),
        ("POST", "/assignments", COORDINATOR),
        ("POST", "/appointments", COORDINATOR),
        ("POST", f"/appointments/{UUID(int=1)}/cancel", "billing:b"),
        ("POST", f"/appointments/{UUID(int=1)}/no-show", ADMIN),
    ],
)
async def test_a_route_serves_its_roles_alone(door: Door, method: str, path: str, by: str) -> None:
    assert (await door.ask(method, path, by=by, json={})).status_code == 403


async def test_a_partners_token_opens_no_staff_route(door: Door) -> None:
    assert (await door.get("/waitlist", by=door.hub(uuid4()))).status_code == 401


# --- The waiting list ----------------------------------------------------------------------------


async def test_the_list_is_urgent_first_then_by_day_of_receipt(door: Door, pool: Pool) -> None:
    await register(pool)
    late, early, urgent = Child(pool), Child(pool), Child(pool)
    await late.wait(received_on="2026-11-12")
    await early.wait(received_on="2026-11-02")
    await urgent.wait(received_on="2026-11-20", priority="urgent")

    entries = (await door.get("/waitlist", by=COORDINATOR)).json()

    order = [entry["referral_id"] for entry in entries]
    assert order == [str(child.referral_id) for child in (urgent, early, late)]
    assert [entry["urgent"] for entry in entries] == [True, False, False]
    assert entries[1]["days_waiting"] == 20


async def test_of_those_received_on_one_day_who_can_be_served_comes_first(
    door: Door, pool: Pool
) -> None:
    await register(pool)
    neither, spanish = Child(pool), Child(pool)
    await neither.wait(languages=("pt",))
    await spanish.wait(languages=("es",))

    entries = (await door.get("/waitlist", by=SCHEDULER)).json()

    assert [entry["referral_id"] for entry in entries] == [
        str(spanish.referral_id),
        str(neither.referral_id),
    ]


async def test_matches_are_sorted_explained_and_the_excluded_come_last(
    door: Door, pool: Pool, child: Child
) -> None:
    lapsed = make_mentor(mentor_id=UUID(int=78), papers=())
    english = make_mentor(mentor_id=UUID(int=79), languages=("en",))
    await register(pool, lapsed)
    await register(pool, english)
    await child.wait(languages=("es", "en"))

    path = f"/waitlist/{child.referral_id}/matches"
    found = (await door.get(path, by=SCHEDULER)).json()

    assert [match["mentor_id"][-2:] for match in found] == ["4d", "4f", "4e"]
    assert [match["fits"] for match in found] == [True, True, False]
    assert [reason["code"] for reason in found[2]["excluded"]] == [
        "cori-missing",
        "dcf-missing",
        "sori-missing",
    ]
    assert found[0]["points"][0] == {
        "factor": "language",
        "points": 35.0,
        "possible": 35,
        "sentence": "Speaks es, language 1 of the family.",
    }
    assert found[0]["name"] == "Devon Pierre"


async def test_a_referral_that_does_not_wait_has_no_matches(door: Door) -> None:
    answer = await door.get(f"/waitlist/{uuid4()}/matches", by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (404, "not-on-waitlist")


# --- Assignments ---------------------------------------------------------------------------------


def assignment(child: Child, mentor_id: UUID = MENTOR) -> dict[str, Any]:
    return {"referral_id": str(child.referral_id), "mentor_id": str(mentor_id)}


async def test_an_assignment_says_which_episode_it_leads_to(door: Door, child: Child) -> None:
    await child.wait()

    answer = await door.post("/assignments", assignment(child), by=SCHEDULER)

    assert answer.status_code == 201
    told = answer.json()
    assert told["episode_state"] == "pending"
    assert told["standing_until"] == "2027-06-30"
    assert told["reasons"][0] == "language"
    matched = (await door.get("/waitlist?state=matched", by=SCHEDULER)).json()
    assert matched[0]["episode_id"] == told["episode_id"]


async def test_an_assignment_sent_twice_under_one_key_is_made_once(
    door: Door, child: Child
) -> None:
    await child.wait()

    first, second = [
        await door.post("/assignments", assignment(child), by=SCHEDULER, key="once")
        for _ in range(2)
    ]

    assert first.json() == second.json()
    assert (await child.told()).count("MentorAssigned") == 1


async def test_a_mentor_whom_a_filter_excludes_is_refused_with_every_reason(
    door: Door, pool: Pool, child: Child
) -> None:
    await register(pool, make_mentor(mentor_id=UUID(int=78), papers=(), max_hours=1))
    await child.wait()

    answer = await door.post("/assignments", assignment(child, UUID(int=78)), by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (422, "cori-missing")
    assert "has no sori on file" in answer.json()["message"]
    assert "1 hours a week left" in answer.json()["message"]


async def test_a_second_mentor_is_a_conflict(door: Door, pool: Pool, child: Child) -> None:
    await register(pool, make_mentor(mentor_id=UUID(int=78)))
    await child.wait()
    await door.post("/assignments", assignment(child), by=SCHEDULER)

    answer = await door.post("/assignments", assignment(child, UUID(int=78)), by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (409, "already-assigned")


async def test_a_held_place_gets_no_mentor(door: Door, child: Child) -> None:
    await child.wait()
    await child.hear(child.denied())

    answer = await door.post("/assignments", assignment(child), by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (409, "not-waiting")


async def test_who_is_passed_over_is_noted_with_the_reason(
    door: Door, pool: Pool, child: Child
) -> None:
    longer = Child(pool)
    await longer.wait(received_on="2026-10-01")
    await child.wait()
    body = {**assignment(child), "passed_reason": "speaks Spanish"}

    answer = await door.post("/assignments", body, by=SCHEDULER)

    assert answer.json()["passed_over"] == 1
    noted = await pool.fetchval("SELECT passed_reason FROM assignment")
    assert noted == "speaks Spanish"


# --- Appointments --------------------------------------------------------------------------------


async def test_a_booking_plans_units_and_tells_it(door: Door, child: Child) -> None:
    episode_id = await child.admit()

    answer = await door.post("/appointments", new_appointment(episode_id), by=SCHEDULER)

    assert answer.status_code == 201
    assert answer.json()["planned_units"] == 4
    booked = await child.body("AppointmentBooked")
    assert booked["appointment_id"] == answer.json()["appointment_id"]
    assert booked["planned_units"] == 4


async def test_a_time_without_offset_is_new_yorks(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    body = new_appointment(episode_id, start="2026-12-01T16:00", end="2026-12-01T17:00")

    answer = await door.post("/appointments", body, by=SCHEDULER)

    assert answer.json()["start"] == "2026-12-01T16:00:00-05:00"


async def test_a_time_that_the_clocks_skip_is_refused(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    body = new_appointment(episode_id, start="2027-03-14T02:30", end="2027-03-14T04:00")

    answer = await door.post("/appointments", body, by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (422, "no-such-time")


async def test_a_time_out_of_reach_is_no_time(door: Door) -> None:
    body = new_appointment(uuid4(), start="9999-12-31T23:30-05:00", end="9999-12-31T23:59-05:00")

    answer = await door.post("/appointments", body, by=SCHEDULER)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


async def test_of_eight_bookings_of_one_mentors_slot_one_wins(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    episodes = [await Child(pool).admit() for _ in range(8)]

    answers = await at_once(
        *(partial(door.post, "/appointments", new_appointment(e), by=SCHEDULER) for e in episodes)
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes == {"mentor-busy"}


async def test_of_eight_bookings_of_one_youths_slot_one_wins(door: Door, child: Child) -> None:
    episode_id = await child.admit()

    answers = await at_once(
        *[partial(door.post, "/appointments", new_appointment(episode_id), by=SCHEDULER)] * 8
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_mentor_books_own_episodes_and_sees_no_others(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(mentor_id=staff_id(ISSUER, "mia")))
    mine = Child(pool)
    await mine.wait()
    await mine.hear(*mine.gate_two)
    episode_id = (await mine.assign(staff_id(ISSUER, "mia"))).episode_id

    assert (
        await door.post("/appointments", new_appointment(episode_id), by="mentor:mia")
    ).status_code == 201
    assert (
        await door.post("/appointments", new_appointment(episode_id), by="mentor:max")
    ).status_code == 404


async def test_a_cancelled_time_is_free_again(door: Door, child: Child) -> None:
    episode_id = await child.admit()
    first = await door.post("/appointments", new_appointment(episode_id), by=SCHEDULER)
    path = f"/appointments/{first.json()['appointment_id']}/cancel"

    for _ in range(2):
        cancelled = await door.post(path, {"reason": "family"}, by=SCHEDULER)
        assert cancelled.json()["state"] == "cancelled"

    assert (await child.told()).count("AppointmentCancelled") == 1
    assert (await child.body("AppointmentCancelled"))["reason"] == "family"
    again = await door.post("/appointments", new_appointment(episode_id), by=SCHEDULER)
    assert again.status_code == 201


async def test_nobody_misses_a_session_that_has_not_begun(door: Door, child: Child) -> None:
    await child.admit()
    path = f"/appointments/{await child.book(make_plan())}/no-show"

    early = await door.post(path, {}, by=SCHEDULER)
    door.clock.at = NOW + timedelta(days=15)
    missed = await door.post(path, {}, by=SCHEDULER)

    assert (early.status_code, early.json()["code"]) == (422, "not-begun")
    assert missed.json()["state"] == "no_show"
    assert (await child.told()).count("AppointmentNoShow") == 1


async def test_a_no_show_is_not_cancelled_afterwards(door: Door, child: Child) -> None:
    await child.admit()
    path = f"/appointments/{await child.book(make_plan())}"
    door.clock.at = NOW + timedelta(days=15)
    await door.post(f"{path}/no-show", {}, by=SCHEDULER)

    answer = await door.post(f"{path}/cancel", {"reason": "youth"}, by=SCHEDULER)

    assert (answer.status_code, answer.json()["message"]) == (409, "The appointment is no show.")
