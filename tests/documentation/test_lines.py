"""Lines for claims: what one line counts, its units by the rule of the day, what holds it (S30)."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import Role
from contracts.events import (
    AssignmentEnded,
    CoverageLapsed,
    HubDisengaged,
    MentorAssigned,
    MentorStandingChanged,
)
from contracts.rules import RulePack, parse
from services.chassis import rule_packs
from tests.documentation.builders import Child, Mentor, begin, know, rated, session
from tests.documentation.rig import Rig, at, day, person

FROM, UNTIL = "2026-11-19 16:00", "2026-11-19 17:00"
PERIOD = "from=2026-11-01&to=2026-11-30"


async def lines(rig: Rig, query: str = PERIOD, role: Role = Role.BILLING) -> Any:
    answer = await rig.staff("billing-1", {role}, "GET", f"claim-lines?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def held(rig: Rig) -> list[list[str]]:
    return [one["held"] for one in (await lines(rig))["lines"]]


def rounding(*rows: tuple[str, str]) -> RulePack:
    text = "".join(
        f'[[rule]]\nkey = "unit.rounding"\nvalue = "{value}"\n{days}\nsource = "a test"\n'
        'confidence = "I"\n'
        for value, days in rows
    )
    other = parse([("units.toml", text.encode())])
    return RulePack(other.version, {**rule_packs.shipped().rules, **other.rules})


# --- What a line counts --------------------------------------------------------------------------


async def test_sessions_of_one_day_and_place_are_one_line(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    await mentor.logs(session(child, FROM, "2026-11-19 16:22"))
    await mentor.logs(session(child, "2026-11-19 18:00", "2026-11-19 18:24"))
    at_home = session(child, "2026-11-19 19:00", "2026-11-19 19:30", place_of_service="12")
    await mentor.logs(at_home)
    await mentor.logs(session(child, "2026-11-20 16:00", "2026-11-20 16:53"))

    found = await lines(rig)

    told = [(one["day"][-2:], one["place_of_service"], one["units"]) for one in found["lines"]]
    assert sorted(told) == [("19", "12", 2), ("19", "99", 2), ("20", "99", 3)]
    assert sorted(len(one["sessions"]) for one in found["lines"]) == [1, 1, 2]
    assert found["units"] == 7
    assert {(one["code"], one["modifier"]) for one in found["lines"]} == {("T1027", "EP")}


@pytest.mark.parametrize(
    ("rule", "units"),
    [("floor", 2), ("midpoint_8min", 3), ("per_day_sum_then_floor", 3)],
)
async def test_a_line_is_rounded_by_the_rule_of_its_day(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, rule: str, units: int
) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    await mentor.logs(session(child, FROM, "2026-11-19 16:22"))
    await mentor.logs(session(child, "2026-11-19 18:00", "2026-11-19 18:24"))

    monkeypatch.setattr(rule_packs, "_followed", rounding((rule, "")))

    assert (await lines(rig))["units"] == units


async def test_a_rule_that_changes_in_mid_month_leaves_the_days_before_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    for day_ in ("18", "19"):
        await mentor.logs(session(child, f"2026-11-{day_} 16:00", f"2026-11-{day_} 16:53"))

    dated = rounding(
        ("floor", "last_day = 2026-11-18"), ("midpoint_8min", "first_day = 2026-11-19")
    )
    monkeypatch.setattr(rule_packs, "_followed", dated)

    found = (await lines(rig))["lines"]
    assert [(one["rounding"], one["units"]) for one in found] == [
        ("floor", 3),
        ("midpoint_8min", 4),
    ]


async def test_a_correction_changes_its_line_and_a_void_note_leaves_none(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = (await mentor.logs(session(child, FROM, UNTIL)))["session_id"]
    wrong = session(child, FROM, "2026-11-19 16:45") | {"reason": "time"}
    path = f"sessions/{session_id}"
    await rig.staff("mentor-77", {Role.MENTOR}, "POST", f"{path}/amend", json=wrong)
    assert (await lines(rig))["units"] == 4
    await mentor.signs(session_id)
    assert (await lines(rig))["units"] == 4

    await mentor.cosigned(session_id)
    (line,) = (await lines(rig))["lines"]
    assert (line["units"], line["sessions"][0]["version"]) == (3, 2)
    error = {"reason": "wrong_youth"}
    await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", f"{path}/void", json=error)
    assert (await lines(rig))["lines"] == []


async def test_lines_alike_but_for_the_mentor_and_long_days_are_pointed_out(rig: Rig) -> None:
    child, other = Child(), Child()
    mentor, colleague = Mentor(rig), Mentor(rig, mentor="mentor-12")
    await begin(rig, child)
    await begin(rig, other)
    await rig.tell(child.assigned(mentor="mentor-12"), at=at("2026-11-11 09:00"))
    await mentor.logs(session(child, "2026-11-19 09:00", "2026-11-19 11:00"))
    await colleague.logs(session(child, "2026-11-19 12:00", "2026-11-19 14:15"))
    await mentor.logs(session(other, "2026-11-19 16:00", "2026-11-19 20:00"))

    found = (await lines(rig))["lines"]

    odd = {(one["youth_id"], one["units"]): one["odd"] for one in found}
    assert odd == {
        (str(child.youth_id), 8): ["duplicate_risk", "many_units"],
        (str(child.youth_id), 9): ["duplicate_risk", "many_units"],
        (str(other.youth_id), 16): [],
    }
    assert [one["held"] for one in found] == [[], [], []]


# --- What holds it -------------------------------------------------------------------------------


async def test_a_draft_has_no_line_and_a_signed_note_is_held(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    session_id = await mentor.drafts(session(child, FROM, UNTIL))
    assert await held(rig) == []

    await mentor.signs(session_id)

    assert await held(rig) == [["no_final_note"]]
    assert (await lines(rig))["units"] == 0
    await mentor.cosigned(session_id)
    assert await held(rig) == [[]]


async def test_what_is_not_billable_or_too_short_is_held(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    await mentor.logs(session(child, FROM, UNTIL, billable=False))
    await mentor.logs(session(child, "2026-11-20 16:00", "2026-11-20 16:14"))

    assert await held(rig) == [["non_billable"], ["non_billable"]]


async def test_coverage_that_ended_before_holds_a_line_until_it_is_back(rig: Rig) -> None:
    """S7: the session stays valid, its line waits."""
    child = Child()
    await begin(rig, child)
    await Mentor(rig).logs(session(child, FROM, UNTIL))
    lapsed = CoverageLapsed(
        youth_id=child.youth_id, payer=child.payer, effective=day("2026-11-19"), retro=True
    )

    await rig.tell(lapsed)
    assert await held(rig) == [["no_coverage_dos"]]

    await rig.tell(child.eligible())
    assert await held(rig) == [[]]


@pytest.mark.parametrize(
    ("since", "held_days"),
    [("2026-11-20", {"18"}), ("2026-11-15", set()), ("2026-11-01", set())],
    ids=["with a gap", "without a gap", "from before the lapse"],
)
async def test_coverage_that_comes_back_leaves_the_days_before_it_as_they_were(
    rig: Rig, since: str, held_days: set[str]
) -> None:
    """S7: what a payer confirms from a day on says nothing of the days before."""
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    for day_ in ("12", "18", "21"):
        await mentor.logs(session(child, f"2026-11-{day_} 16:00", f"2026-11-{day_} 17:00"))
    lapsed = CoverageLapsed(
        youth_id=child.youth_id, payer=child.payer, effective=day("2026-11-15"), retro=True
    )

    await rig.tell(lapsed, child.eligible(since=since))
    await rig.tell(child.eligible(since=since))

    found = (await lines(rig))["lines"]
    assert {one["day"][-2:] for one in found if one["held"]} == held_days


async def test_the_last_word_of_a_payer_counts_to_its_own_last_day(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    for day_ in ("12", "20", "21"):
        await mentor.logs(session(child, f"2026-11-{day_} 16:00", f"2026-11-{day_} 17:00"))

    await rig.tell(child.eligible(since="2026-11-15", until="2026-11-20"))

    found = (await lines(rig))["lines"]
    assert {one["day"][-2:] for one in found if one["held"]} == {"21"}


async def test_a_hub_that_turns_out_to_have_ended_holds_a_line(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    await Mentor(rig).logs(session(child, FROM, UNTIL))
    ended = HubDisengaged(
        youth_id=child.youth_id,
        organisation_id=child.hub,
        hub_service=child.engaged().hub_service,
        effective=day("2026-11-18"),
    )

    await rig.tell(ended)

    assert await held(rig) == [["hub_inactive_dos"]]


async def test_a_plan_that_turns_out_to_have_dropped_the_goal_holds_a_line(rig: Rig) -> None:
    child = Child()
    kept, dropped = child.goals
    await begin(rig, child)
    await Mentor(rig).logs(session(child, FROM, UNTIL, goals=[rated(dropped, 1)]))
    know(rig, child, kept, version=2)

    await rig.tell(child.planned(kept, version=2, effective="2026-11-16"))

    assert await held(rig) == [["goal_not_on_plan"]]


def standing(assigned: MentorAssigned, effective: str, **said: Any) -> MentorStandingChanged:
    return MentorStandingChanged(
        youth_id=assigned.youth_id,
        referral_id=assigned.referral_id,
        assignment_id=assigned.assignment_id,
        mentor_id=assigned.mentor_id,
        supervisor_id=said.get("supervisor_id", assigned.supervisor_id),
        effective=day(effective),
        standing=said.get("standing", True),
        standing_until=day(said["until"]) if "until" in said else None,
    )


async def test_a_lapse_that_is_discovered_later_holds_the_days_without_standing(rig: Rig) -> None:
    """S25: renewed on the 19th, nothing is mended from the 12th to the 18th."""
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child, opened=False)
    assigned = child.assigned()
    await rig.tell(assigned, child.opened(), at=at("2026-11-10 09:00"))
    await rig.pool.execute(
        "DELETE FROM assignment WHERE assignment_id <> $1", assigned.assignment_id
    )
    for day_ in ("11", "12", "18", "19"):
        await mentor.logs(session(child, f"2026-11-{day_} 16:00", f"2026-11-{day_} 17:00"))

    await rig.tell(
        standing(assigned, "2026-11-12", standing=False),
        standing(assigned, "2026-11-19", until="2027-11-19"),
    )

    found = (await lines(rig))["lines"]
    assert {one["day"][-2:]: one["held"] for one in found} == {
        "11": [],
        "12": ["mentor_standing"],
        "18": ["mentor_standing"],
        "19": [],
    }
    late = await mentor.signs(
        await mentor.drafts(session(child, "2026-11-15 16:00", "2026-11-15 17:00"))
    )
    assert (late.status_code, late.json()["code"]) == (422, "mentor-without-standing")


async def test_a_new_supervisor_answers_for_notes_from_her_first_day(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child, opened=False)
    assigned = child.assigned()
    await rig.tell(assigned, child.opened(), at=at("2026-11-10 09:00"))
    await rig.pool.execute(
        "DELETE FROM assignment WHERE assignment_id <> $1", assigned.assignment_id
    )
    changed = standing(assigned, "2026-11-19", supervisor_id=person("supervisor-9"))
    await rig.tell(changed)
    new = Mentor(rig, supervisor="supervisor-9")
    before = await mentor.drafts(session(child, "2026-11-18 16:00", "2026-11-18 17:00"))
    after = await mentor.drafts(session(child, FROM, UNTIL))
    for note in (before, after):
        assert (await mentor.signs(note)).status_code == 200

    statuses = [
        (await who.cosigned(note)).status_code for note in (before, after) for who in (new, mentor)
    ]

    assert statuses == [404, 200, 200, 404]
    hers = await rig.staff("supervisor-9", {Role.SUPERVISOR}, "GET", "sessions")
    assert len(hers.json()["sessions"]) == 2


async def test_a_mentor_signs_sessions_from_before_her_assignment_ended(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    assignment = UUID(str(await rig.pool.fetchval("SELECT assignment_id FROM assignment")))
    ended = AssignmentEnded(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        assignment_id=assignment,
        mentor_id=person("mentor-77"),
        reason="mentor_left",
        effective=day("2026-11-20"),
    )
    await rig.tell(ended)

    before = await mentor.logs(session(child, FROM, UNTIL))
    after = await mentor.signs(
        await mentor.drafts(session(child, "2026-11-20 16:00", "2026-11-20 17:00"))
    )

    assert before["state"] == "final"
    assert (after.status_code, after.json()["code"]) == (422, "mentor-not-assigned")


# --- Who looks at them, and at what --------------------------------------------------------------


async def test_lines_are_asked_by_days_youth_and_whether_they_are_held(rig: Rig) -> None:
    one, other, mentor = Child(), Child(), Mentor(rig)
    await begin(rig, one)
    await begin(rig, other)
    await mentor.logs(session(one, FROM, UNTIL))
    await mentor.logs(session(other, "2026-11-20 16:00", "2026-11-20 17:00", billable=False))

    async def youths(query: str) -> list[str]:
        return [line["youth_id"] for line in (await lines(rig, query))["lines"]]

    assert await youths("from=2026-11-20&to=2026-11-20") == [str(other.youth_id)]
    assert await youths(f"{PERIOD}&youth_id={one.youth_id}") == [str(one.youth_id)]
    assert await youths(f"{PERIOD}&held=true") == [str(other.youth_id)]
    assert await youths(f"{PERIOD}&held=false") == [str(one.youth_id)]
    assert await youths(f"{PERIOD}&youth_id={uuid4()}") == []


@pytest.mark.parametrize(
    "query", ["from=2026-11-02&to=2026-11-01", "from=2026-11-01&to=2026-12-02"]
)
async def test_too_many_days_are_refused(rig: Rig, query: str) -> None:
    answer = await rig.staff("billing-1", {Role.BILLING}, "GET", f"claim-lines?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "days-too-many")


async def test_mentors_see_no_lines(rig: Rig) -> None:
    answer = await rig.staff("mentor-77", {Role.MENTOR}, "GET", f"claim-lines?{PERIOD}")

    assert answer.status_code == 403


async def test_notes_are_listed_page_by_page_latest_first(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    for number in range(5):
        start = at(FROM) + timedelta(hours=number // 2)  # pairs begin at the same time
        body = session(child, FROM, UNTIL) | {
            "start": start.isoformat(),
            "end": (start + timedelta(hours=1)).isoformat(),
        }
        await mentor.drafts(body)

    seen: list[str] = []
    after, pages = "", 0
    while True:
        path = "sessions?limit=2" + (f"&after={after}" if after else "")
        page = (await rig.staff("mentor-77", {Role.MENTOR}, "GET", path)).json()
        seen += [one["session_id"] for one in page["sessions"]]
        pages += 1
        if not (after := page["next"] or ""):
            break
    forged = await rig.staff("mentor-77", {Role.MENTOR}, "GET", "sessions?after=x")

    assert (len(seen), len(set(seen)), pages) == (5, 5, 3)
    assert (forged.status_code, forged.json()["code"]) == (422, "page-unknown")
