"""Notes as staff write them: drafts, signatures, and what is told of them."""

from functools import partial
from uuid import uuid4

import pytest

from contracts.codes import Role
from contracts.events import (
    AppointmentCancelled,
    AppointmentNoShow,
    GoalProgressUpdated,
    SessionLogged,
)
from tests.chassis.waiting import at_once
from tests.documentation.builders import (
    Child,
    Mentor,
    begin,
    rated,
    session,
    states,
    talk,
)
from tests.documentation.rig import Rig, at, person

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"


# --- Drafts --------------------------------------------------------------------------------------


async def test_a_draft_is_told_to_nobody(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)

    await Mentor(rig).drafts(session(child, FROM, UNTIL))

    assert await rig.told(SessionLogged, GoalProgressUpdated) == []


async def test_a_draft_is_edited_until_it_is_signed(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))

    edited = await mentor.revises(session_id, session(child, FROM, "2026-11-19 16:53", goals=[]))
    assert (edited.status_code, edited.json()["minutes"], edited.json()["goals"]) == (200, 53, [])
    await mentor.revises(session_id, session(child, FROM, UNTIL))
    assert (await mentor.signs(session_id)).status_code == 200
    after = await mentor.revises(session_id, session(child, FROM, UNTIL))

    assert (after.status_code, after.json()["code"]) == (409, "note-is-signed")


async def test_a_note_stays_with_its_episode(rig: Rig) -> None:
    child, other, mentor = Child(), Child(), Mentor(rig)
    await begin(rig, child)
    await begin(rig, other)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))

    moved = await mentor.revises(session_id, session(other, FROM, UNTIL))

    assert (moved.status_code, moved.json()["code"]) == (422, "episode-differs")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"end": at("2026-11-19 15:59").isoformat()}, "session-ends-before-it-begins"),
        ({"units": 40}, "invalid-request"),
        ({"start": "2026-11-19T16:00:00"}, "invalid-request"),
        ({"appointment_id": str(uuid4())}, "appointment-unknown"),
        ({"goals": [{"goal_id": str(uuid4()), "scale": "gas"}]}, "rating-incomplete"),
        ({"goals": [rated(talk(), 7)]}, "value-not-on-scale"),
    ],
)
async def test_what_is_absurd_is_not_even_kept(
    rig: Rig, changes: dict[str, object], code: str
) -> None:
    child = Child()
    await begin(rig, child)
    body = session(child, FROM, UNTIL) | changes

    answer = await rig.staff("mentor-77", {Role.MENTOR}, "POST", "sessions", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await states(rig) == []


async def test_a_mentor_drafts_for_her_own_youths_only(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    body = session(child, FROM, UNTIL)

    foreign = await rig.staff("mentor-12", {Role.MENTOR}, "POST", "sessions", json=body)
    absent = await rig.staff(
        "mentor-77",
        {Role.MENTOR},
        "POST",
        "sessions",
        json=body | {"episode_id": str(uuid4())},
    )

    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() == absent.json()


async def test_the_appointment_of_another_youth_is_not_taken(rig: Rig) -> None:
    child, other = Child(), Child()
    await begin(rig, child)
    await begin(rig, other)
    appointment = uuid4()
    await rig.tell(other.booked(appointment, at(FROM), at(UNTIL)))
    body = session(child, FROM, UNTIL, appointment_id=str(appointment))

    answer = await rig.staff("mentor-77", {Role.MENTOR}, "POST", "sessions", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "appointment-unknown")


# --- Signatures ----------------------------------------------------------------------------------


async def test_a_session_is_told_once_when_its_note_is_final(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))

    await mentor.signs(session_id)
    assert await rig.told(SessionLogged) == []
    answers = await at_once(*[partial(mentor.cosigned, session_id)] * 3)

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    (logged,) = await rig.told(SessionLogged)
    assert (str(logged.session_id), logged.version, logged.units) == (session_id, 1, 4)
    assert len(await rig.told(GoalProgressUpdated)) == 1


async def test_a_note_is_signed_once(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))

    answers = await at_once(*[partial(mentor.signs, session_id)] * 3)

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_without_any_plan_a_session_is_documented_and_not_billed(rig: Rig) -> None:
    child = Child()
    await rig.tell(child.referred(), child.engaged(), child.eligible())
    await rig.tell(child.assigned(), child.opened(), at=at("2026-11-10 09:00"))

    note = await Mentor(rig).logs(session(child, FROM, UNTIL, billable=False))

    assert (note["state"], note["units"]) == ("final", 0)


async def test_nobody_signs_for_another(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))
    sign, cosign = f"sessions/{session_id}/sign", f"sessions/{session_id}/cosign"

    as_supervisor = await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", sign)
    as_other = await rig.staff("mentor-12", {Role.MENTOR}, "POST", sign)
    too_early = await mentor.cosigned(session_id)
    await mentor.signs(session_id)
    own = await rig.staff("mentor-77", {Role.MENTOR, Role.SUPERVISOR}, "POST", cosign)
    stranger = await rig.staff("supervisor-9", {Role.SUPERVISOR}, "POST", cosign)

    statuses = [a.status_code for a in (as_supervisor, as_other, too_early, own, stranger)]
    assert statuses == [403, 404, 409, 404, 404]
    assert await states(rig) == ["signed"]


async def test_a_note_that_cannot_be_signed_says_why_and_stays_a_draft(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL, texts={}, goals=[]))

    refused = await mentor.signs(session_id)

    assert refused.status_code == 422
    assert "intervention, response" in refused.json()["message"]
    assert "cites no goal" in refused.json()["message"]
    assert await states(rig) == ["draft"]


async def test_every_attempt_to_sign_is_recorded(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL, goals=[]))

    await mentor.signs(session_id)
    await mentor.revises(session_id, session(child, FROM, UNTIL))
    await mentor.signs(session_id)

    rows = await rig.pool.fetch("SELECT status, principal FROM audit WHERE act LIKE '%/sign'")
    assert sorted((row["status"], row["principal"]) for row in rows) == [
        (200, "mentor-77"),
        (422, "mentor-77"),
    ]


async def test_a_supervisor_gives_a_note_back_with_a_reason(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))
    await mentor.signs(session_id)
    path, body = f"sessions/{session_id}/return", {"reason": "Say what the youth did."}

    returned = await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", path, json=body)

    assert (returned.status_code, returned.json()["state"]) == (200, "draft")
    mine = await rig.staff("mentor-77", {Role.MENTOR}, "GET", "sessions?state=draft")
    assert mine.json()["sessions"][0]["return_reason"] == body["reason"]
    assert (await mentor.signs(session_id)).status_code == 200
    assert (await mentor.cosigned(session_id)).json()["return_reason"] is None


async def test_what_became_known_after_the_signature_counts_at_the_cosignature(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))
    await mentor.signs(session_id)
    await rig.tell(child.held("consent_revoked", "2026-11-18"))

    refused = await mentor.cosigned(session_id)

    assert (refused.status_code, refused.json()["code"]) == (422, "episode-on-hold")
    assert await states(rig) == ["signed"]


@pytest.mark.parametrize("kind", [AppointmentCancelled, AppointmentNoShow])
async def test_an_appointment_that_did_not_take_place_has_no_session(
    rig: Rig, kind: type[AppointmentCancelled] | type[AppointmentNoShow]
) -> None:
    child, mentor, appointment = Child(), Mentor(rig), uuid4()
    await begin(rig, child)
    await rig.tell(child.booked(appointment, at(FROM), at(UNTIL)))
    session_id = await mentor.drafts(session(child, FROM, UNTIL, appointment_id=str(appointment)))
    ended = kind.model_validate(
        {
            "youth_id": child.youth_id,
            "referral_id": child.referral_id,
            "appointment_id": appointment,
            "episode_id": child.episode_id,
            "mentor_id": person("mentor-77"),
            "reason": "family",
        }
    )
    await rig.tell(ended)

    refused = await mentor.signs(session_id)

    assert (refused.status_code, refused.json()["code"]) == (
        422,
        "appointment-did-not-take-place",
    )


async def test_one_appointment_has_one_session(rig: Rig) -> None:
    child, mentor, appointment = Child(), Mentor(rig), uuid4()
    await begin(rig, child)
    await rig.tell(child.booked(appointment, at(FROM), at(UNTIL)))
    first = session(child, FROM, UNTIL, appointment_id=str(appointment))
    second = session(child, "2026-11-19 18:00", "2026-11-19 19:00", appointment_id=str(appointment))

    logged = await mentor.logs(first)
    again = await mentor.signs(await mentor.drafts(second))

    assert logged["appointment_id"] == str(appointment)
    assert (again.status_code, again.json()["code"]) == (409, "appointment-has-its-session")
