"""How goals get on: levels and T-scores (DOMAIN 12), reviews, and the summary for a supervisor."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.codes import MeasuredBy, ProgressScale, Role
from contracts.events import GoalAchieved, GoalRetired, GoalStalled
from services.documentation.domain.goals import care_plan_id
from services.documentation.domain.measures import (
    GoalReview,
    Measurement,
    gas_t,
    is_achieved,
    outcome,
    reviews_without_progress,
)
from tests.documentation.builders import Child, HubGoal, Mentor, begin, hub_reads, rated, session
from tests.documentation.rig import Rig, at

DAY = date(2026, 11, 19)
GAS, MILESTONE, COUNT = ProgressScale.GAS, ProgressScale.MILESTONE, ProgressScale.FREQUENCY
SELF = ProgressScale.SELF_REPORT


# --- Levels and scores ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "weights", "score"),
    [
        ([0], None, "50.00"),
        ([1], None, "60.00"),
        ([-1], None, "40.00"),
        ([0, 0, 0], None, "50.00"),
        ([-1, -1, -1], None, "36.31"),
        ([1, 0, -1], None, "50.00"),
        ([1, 1, 0], None, "59.13"),
        ([2, 1, -1], [3, 2, 1], "65.42"),
        ([-2, -2], None, "25.19"),
        ([2, 2, 2], None, "77.39"),
    ],
)
def test_goal_attainment_is_scored_as_in_the_handbook(
    levels: list[float], weights: list[float] | None, score: str
) -> None:
    assert str(gas_t(levels, weights)) == score


def test_without_a_goal_there_is_no_score() -> None:
    assert gas_t([]) is None


def measured(value: float, scale: ProgressScale = MILESTONE, days: int = 0) -> Measurement:
    return Measurement(DAY + timedelta(days=days), scale, value, MeasuredBy.MENTOR)


@pytest.mark.parametrize(
    ("ratings", "baselines", "told"),
    [
        ([measured(1), measured(3, days=7)], [], (1, 3, True)),
        ([measured(3), measured(1, days=7)], [], (3, 1, False)),
        ([measured(2), measured(2, days=7)], [], (2, 2, None)),
        ([measured(2)], [], (2, 2, None)),
        ([measured(4, SELF), measured(2, SELF, 7)], [], (4, 2, True)),
        ([measured(2, COUNT), measured(5, COUNT, 7)], [], (2, 5, None)),
        ([measured(0, GAS)], [measured(-2, GAS, -30)], (-2, 0, True)),
        ([measured(0, GAS)], [measured(0, MILESTONE, -30)], (0, 0, None)),
        ([measured(4), measured(-1, GAS, 7), measured(1, GAS, 14)], [], (-1, 1, True)),
    ],
    ids=[
        *("better", "worse", "same", "once", "less-is-better", "count", "from-baseline"),
        *("baseline-of-another-scale", "scale-changed"),
    ],
)
def test_an_outcome_goes_from_the_first_level_to_the_last_on_one_scale(
    ratings: list[Measurement], baselines: list[Measurement], told: tuple[float, float, bool | None]
) -> None:
    found = outcome(ratings, baselines)

    assert found
    assert (found.baseline.value, found.last.value, found.better) == told
    assert found.change == told[1] - told[0]


def test_an_unrated_goal_has_no_outcome() -> None:
    assert outcome([], [measured(1)]) is None


def reviews(*found: str) -> list[GoalReview]:
    """`m` met, `p` progress, `n` neither."""
    return [
        GoalReview(DAY + timedelta(days=90 * n), one == "m", one in "mp")
        for n, one in enumerate(found)
    ]


def test_a_goal_is_achieved_by_two_reviews_in_a_row() -> None:
    assert [is_achieved(reviews(*found)) for found in ("", "m", "mp", "mpm", "pmm", "mmn")] == [
        *(False, False, False, False, True, False)
    ]


def test_a_goal_stalls_by_reviews_without_progress_up_to_the_last() -> None:
    counts = [reviews_without_progress(reviews(*found)) for found in ("", "p", "nn", "nnp", "pnn")]

    assert counts == [0, 0, 2, 0, 2]


# --- Reviews -------------------------------------------------------------------------------------


async def review(rig: Rig, goal: HubGoal, found: str, on: str) -> Any:
    rig.clock.at = at(f"{on} 12:00")
    body = {"target_met": found == "m", "progress": found in "mp"}
    path = f"goals/{goal.goal_id}/reviews"
    return await rig.staff("supervisor-4", {Role.SUPERVISOR}, "POST", path, json=body)


async def test_a_goal_met_in_two_reviews_is_achieved_and_maintained(rig: Rig) -> None:
    child = Child()
    goal = child.goals[0]
    await begin(rig, child)
    await Mentor(rig).logs(session(child, "2026-11-19 16:00", "2026-11-19 17:00"))

    first = await review(rig, goal, "m", "2026-11-23")
    assert (first.status_code, await rig.told(GoalAchieved)) == (201, [])
    second = await review(rig, goal, "m", "2026-11-24")
    await review(rig, goal, "m", "2026-11-25")

    assert second.json()["achievement"] == "achieved"
    (told,) = await rig.told(GoalAchieved)
    assert (told.goal_id, told.care_plan_id) == (goal.goal_id, care_plan_id(child.referral_id))
    read = (await hub_reads(rig, child, f"Goal/{goal.goal_id}")).json()
    assert read["lifecycleStatus"] == "active"
    assert read["achievementStatus"]["coding"][0]["code"] == "achieved"
    assert await rig.told(GoalRetired) == []
    await Mentor(rig).logs(session(child, "2026-11-24 16:00", "2026-11-24 17:00"))
    await review(rig, goal, "n", "2026-11-26")
    read = (await hub_reads(rig, child, f"Goal/{goal.goal_id}")).json()
    assert read["achievementStatus"]["coding"][0]["code"] == "no-change"


async def test_an_achieved_goal_ends_as_such_whatever_ends_the_episode(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    for on in ("2026-11-23", "2026-11-24"):
        await review(rig, child.goals[0], "m", on)

    await rig.tell(child.closed("moved", "2026-11-25"))

    codes = [
        (await hub_reads(rig, child, f"Goal/{goal.goal_id}")).json()["achievementStatus"]
        for goal in child.goals
    ]
    assert [one["coding"][0]["code"] for one in codes] == ["achieved", "not-achieved"]
    late = await review(rig, child.goals[0], "m", "2026-11-26")
    assert (late.status_code, late.json()["code"]) == (409, "goal-is-over")


async def test_a_goal_without_progress_in_three_reviews_is_told_once(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)

    for on in ("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"):
        await review(rig, child.goals[0], "n", on)

    (told,) = await rig.told(GoalStalled)
    assert told.effective == date(2026, 11, 25)


async def test_a_goal_is_reviewed_once_a_day_by_who_supervises(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    path = f"goals/{child.goals[0].goal_id}/reviews"
    body = {"target_met": True, "progress": True}

    stranger = await rig.staff("supervisor-9", {Role.SUPERVISOR}, "POST", path, json=body)
    mentor = await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=body)
    await review(rig, child.goals[0], "m", "2026-11-23")
    again = await review(rig, child.goals[0], "m", "2026-11-23")

    assert (stranger.status_code, mentor.status_code) == (404, 403)
    assert (again.status_code, again.json()["code"]) == (409, "goal-reviewed-today")


# --- At a glance ---------------------------------------------------------------------------------


async def test_a_supervisor_sees_how_a_youth_gets_on(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    talk, routine = child.goals
    await begin(rig, child)
    level = {"scale": "gas", "value": -2, "measured_by": "mentor"}
    path = f"goals/{talk.goal_id}/baseline"
    noted = await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=level)
    for day, value in [("17", -1), ("19", 1)]:
        goals = [rated(talk, value, "gas"), rated(routine, 2)]
        begins, ends = f"2026-11-{day} 16:00", f"2026-11-{day} 17:00"
        await mentor.logs(session(child, begins, ends, goals=goals))
    await mentor.drafts(session(child, "2026-11-20 16:00", "2026-11-20 17:00"))

    path = f"youths/{child.youth_id}/summary"
    found = (await rig.staff("supervisor-4", {Role.SUPERVISOR}, "GET", path)).json()

    assert noted.status_code == 201
    one, other = found["goals"]
    assert (one["text"], one["lifecycle"]) == (talk.text, "active")
    assert {name: one["outcome"][name] for name in ("baseline_level", "last_level", "better")} == {
        "baseline_level": -2,
        "last_level": 1,
        "better": True,
    }
    assert [(r["on"], r["value"]) for r in one["ratings"]] == [
        ("2026-11-17", -1),
        ("2026-11-19", 1),
    ]
    assert (other["outcome"]["change"], other["outcome"]["better"]) == (0, None)
    assert (found["gas_t"], found["minutes"], found["units"], found["open_notes"]) == (
        *(60.0, 120, 8),
        1,
    )
    assert [one["on"] for one in found["sessions"]] == ["2026-11-17", "2026-11-19"]


async def test_a_summary_is_for_who_works_with_the_youth(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    path = f"youths/{child.youth_id}/summary"

    stranger = await rig.staff("supervisor-9", {Role.SUPERVISOR}, "GET", path)
    scheduler = await rig.staff("supervisor-4", {Role.SCHEDULER}, "GET", path)

    assert (stranger.status_code, scheduler.status_code) == (404, 403)


async def test_a_baseline_lies_on_its_scale_and_is_of_ones_own_youth(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    path = f"goals/{child.goals[0].goal_id}/baseline"
    off = {"scale": "gas", "value": -3, "measured_by": "mentor"}

    wrong = await rig.staff("mentor-77", {Role.MENTOR}, "POST", path, json=off)
    stranger = await rig.staff("mentor-12", {Role.MENTOR}, "POST", path, json=off)

    assert (wrong.status_code, wrong.json()["code"]) == (422, "value-not-on-scale")
    assert stranger.status_code == 404
