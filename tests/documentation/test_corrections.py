"""A final note is never edited: it is corrected by a new version, voided, or added to (S23)."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.codes import Role
from contracts.events import (
    BillingImpact,
    Event,
    GoalProgressUpdated,
    SessionLogged,
    SessionNoteAmended,
    SessionVoided,
)
from tests.chassis.waiting import at_once
from tests.documentation.builders import Child, Mentor, begin, hub_reads, rated, session
from tests.documentation.rig import Rig, at, person

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"
TOLD: tuple[type[Event], ...] = (SessionLogged, SessionNoteAmended, SessionVoided)
WRONG = {"reason": "wrong_youth"}


async def amends(rig: Rig, session_id: str, body: dict[str, Any], reason: str = "time") -> Any:
    path = f"sessions/{session_id}/amend"
    return await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=body | {"reason": reason})


async def answers(rig: Rig, session_id: str, act: str, body: dict[str, Any]) -> httpx.Response:
    """The supervisor's word on a note."""
    path = f"sessions/{session_id}/{act}"
    return await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", path, json=body)


async def logged(rig: Rig, child: Child, **changes: Any) -> str:
    await begin(rig, child)
    found: str = (await Mentor(rig).logs(session(child, FROM, UNTIL, **changes)))["session_id"]
    return found


async def versions(rig: Rig, session_id: str) -> list[tuple[int, str, int | None]]:
    path = f"sessions/{session_id}"
    found = (await rig.staff("mentor-77", {Role.MENTOR}, "GET", path)).json()["versions"]
    return [(one["version"], one["state"], one["units"]) for one in found]


# --- A correction --------------------------------------------------------------------------------


async def test_a_corrected_note_replaces_the_first_one_and_keeps_it(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    session_id = await logged(rig, child)

    drafted = await amends(rig, session_id, session(child, FROM, "2026-11-19 16:45"))
    assert (drafted.status_code, drafted.json()["version"]) == (201, 2)
    assert await rig.told(SessionNoteAmended) == []
    await mentor.signs(session_id)
    assert await versions(rig, session_id) == [(1, "final", 4), (2, "signed", None)]
    await mentor.cosigned(session_id)

    assert await versions(rig, session_id) == [(1, "superseded", 4), (2, "final", 3)]
    (amended,) = await rig.told(SessionNoteAmended)
    assert (amended.version, amended.supersedes, amended.reason) == (2, 1, "time")
    assert amended.billing_impact == BillingImpact(units_before=4, units_after=3)
    assert amended.end == at("2026-11-19 16:45")
    assert len(await rig.told(SessionLogged)) == 1


async def test_a_correction_that_is_signed_at_once_from_two_devices_is_told_once(
    rig: Rig,
) -> None:
    child, mentor = Child(), Mentor(rig)
    session_id = await logged(rig, child)
    await amends(rig, session_id, session(child, FROM, "2026-11-19 16:45"))
    await mentor.signs(session_id)

    told = await at_once(*[partial(mentor.cosigned, session_id)] * 3)

    assert sorted(answer.status_code for answer in told) == [200, 409, 409]
    assert len(await rig.told(SessionNoteAmended)) == 1


async def test_only_ratings_that_a_correction_changes_are_told(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    one, other = child.goals
    session_id = await logged(rig, child, goals=[rated(one, 2), rated(other, 1)])
    body = session(child, FROM, UNTIL, goals=[rated(one, 2), rated(other, 3)])
    await amends(rig, session_id, body, reason="measure")
    await mentor.signs(session_id)
    await mentor.cosigned(session_id)

    told = (await rig.told(GoalProgressUpdated))[2:]

    assert [(event.goal_id, event.value) for event in told] == [(other.goal_id, 3)]


async def test_the_plan_shows_the_corrected_rating_alone(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    session_id = await logged(rig, child, goals=[rated(child.goals[0], 2)])
    await amends(rig, session_id, session(child, FROM, UNTIL, goals=[]) | {"billable": False})
    await mentor.signs(session_id)
    await mentor.cosigned(session_id)

    goal = (await hub_reads(rig, child, f"Goal/{child.goals[0].goal_id}")).json()

    assert "note" not in goal
    assert goal["lifecycleStatus"] == "accepted"


async def test_one_correction_is_open_at_a_time_and_none_of_a_draft(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    session_id = await logged(rig, child)
    draft = await mentor.drafts(session(child, "2026-11-20 16:00", "2026-11-20 17:00"))
    body = session(child, FROM, "2026-11-19 16:45")
    await amends(rig, session_id, body)

    again, early = await amends(rig, session_id, body), await amends(rig, draft, body)

    assert [(one.status_code, one.json()["code"]) for one in (again, early)] == [
        (409, "note-is-open"),
        (409, "note-is-open"),
    ]


async def test_a_correction_is_returned_and_revised_as_any_note(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    session_id = await logged(rig, child)
    await amends(rig, session_id, session(child, FROM, "2026-11-19 16:45"))
    await mentor.signs(session_id)

    returned = await answers(rig, session_id, "return", {"reason": "It was 50 minutes."})
    await mentor.revises(session_id, session(child, FROM, "2026-11-19 16:50"))
    await mentor.signs(session_id)
    final = await mentor.cosigned(session_id)

    assert returned.json()["state"] == "draft"
    assert (final.json()["minutes"], final.json()["amend_reason"]) == (50, "time")


async def test_a_correction_does_not_overlap_what_it_corrects_but_others_it_does(
    rig: Rig,
) -> None:
    one, other, mentor = Child(), Child(), Mentor(rig)
    session_id = await logged(rig, one)
    await begin(rig, other)
    await mentor.logs(session(other, "2026-11-19 17:00", "2026-11-19 18:00"))
    await amends(rig, session_id, session(one, FROM, "2026-11-19 17:10"))

    refused = await mentor.signs(session_id)

    assert (refused.status_code, refused.json()["code"]) == (409, "mentor-sessions-overlap")
    await mentor.revises(session_id, session(one, FROM, "2026-11-19 16:59"))
    assert (await mentor.signs(session_id)).status_code == 200


async def test_only_its_author_corrects_a_note_and_it_stays_with_its_appointment(
    rig: Rig,
) -> None:
    child, mentor, appointment = Child(), Mentor(rig), uuid4()
    await begin(rig, child)
    await rig.tell(child.booked(appointment, at(FROM), at(UNTIL)))
    body = session(child, FROM, UNTIL, appointment_id=str(appointment))
    session_id = (await mentor.logs(body))["session_id"]
    path, wrong = f"sessions/{session_id}/amend", body | {"reason": "text"}

    stranger = await rig.staff("mentor-12", {Role.MENTOR}, "POST", path, json=wrong)
    elsewhere = await amends(rig, session_id, body | {"appointment_id": None})

    assert stranger.status_code == 404
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "appointment-differs")
    assert (await amends(rig, session_id, body, reason="text")).status_code == 201
    assert (await mentor.signs(session_id)).status_code == 200


# --- Entered in error ----------------------------------------------------------------------------


async def test_a_void_note_counts_for_nothing_and_is_kept(rig: Rig) -> None:
    child = Child()
    session_id = await logged(rig, child)

    told = await at_once(*[partial(answers, rig, session_id, "void", WRONG)] * 3)

    assert sorted(answer.status_code for answer in told) == [200, 409, 409]
    assert {answer.json().get("code") for answer in told} == {None, "note-is-void"}
    assert await versions(rig, session_id) == [(1, "superseded", 4), (2, "voided", 0)]
    (voided,) = await rig.told(SessionVoided)
    assert (voided.version, voided.supersedes, voided.reason) == (2, 1, "wrong_youth")
    assert voided.billing_impact == BillingImpact(units_before=4, units_after=0)
    assert voided.goal_ids == (child.goals[0].goal_id,)
    goal = (await hub_reads(rig, child, f"Goal/{child.goals[0].goal_id}")).json()
    assert (goal["lifecycleStatus"], "note" in goal) == ("accepted", False)


async def test_the_time_of_a_void_note_is_free_again(rig: Rig) -> None:
    child, mentor, appointment = Child(), Mentor(rig), uuid4()
    await begin(rig, child)
    await rig.tell(child.booked(appointment, at(FROM), at(UNTIL)))
    body = session(child, FROM, UNTIL, appointment_id=str(appointment))
    await answers(rig, (await mentor.logs(body))["session_id"], "void", WRONG)

    assert (await mentor.logs(body))["state"] == "final"


async def test_a_void_note_is_not_corrected_nor_voided_by_a_stranger_or_as_a_draft(
    rig: Rig,
) -> None:
    child, mentor = Child(), Mentor(rig)
    session_id = await logged(rig, child)
    path = f"sessions/{session_id}/void"
    draft = await mentor.drafts(session(child, "2026-11-20 16:00", "2026-11-20 17:00"))
    await amends(rig, session_id, session(child, FROM, "2026-11-19 16:45"))
    await mentor.signs(session_id)

    by_stranger = await rig.staff("supervisor-9", {Role.SUPERVISOR}, "POST", path, json=WRONG)
    by_mentor = await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=WRONG)
    of_draft = await answers(rig, draft, "void", WRONG)
    of_signed = await answers(rig, session_id, "void", WRONG)
    await answers(rig, session_id, "return", {"reason": "The session is void anyway."})
    void = await answers(rig, session_id, "void", WRONG)
    corrected = await amends(rig, session_id, session(child, FROM, UNTIL))

    statuses = [one.status_code for one in (by_stranger, by_mentor, of_draft, of_signed)]
    assert statuses == [404, 403, 409, 409]
    assert (void.status_code, void.json()["version"]) == (200, 2)
    assert (corrected.status_code, corrected.json()["code"]) == (409, "note-is-void")


# --- Added to ------------------------------------------------------------------------------------


async def test_an_addendum_has_its_own_author_and_changes_nothing(rig: Rig) -> None:
    child, text = Child(), "The family called afterwards."
    session_id = await logged(rig, child)
    path, before = f"sessions/{session_id}/addenda", len(await rig.told())

    for who, role in [("mentor-77", Role.MENTOR), ("supervisor-4", Role.SUPERVISOR)]:
        added = await rig.staff(who, {role}, "POST", path, json={"text": text})
        assert (added.status_code, added.json()["version"]) == (201, 1)
    stranger = await rig.staff("mentor-12", {Role.MENTOR}, "POST", path, json={"text": text})

    found = (await rig.staff("mentor-77", {Role.MENTOR}, "GET", f"sessions/{session_id}")).json()
    assert stranger.status_code == 404
    assert {(UUID(one["author_id"]), one["text"]) for one in found["addenda"]} == {
        (person("mentor-77"), text),
        (person("supervisor-4"), text),
    }
    assert len(await rig.told()) == before
    assert await versions(rig, session_id) == [(1, "final", 4)]


async def test_a_draft_is_revised_and_not_added_to(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    path = f"sessions/{await Mentor(rig).drafts(session(child, FROM, UNTIL))}/addenda"

    refused = await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json={"text": "More."})

    assert (refused.status_code, refused.json()["code"]) == (409, "note-not-signed")


@pytest.mark.parametrize("who", ["mentor-12", "supervisor-9"])
async def test_a_strangers_note_is_not_read(rig: Rig, who: str) -> None:
    session_id = await logged(rig, Child())

    foreign = await rig.staff(who, {Role.MENTOR}, "GET", f"sessions/{session_id}")
    absent = await rig.staff(who, {Role.MENTOR}, "GET", f"sessions/{uuid4()}")

    assert (foreign.status_code, foreign.json()) == (404, absent.json())
