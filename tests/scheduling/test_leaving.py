"""A mentor leaves: every youth is told of once, freed, and found on the list by need (S24)."""

import asyncio
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.db import Pool
from services.chassis.errors import Refused
from tests.chassis.waiting import at_once
from tests.scheduling.builders import (
    MENTOR,
    NOW,
    TODAY,
    Child,
    make_mentor,
    make_plan,
    register,
)
from tests.scheduling.door import Door, work_off

ADMIN, SCHEDULER, SUPERVISOR = "admin:ada", "scheduler:sam", "supervisor:sue"
OTHER = UUID(int=78)


async def do_due(pool: Pool, *, days: int = 0) -> None:
    """Do all that is due, as the service's workers do; fails when a piece of it failed."""
    await work_off(pool, days=days)
    assert not await pool.fetchval("SELECT count(*) FROM work WHERE reason IS NOT NULL")


async def leave(door: Door, **changes: Any) -> Any:
    body = {"reason": "mentor_left", "leaves_on": TODAY.isoformat(), **changes}
    return await door.post(f"/mentors/{MENTOR}/leave", body, by=ADMIN)


async def second_mentor(pool: Pool) -> None:
    await register(pool, make_mentor(mentor_id=OTHER, max_hours=60))


async def states(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT state FROM appointment ORDER BY lower(during)")
    return [row["state"] for row in rows]


# --- One youth -----------------------------------------------------------------------------------


async def test_a_youth_in_service_is_held_freed_and_told_of_once(
    door: Door, child: Child, pool: Pool
) -> None:
    episode_id = await child.admit()
    for day in (1, 8):
        await child.book(make_plan(f"2026-12-0{day}T16:00"))

    for _ in range(2):
        assert (await leave(door)).status_code == 200
        await do_due(pool)

    told = await child.told()
    assert told[told.index("MentorUnavailable") :] == [
        *("MentorUnavailable", "AssignmentEnded", "EpisodeOnHold"),
        *("AppointmentCancelled", "AppointmentCancelled", "ReassignmentNeeded"),
    ]
    gone = await child.body("MentorUnavailable")
    assert (gone["reason"], gone["effective"]) == ("mentor_left", "2026-11-22")
    assert (await child.body("AssignmentEnded"))["effective"] == "2026-11-22"
    held = await child.body("EpisodeOnHold")
    assert (held["episode_id"], held["reason"]) == (str(episode_id), "service_gap")
    assert (await child.body("AppointmentCancelled"))["reason"] == "mentor"
    assert await states(pool) == ["cancelled", "cancelled"]


async def test_a_new_mentor_closes_the_gap(door: Door, child: Child, pool: Pool) -> None:
    episode_id = await child.admit()
    await second_mentor(pool)
    await leave(door)
    await do_due(pool)

    again = await child.assign(OTHER)

    assert (again.episode_id, again.episode) == (episode_id, "open")
    told = await child.told()
    assert told[-2:] == ["MentorAssigned", "EpisodeResumed"]
    assert (await child.body("EpisodeResumed"))["reason"] == "service_gap"
    assert await child.book(make_plan("2026-12-01T16:00"))


async def test_what_was_held_for_a_hub_waits_for_both(door: Door, child: Child, pool: Pool) -> None:
    await child.admit()
    await second_mentor(pool)
    await child.hear(child.disengaged())
    await leave(door)
    await do_due(pool)

    with_mentor = await child.assign(OTHER)
    await child.hear(child.engaged(TODAY))

    assert with_mentor.episode == "on_hold"
    assert (await child.told())[-1] == "EpisodeResumed"


async def test_who_has_not_begun_waits_again_from_the_day_of_receipt(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.wait()
    await child.assign()

    await leave(door)
    await do_due(pool)

    assert (await child.told())[-3:] == [
        *("MentorUnavailable", "AssignmentEnded", "ReferralWaitlisted"),
    ]
    listed = (await door.get("/waitlist", by=SCHEDULER)).json()
    assert [(one["state"], one["wait_started"]) for one in listed] == [("waiting", "2026-11-10")]


async def test_a_session_that_took_place_stays_for_its_note(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.admit()
    await child.book(make_plan("2026-11-23T16:00"))
    await child.book(make_plan("2026-11-25T16:00"))
    door.clock.at = NOW + timedelta(days=2)

    await leave(door, leaves_on="2026-11-24")
    await do_due(pool, days=2)

    assert await states(pool) == ["booked", "cancelled"]


# --- All of them ---------------------------------------------------------------------------------


async def test_all_youths_of_a_mentor_stand_on_the_list_by_need(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    late, early, urgent = [Child(pool, referral_id=UUID(int=id_)) for id_ in (1, 2, 3)]
    await admit(late, received_on=date(2026, 11, 12))
    await admit(urgent, received_on=date(2026, 11, 14), priority="urgent")
    await admit(early, received_on=date(2026, 11, 3))

    told = (await leave(door)).json()
    await do_due(pool)

    assert set(told["referrals"]) == {str(c.referral_id) for c in (late, urgent, early)}
    listed = (await door.get("/reassignments", by=SCHEDULER)).json()
    assert [one["referral_id"] for one in listed] == [
        str(one.referral_id) for one in (urgent, early, late)
    ]
    assert {one["gap_since"] for one in listed} == {"2026-11-22"}
    assert (await door.get("/waitlist", by=SCHEDULER)).json() == []


async def admit(child: Child, **changes: Any) -> None:
    await child.hear(child.received(**changes), child.engaged(), child.confirmed())
    await child.hear(*child.gate_two)
    assert (await child.assign(passed_reason="the others are matched today, too")).episode == "open"


@pytest.mark.usefixtures("patient")
async def test_of_two_workers_each_youth_is_told_of_once(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    children = [Child(pool) for _ in range(4)]
    for one in children:
        await one.admit()
    await leave(door)

    await asyncio.gather(do_due(pool), do_due(pool))

    for one in children:
        assert (await one.told()).count("MentorUnavailable") == 1


async def test_who_has_another_mentor_asked_for_meanwhile_is_told_of_one_end(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.admit()
    assignment_id = await pool.fetchval("SELECT assignment_id FROM assignment")
    await leave(door)
    body = {"reason": "family_request"}
    await door.post(f"/assignments/{assignment_id}/end", body, by=SUPERVISOR)

    await do_due(pool)

    told = await child.told()
    assert told.count("AssignmentEnded") == 1
    assert "MentorUnavailable" not in told


async def test_work_that_was_broken_off_is_done_again_whole(
    door: Door, child: Child, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await child.admit()
    await child.book(make_plan("2026-12-01T16:00"))
    await leave(door)

    class Died(Exception):
        pass

    def die(**_: Any) -> None:
        raise Died

    with monkeypatch.context() as broken:
        broken.setattr("services.scheduling.commands.reassign.ReassignmentNeeded", die)
        await work_off(pool)
    assert await states(pool) == ["booked"]
    assert "MentorUnavailable" not in await child.told()

    await pool.execute("UPDATE work SET lease_until = NULL")  # the pause after a failure is over
    await work_off(pool)

    assert await states(pool) == ["cancelled"]
    assert (await child.told()).count("MentorUnavailable") == 1


# --- From which day ------------------------------------------------------------------------------


async def test_a_mentor_who_leaves_later_works_until_then(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.admit()
    waiting = Child(pool)
    await waiting.wait()

    await leave(door, leaves_on="2026-12-05")
    await do_due(pool)

    assert "MentorUnavailable" not in await child.told()
    assert await child.book(make_plan("2026-12-04T16:00"))
    matches = (await door.get(f"/waitlist/{waiting.referral_id}/matches", by=SCHEDULER)).json()
    assert [reason["code"] for reason in matches[0]["excluded"]] == ["mentor-leaving"]
    with pytest.raises(Refused, match="The mentor leaves on 2026-12-05"):
        await child.book(make_plan("2026-12-05T16:00"))

    await do_due(pool, days=13)

    assert (await child.body("MentorUnavailable"))["effective"] == "2026-12-05"


async def test_a_day_that_is_changed_replaces_the_first(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.admit()
    await leave(door, leaves_on="2026-12-05")
    await leave(door, leaves_on="2026-12-20")

    await do_due(pool, days=20)
    before = await child.told()
    await do_due(pool, days=29)

    assert "MentorUnavailable" not in before
    assert (await child.body("MentorUnavailable"))["effective"] == "2026-12-20"


async def test_a_mentor_who_stays_after_all_loses_nobody(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.admit()
    await leave(door, leaves_on="2026-12-05")

    back = await door.post(f"/mentors/{MENTOR}/return", {}, by=ADMIN)
    await do_due(pool, days=20)

    assert back.status_code == 204
    assert "MentorUnavailable" not in await child.told()


async def test_a_mentor_who_comes_back_is_matched_again(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.wait()
    await leave(door, reason="mentor_leave")
    await do_due(pool)
    gone = (await door.get(f"/waitlist/{child.referral_id}/matches", by=SCHEDULER)).json()

    await door.post(f"/mentors/{MENTOR}/return", {}, by=ADMIN)

    back = (await door.get(f"/waitlist/{child.referral_id}/matches", by=SCHEDULER)).json()
    assert [reason["code"] for reason in gone[0]["excluded"]] == ["mentor-inactive"]
    assert back[0]["fits"] is True


async def test_no_youth_is_given_to_a_mentor_who_leaves_at_that_moment(
    door: Door, child: Child, pool: Pool
) -> None:
    """Whoever comes second sees the first: the youth is refused, or on the list at once."""
    await child.wait()
    await child.hear(*child.gate_two)
    body = {"referral_id": str(child.referral_id), "mentor_id": str(MENTOR)}

    gone, given = await at_once(
        partial(leave, door), partial(door.post, "/assignments", body, by=SCHEDULER)
    )
    await do_due(pool)

    assert gone.status_code == 200
    if given.status_code == 201:
        assert "MentorUnavailable" in await child.told()
    else:
        assert given.json()["code"] == "mentor-inactive"


@pytest.mark.parametrize("by", [SCHEDULER, "mentor:mia", "coordinator:c"])
async def test_a_mentors_leaving_is_for_administrators_and_supervisors(door: Door, by: str) -> None:
    body = {"reason": "mentor_left", "leaves_on": "2026-12-05"}

    assert (await door.post(f"/mentors/{MENTOR}/leave", body, by=by)).status_code == 403


async def test_nobody_unknown_leaves(door: Door) -> None:
    assert (await leave(door)).status_code == 404


async def test_who_is_gone_does_not_leave_on_another_day(door: Door, child: Child) -> None:
    await leave(door)

    again = await leave(door, leaves_on="2026-12-05")

    assert (again.status_code, again.json()["code"]) == (409, "mentor-gone")


# --- Another mentor is asked for -----------------------------------------------------------------


async def test_a_family_asks_for_another_mentor(door: Door, child: Child, pool: Pool) -> None:
    await child.admit()
    await child.book(make_plan("2026-12-01T16:00"))
    assignment_id = await pool.fetchval("SELECT assignment_id FROM assignment")
    path = f"/assignments/{assignment_id}/end"

    for _ in range(2):
        ended = await door.post(path, {"reason": "family_request"}, by=SUPERVISOR)
    other = await door.post(path, {"reason": "clinical"}, by=SUPERVISOR)

    assert ended.status_code == 200
    assert (ended.json()["ended"], ended.json()["end_reason"]) == ("2026-11-22", "family_request")
    assert (other.status_code, other.json()["code"]) == (409, "assignment-ended")
    told = await child.told()
    assert "MentorUnavailable" not in told
    assert told[-4:] == [
        *("AssignmentEnded", "EpisodeOnHold", "AppointmentCancelled", "ReassignmentNeeded"),
    ]
    assert (await child.body("AppointmentCancelled"))["reason"] == "family"
    assert (await child.body("AssignmentEnded"))["effective"] == "2026-11-23"


async def test_a_mentor_ends_no_assignment(door: Door) -> None:
    body = {"reason": "family_request"}

    answer = await door.post(f"/assignments/{uuid4()}/end", body, by="mentor:mia")

    assert answer.status_code == 403
