"""What a signature depends on: other sessions, goals of that day, the rule for units."""

from functools import partial

import pytest

from contracts.codes import PlaceOfService
from contracts.events import (
    GoalProgressUpdated,
    HubDisengaged,
    SessionLogged,
)
from contracts.rules import RulePack, parse
from services.chassis import rule_packs
from tests.chassis.waiting import at_once
from tests.documentation.builders import (
    Child,
    Mentor,
    begin,
    know,
    rated,
    session,
    states,
)
from tests.documentation.rig import Rig, at, day

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"


# --- Overlaps (S19) ------------------------------------------------------------------------------


async def test_a_mentor_is_at_one_place_at_a_time(rig: Rig) -> None:
    one, other, mentor = Child(), Child(), Mentor(rig)
    await begin(rig, one)
    await begin(rig, other)
    first = await mentor.drafts(session(one, "2026-11-19 15:00", "2026-11-19 16:30"))
    second = await mentor.drafts(session(other, "2026-11-19 16:00", "2026-11-19 17:00"))

    assert (await mentor.signs(first)).status_code == 200
    refused = await mentor.signs(second)

    assert (refused.status_code, refused.json()["code"]) == (409, "mentor-sessions-overlap")
    assert await states(rig) == ["signed", "draft"]
    await mentor.revises(second, session(other, "2026-11-19 16:30", "2026-11-19 17:00"))
    assert (await mentor.signs(second)).status_code == 200


async def test_a_non_billable_session_overlaps_as_well(rig: Rig) -> None:
    one, other, mentor = Child(), Child(), Mentor(rig)
    await begin(rig, one)
    await begin(rig, other)
    await mentor.logs(session(one, FROM, UNTIL, billable=False))

    refused = await mentor.signs(await mentor.drafts(session(other, FROM, UNTIL)))

    assert refused.status_code == 409


async def test_a_youth_is_in_one_session_at_a_time(rig: Rig) -> None:
    child, colleague = Child(), Mentor(rig, mentor="mentor-12")
    await begin(rig, child)
    await rig.tell(child.assigned(mentor="mentor-12"), at=at("2026-11-11 09:00"))
    await Mentor(rig).logs(session(child, FROM, UNTIL))

    refused = await colleague.signs(await colleague.drafts(session(child, FROM, UNTIL)))

    assert (refused.status_code, refused.json()["code"]) == (409, "youth-sessions-overlap")


async def test_of_two_devices_that_sign_at_once_exactly_one_wins(rig: Rig) -> None:
    children, mentor = [Child() for _ in range(4)], Mentor(rig)
    for child in children:
        await begin(rig, child)
    notes = [await mentor.drafts(session(child, FROM, UNTIL)) for child in children]

    answers = await at_once(*(partial(mentor.signs, note) for note in notes))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert sorted(await states(rig)) == ["draft", "draft", "draft", "signed"]


# --- Goals (S20) ---------------------------------------------------------------------------------


async def test_a_goal_that_the_hub_dropped_last_week_cannot_be_billed(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    kept, dropped = child.goals
    know(rig, child, kept, version=2)
    await rig.tell(child.planned(kept, version=2, effective="2026-11-16"))
    await rig.work()
    body = session(child, FROM, UNTIL, goals=[rated(dropped, 1)])
    session_id = await mentor.drafts(body)

    refused = await mentor.signs(session_id)

    assert (refused.status_code, refused.json()["code"]) == (422, "goal-not-on-plan")
    await mentor.revises(session_id, body | {"billable": False})
    signed = await mentor.signs(session_id)
    assert [one["code"] for one in signed.json()["warnings"]] == ["goal-not-on-plan"]
    assert (await mentor.cosigned(session_id)).json()["units"] == 0
    (logged,) = await rig.told(SessionLogged)
    assert (logged.billable, logged.units, logged.goal_ids) == (False, 0, ())
    assert await rig.told(GoalProgressUpdated) == []


async def test_an_active_goal_in_its_place_can_be_billed(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    kept, dropped = child.goals
    know(rig, child, kept, version=2)
    await rig.tell(child.planned(kept, version=2, effective="2026-11-16"))
    session_id = await mentor.drafts(session(child, FROM, UNTIL, goals=[rated(dropped, 1)]))
    await mentor.signs(session_id)

    await mentor.revises(session_id, session(child, FROM, UNTIL, goals=[rated(kept, 1)]))

    assert (await mentor.signs(session_id)).status_code == 200
    assert (await mentor.cosigned(session_id)).json()["units"] == 4


async def test_a_session_before_the_goal_was_dropped_still_counts(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    kept, dropped = child.goals
    know(rig, child, kept, version=2)
    await rig.tell(child.planned(kept, version=2, effective="2026-11-20"))

    note = await mentor.logs(session(child, FROM, UNTIL, goals=[rated(dropped, 1)]))

    assert note["billable"]
    (progress,) = await rig.told(GoalProgressUpdated)
    assert progress.goal_id == dropped.goal_id


async def test_progress_names_the_value_before_on_the_same_scale(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    goal, other = child.goals
    for hour, goals in [
        (10, [rated(goal, 1), {"goal_id": str(other.goal_id)}]),
        (12, [rated(goal, -2, "gas"), rated(other, 4)]),
        (14, [rated(goal, 3)]),
    ]:
        times = f"2026-11-19 {hour}:00", f"2026-11-19 {hour}:30"
        await mentor.logs(session(child, *times, goals=goals))

    told = await rig.told(GoalProgressUpdated)

    assert [(one.scale.value, one.value, one.previous) for one in told] == [
        ("milestone", 1, None),
        ("gas", -2, None),
        ("milestone", 4, None),
        ("milestone", 3, 1),
    ]


async def test_a_late_note_is_measured_against_the_session_before_it(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    goal = child.goals[0]
    for start, end, value in [
        ("2026-11-17 16:00", "2026-11-17 17:00", 1),
        ("2026-11-19 16:00", "2026-11-19 17:00", 4),
        ("2026-11-18 16:00", "2026-11-18 17:00", 2),
    ]:
        await mentor.logs(session(child, start, end, goals=[rated(goal, value)]))

    told = await rig.told(GoalProgressUpdated)

    assert [one.previous for one in told] == [None, 1, 1]


# --- Units (S30) ---------------------------------------------------------------------------------

ROUNDING = """
[[rule]]
key = "unit.rounding"
value = "{}"
source = "a test"
confidence = "I"
{}
"""


def pack(*rows: tuple[str, str]) -> RulePack:
    """The pack that is in force, with other rows for `unit.rounding`."""
    text = "".join(ROUNDING.format(*row) for row in rows)
    other = parse([("units.toml", text.encode())])
    return RulePack(other.version, {**rule_packs.in_force().rules, **other.rules})


def follow(monkeypatch: pytest.MonkeyPatch, pack: RulePack) -> None:
    monkeypatch.setattr(rule_packs, "_followed", pack)


@pytest.mark.parametrize(
    ("rounding", "units"),
    [("floor", [1, 1]), ("midpoint_8min", [1, 2]), ("per_day_sum_then_floor", [1, 2])],
)
async def test_two_sessions_of_a_day_are_rounded_by_the_rule(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, rounding: str, units: list[int]
) -> None:
    follow(monkeypatch, pack((rounding, "")))
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)

    first = await mentor.logs(session(child, FROM, "2026-11-19 16:22"))
    second = await mentor.logs(session(child, "2026-11-19 18:00", "2026-11-19 18:24"))

    assert [first["units"], second["units"]] == units


async def test_a_line_is_one_place_and_one_day(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(monkeypatch, pack(("per_day_sum_then_floor", "")))
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    at_home = {"place_of_service": PlaceOfService.HOME.value}

    await mentor.logs(session(child, FROM, "2026-11-19 16:22"))
    other_place = await mentor.logs(
        session(child, "2026-11-19 18:00", "2026-11-19 18:24", **at_home)
    )
    other_day = await mentor.logs(session(child, "2026-11-20 18:00", "2026-11-20 18:24"))

    assert [other_place["units"], other_day["units"]] == [1, 1]


async def test_a_rule_that_changes_in_mid_month_counts_from_its_day(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ("floor", "last_day = 2026-11-18"), ("midpoint_8min", "first_day = 2026-11-19")
    follow(monkeypatch, pack(*rows))
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)

    before = await mentor.logs(session(child, "2026-11-18 16:00", "2026-11-18 16:53"))
    after = await mentor.logs(session(child, FROM, "2026-11-19 16:53"))

    assert [before["units"], after["units"]] == [3, 4]
    assert (
        before["rule_pack_version"] == after["rule_pack_version"] == rule_packs.in_force().version
    )


async def test_where_no_cosignature_is_asked_for_the_signature_makes_it_final(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ROUNDING.format("never", "").replace("unit.rounding", "note.cosign")
    other = parse([("notes.toml", text.encode())])
    follow(monkeypatch, RulePack(other.version, {**rule_packs.in_force().rules, **other.rules}))
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)

    signed = await mentor.signs(await mentor.drafts(session(child, FROM, UNTIL)))

    assert signed.json()["state"] == "final"
    assert len(await rig.told(SessionLogged)) == 1


async def test_a_session_in_the_hubs_grace_days_is_documented_and_not_billed(rig: Rig) -> None:
    """S11: the hub ended on Friday, we hear of it on Tuesday, the session was on Monday."""
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    ended = HubDisengaged(
        youth_id=child.youth_id,
        organisation_id=child.hub,
        hub_service=child.engaged().hub_service,
        effective=day("2026-11-13"),
    )
    held = child.held("hub_inactive", "2026-11-13")
    await rig.tell(ended, held, at=at("2026-11-17 10:00"))

    note = await mentor.logs(session(child, "2026-11-16 16:00", "2026-11-16 17:00"))

    assert (note["billable"], note["units"]) == (False, 0)
    assert [one["code"] for one in note["warnings"]] == ["hub-ended"]


async def test_the_words_of_a_note_leave_this_database_in_no_event(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    marker = "MARKER-7f3a"
    texts = dict.fromkeys(("intervention", "response", "family_contact", "next_plan"), marker)

    await Mentor(rig).logs(session(child, FROM, UNTIL, texts=texts, late_reason=marker))

    rows = await rig.pool.fetch("SELECT body, headers::text FROM event")
    assert rows
    assert not any(marker in f"{row['body']!r} {row['headers']}" for row in rows)
