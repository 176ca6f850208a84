"""Notes that come late or not at all (T6, S21, S22), and who has to sign beside their author."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.codes import Overdue, Role
from contracts.events import AppointmentCancelled, NoteOverdue, SessionLogged
from contracts.rules import RulePack, parse
from services.chassis import rule_packs
from tests.documentation.builders import Child, Mentor, begin, session
from tests.documentation.rig import Rig, at, person

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"


def follow(monkeypatch: pytest.MonkeyPatch, key: str, value: str) -> None:
    """The pack in force, but for one rule."""
    row = f'[[rule]]\nkey = "{key}"\nvalue = {value}\nsource = "a test"\nconfidence = "I"\n'
    other = parse([("other.toml", row.encode())])
    pack = RulePack(other.version, {**rule_packs.in_force().rules, **other.rules})
    monkeypatch.setattr(rule_packs, "_followed", pack)


def body(child: Child, **changes: Any) -> dict[str, Any]:
    return session(child, FROM, UNTIL, late_reason=None) | changes


# --- Late ----------------------------------------------------------------------------------------


async def test_a_note_is_late_after_72_hours_and_says_why(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(body(child))
    rig.clock.at = at(UNTIL) + timedelta(hours=72, seconds=1)

    refused = await mentor.signs(session_id)
    await mentor.revises(session_id, body(child, late_reason="The mentor was ill."))
    signed = await mentor.signs(session_id)

    assert (refused.status_code, refused.json()["code"]) == (422, "late-reason-missing")
    assert (signed.status_code, "late" in signed.json()["cosign"]) == (200, True)
    assert signed.json()["signed_at"] != signed.json()["end"]


async def test_after_72_hours_to_the_second_a_note_is_not_late(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    rig.clock.at = at(UNTIL) + timedelta(hours=72)

    signed = await mentor.signs(await mentor.drafts(body(child)))

    assert (signed.status_code, signed.json()["cosign"]) == (200, ["policy"])


async def test_what_was_signed_in_time_is_not_late_when_it_is_cosigned(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(body(child))
    await mentor.signs(session_id)
    rig.clock.at = at("2026-12-19 12:00")

    assert (await mentor.cosigned(session_id)).json()["state"] == "final"


async def test_a_late_note_is_billed_only_if_the_rule_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(monkeypatch, "note.late_is_billable", "false")
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    rig.clock.at = at("2026-11-28 12:00")

    note = await mentor.logs(body(child, late_reason="The mentor was ill."))

    assert (note["billable"], note["units"]) == (False, 0)
    assert [one["code"] for one in note["warnings"]] == ["note-is-late"]


# --- Who signs beside the author -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "sample", "late", "reasons"),
    [
        ("always", 10**40, False, ["policy"]),
        ("always", 10**40, True, ["late", "policy"]),
        ("rules", 10**40, False, []),
        ("rules", 1, False, ["sample"]),
        ("rules", 10**40, True, ["late"]),
        ("never", 1, False, []),
        ("never", 1, True, ["late"]),
    ],
)
async def test_the_rule_says_which_notes_a_supervisor_signs_too(
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    sample: int,
    late: bool,
    reasons: list[str],
) -> None:
    follow(monkeypatch, "note.cosign", f'"{policy}"')
    monkeypatch.setattr(rule_packs, "_followed", sampled(sample))
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    rig.clock.at = at("2026-11-28 12:00" if late else "2026-11-19 18:00")

    signed = await mentor.signs(await mentor.drafts(body(child, late_reason="Illness.")))

    assert signed.json()["cosign"] == reasons
    assert signed.json()["state"] == ("signed" if reasons else "final")
    assert len(await rig.told(SessionLogged)) == (0 if reasons else 1)


def sampled(number: int) -> RulePack:
    """The pack in force with another sample; TOML's whole numbers end at 64 bits."""
    pack = rule_packs.in_force()
    (rule,) = pack.rules["note.cosign_sample"]
    other = type(rule)(rule.key, number, rule.source, rule.confidence, rule.version)
    return RulePack(pack.version, {**pack.rules, "note.cosign_sample": (other,)})


async def test_a_correction_needs_a_cosignature_by_the_rules(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(monkeypatch, "note.cosign", '"rules"')
    monkeypatch.setattr(rule_packs, "_followed", sampled(10**40))
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(body(child))
    await mentor.signs(session_id)
    path, wrong = f"sessions/{session_id}/amend", body(child) | {"reason": "text"}
    await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=wrong)

    assert (await mentor.signs(session_id)).json()["cosign"] == ["amended"]


async def test_a_draft_is_submitted_returned_and_signed(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(body(child))
    submit, back = f"sessions/{session_id}/submit", f"sessions/{session_id}/return"
    reason = {"reason": "Say what the youth did."}

    submitted = await rig.staff("mentor-77", {Role.MENTOR}, "POST", submit)
    frozen = await mentor.revises(session_id, body(child))
    too_early = await mentor.cosigned(session_id)
    returned = await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", back, json=reason)
    await rig.staff("mentor-77", {Role.MENTOR}, "POST", submit)
    signed = await mentor.signs(session_id)

    assert submitted.json()["state"] == "submitted"
    assert (frozen.status_code, frozen.json()["code"]) == (409, "note-is-submitted")
    assert (too_early.status_code, too_early.json()["code"]) == (409, "note-not-signed")
    assert (returned.json()["state"], returned.json()["return_reason"]) == (
        "draft",
        *reason.values(),
    )
    assert signed.json()["state"] == "signed"


# --- Missing -------------------------------------------------------------------------------------


async def booked(rig: Rig, child: Child) -> Any:
    appointment = uuid4()
    await begin(rig, child)
    await rig.tell(child.booked(appointment, at(FROM), at(UNTIL)))
    return appointment


async def passes(rig: Rig, hours: float) -> list[NoteOverdue]:
    """So many hours after the session's end."""
    rig.clock.at = at(UNTIL) + timedelta(hours=hours)
    await rig.work()
    return await rig.told(NoteOverdue)


async def test_a_missing_note_is_told_at_each_level_once(rig: Rig) -> None:
    child = Child()
    appointment = await booked(rig, child)

    found = [
        [one.level for one in await passes(rig, hours)] for hours in (23, 24, 71, 72, 168, 999)
    ]

    due, late, escalated = Overdue.DUE, Overdue.LATE, Overdue.ESCALATED
    assert found == [[], [due], [due], [due, late], [due, late, escalated], [due, late, escalated]]
    told = (await rig.told(NoteOverdue))[-1]
    assert (told.appointment_id, told.session_id, told.ended_at) == (appointment, None, at(UNTIL))
    assert (told.mentor_id, told.supervisor_id) == (person("mentor-77"), person("supervisor-4"))


async def test_of_levels_that_passed_unseen_only_the_last_is_told(rig: Rig) -> None:
    await booked(rig, Child())

    assert [one.level for one in await passes(rig, 100)] == [Overdue.LATE]


async def test_a_signed_note_is_not_missing_a_draft_is(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    appointment = await booked(rig, child)
    session_id = await mentor.drafts(body(child, appointment_id=str(appointment)))

    (due,) = await passes(rig, 25)
    assert str(due.session_id) == session_id
    await mentor.signs(session_id)

    assert len(await passes(rig, 200)) == 1


async def test_what_was_not_held_misses_no_note(rig: Rig) -> None:
    cancelled, held = Child(), Child()
    rig.clock.at = at(FROM)
    appointment = await booked(rig, cancelled)
    await booked(rig, held)
    ended = AppointmentCancelled(
        youth_id=cancelled.youth_id,
        referral_id=cancelled.referral_id,
        appointment_id=appointment,
        episode_id=cancelled.episode_id,
        mentor_id=person("mentor-77"),
        reason="family",
    )
    await rig.tell(ended, held.held("hub_inactive", "2026-11-19"))

    assert await passes(rig, 200) == []


async def test_a_draft_without_appointment_is_watched_too(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(body(child))

    (due,) = await passes(rig, 24)

    assert (str(due.session_id), due.appointment_id) == (session_id, None)


async def test_an_appointment_told_twice_is_missed_once(rig: Rig) -> None:
    child = Child()
    appointment = await booked(rig, child)
    await rig.tell(child.booked(appointment, at(FROM), at(UNTIL)))

    assert len(await passes(rig, 24)) == 1


async def test_a_supervisor_attests_as_herself_and_bills_nothing(rig: Rig) -> None:
    child = Child()
    appointment = await booked(rig, child)
    attested = body(child, appointment_id=str(appointment), mentor_id=str(person("mentor-77")))

    async def attests(who: str, role: Role) -> Any:
        return await rig.staff(who, {role}, "POST", "sessions/attested", json=attested)

    refused = [
        await attests("mentor-77", Role.MENTOR),
        await attests("supervisor-9", Role.SUPERVISOR),
    ]
    attested["texts"] = {}
    unheard = await attests("supervisor-9", Role.SUPERVISOR)
    attested["texts"] = body(child)["texts"]
    told = await attests("supervisor-4", Role.SUPERVISOR)

    # Whose it is comes before what is wrong with it: a stranger learns nothing.
    assert [one.status_code for one in (*refused, unheard)] == [403, 404, 404]
    assert (told.status_code, told.json()["state"], told.json()["units"]) == (201, "final", 0)
    assert told.json()["attested_by"] == str(person("supervisor-4"))
    (logged,) = await rig.told(SessionLogged)
    assert (logged.billable, logged.mentor_id) == (False, person("mentor-77"))
    assert await passes(rig, 200) == []
