"""The hub's plan as it changes: words that come late, goals that are dropped and come back."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from contracts.codes import ConsentKind, GoalStatus
from contracts.events import ConsentGranted, GoalAdded, GoalRetired, SessionLogged
from services.documentation.domain.goals import care_plan_id
from tests.documentation.builders import (
    Child,
    HubGoal,
    Mentor,
    begin,
    hub_reads,
    know,
    rated,
    routine,
    session,
    talk,
)
from tests.documentation.rig import Rig, at, day


async def goals_of(rig: Rig, child: Child) -> dict[str, dict[str, Any]]:
    """What the hub reads of its goals, by its own number of each."""
    answer = await hub_reads(rig, child, f"Goal?patient={child.youth_id}")
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json().get("entry", [])]
    return {goal["identifier"][0]["value"]: goal for goal in found}


async def change(rig: Rig, child: Child, *goals: HubGoal, version: int, effective: str) -> None:
    know(rig, child, *goals, version=version)
    await rig.tell(child.planned(*goals, version=version, effective=effective))
    await rig.work()


async def test_until_the_words_come_there_is_neither_goal_nor_plan(rig: Rig) -> None:
    child = Child()
    rig.stand_in.down = True
    await begin(rig, child)

    assert await goals_of(rig, child) == {}
    plan = await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")
    assert plan.status_code == 404
    assert await rig.told() == []


async def test_words_that_could_not_be_had_are_asked_for_again(rig: Rig) -> None:
    child = Child()
    rig.stand_in.down = True
    await begin(rig, child)
    rig.stand_in.down = False

    # The pause after a failure is machine time; here it has passed.
    await rig.pool.execute("UPDATE work SET lease_until = NULL")
    await rig.work()

    assert set(await goals_of(rig, child)) == {"G-881", "G-882"}
    assert len(await rig.told(GoalAdded)) == 2


async def test_words_may_come_in_any_order(rig: Rig) -> None:
    """Of the first version they cannot be had at first; the second is read meanwhile."""
    child = Child()
    kept, dropped = child.goals
    reworded = replace(kept, text="Start a conversation with two peers.")
    know(rig, child)
    first = rig.stand_in.plans.pop((str(child.youth_id), "1"))
    await rig.tell(child.referred(), child.engaged(), child.released(), child.planned())
    await change(rig, child, reworded, version=2, effective="2026-11-16")
    assert set(await goals_of(rig, child)) == {"G-881"}

    rig.stand_in.plans[str(child.youth_id), "1"] = first
    await rig.pool.execute("UPDATE work SET lease_until = NULL")
    await rig.work()

    found = await goals_of(rig, child)
    assert found["G-881"]["description"]["text"] == "Start a conversation with two peers."
    assert found["G-882"]["lifecycleStatus"] == "cancelled"
    assert [(type(one), one.goal_id) for one in await rig.told()] == [(GoalAdded, kept.goal_id)]
    assert dropped.text == found["G-882"]["description"]["text"]


async def test_the_network_is_asked_outside_any_transaction(rig: Rig) -> None:
    """While referral thinks, no connection of ours is inside a transaction."""
    child = Child()
    seen: list[int] = []
    answer = rig.stand_in.answer

    def watched(what: str, found: Any) -> Any:
        seen.append(rig.pool.get_size() - rig.pool.get_idle_size())
        return answer(what, found)

    rig.stand_in.answer = watched  # type: ignore[method-assign]
    await begin(rig, child)

    assert seen
    assert set(seen) == {0}


async def test_the_plan_is_a_draft_until_the_episode_opens(rig: Rig) -> None:
    child = Child()
    await begin(rig, child, opened=False)
    path = f"CarePlan/{care_plan_id(child.referral_id)}"

    draft = (await hub_reads(rig, child, path)).json()
    await rig.tell(child.opened())
    active = (await hub_reads(rig, child, path)).json()

    assert (draft["status"], draft.get("period")) == ("draft", None)
    assert (active["status"], active["period"]) == (
        "active",
        {"start": "2026-11-10", "end": "2027-03-13"},
    )
    assert int(active["meta"]["versionId"]) > int(draft["meta"]["versionId"])


async def test_an_episode_that_opens_before_the_plan_is_known_makes_it_active(rig: Rig) -> None:
    child = Child()
    know(rig, child)
    await rig.tell(child.assigned(), child.opened())
    await rig.tell(child.referred(), child.engaged(), child.released(), child.planned())
    await rig.work()

    plan = await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")

    assert plan.json()["status"] == "active"


async def test_a_goal_that_the_hub_drops_is_retired_from_that_day(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    kept, dropped = child.goals

    await change(rig, child, kept, version=2, effective="2026-11-16")

    (retired,) = await rig.told(GoalRetired)
    assert (retired.goal_id, retired.effective, retired.version) == (
        dropped.goal_id,
        day("2026-11-16"),
        2,
    )
    goal = (await goals_of(rig, child))["G-882"]
    assert goal["lifecycleStatus"] == "cancelled"
    assert "no longer names" in goal["statusReason"]
    plan = (await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")).json()
    assert plan["goal"] == [{"reference": f"Goal/{kept.goal_id}"}]


@pytest.mark.parametrize(
    ("changes", "lifecycle"),
    [
        ({"status": GoalStatus.CANCELLED}, "cancelled"),
        ({"status": GoalStatus.REJECTED}, "cancelled"),
        ({"status": GoalStatus.COMPLETED}, "completed"),
        ({"status": GoalStatus.ENTERED_IN_ERROR}, "entered-in-error"),
        ({"tm_assigned": False}, "cancelled"),
    ],
)
async def test_a_goal_that_is_no_longer_ours_is_retired(
    rig: Rig, changes: dict[str, Any], lifecycle: str
) -> None:
    child = Child()
    await begin(rig, child)
    kept, ended = child.goals

    await change(rig, child, kept, replace(ended, **changes), version=2, effective="2026-11-16")

    assert [one.goal_id for one in await rig.told(GoalRetired)] == [ended.goal_id]
    assert (await goals_of(rig, child))["G-882"]["lifecycleStatus"] == lifecycle


async def test_a_goal_on_hold_stays_in_the_plan(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    held = replace(child.goals[1], status=GoalStatus.ON_HOLD)

    await change(rig, child, child.goals[0], held, version=2, effective="2026-11-16")

    assert await rig.told(GoalRetired) == []
    assert (await goals_of(rig, child))["G-882"]["lifecycleStatus"] == "on-hold"


async def test_a_goal_that_comes_back_is_added_again_under_its_id(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    kept, other = child.goals
    await change(rig, child, kept, version=2, effective="2026-11-16")

    await change(rig, child, kept, other, version=3, effective="2026-11-18")

    told = await rig.told(GoalAdded, GoalRetired)
    mine = [(type(one), one.version) for one in told if one.goal_id == other.goal_id]
    assert mine == [(GoalAdded, 1), (GoalRetired, 2), (GoalAdded, 3)]
    assert (await goals_of(rig, child))["G-882"]["lifecycleStatus"] == "accepted"


async def test_a_goal_dropped_before_its_words_came_was_never_in_our_plan(rig: Rig) -> None:
    child = Child()
    rig.stand_in.down = True
    await begin(rig, child)
    kept = child.goals[0]
    know(rig, child, kept, version=2)
    await rig.tell(child.planned(kept, version=2, effective="2026-11-16"))
    rig.stand_in.down = False
    await rig.pool.execute("UPDATE work SET lease_until = NULL")

    await rig.work()

    told = await rig.told(GoalAdded, GoalRetired)
    assert [(type(one), one.goal_id) for one in told] == [(GoalAdded, kept.goal_id)]
    # A session of those days may still cite it, so its words are kept.
    assert (await goals_of(rig, child))["G-882"]["lifecycleStatus"] == "cancelled"


async def test_a_goal_of_the_hub_alone_is_none_of_ours(rig: Rig) -> None:
    theirs = replace(routine(), tm_assigned=False)
    child = Child(goals=(talk(), theirs))

    await begin(rig, child)

    assert set(await goals_of(rig, child)) == {"G-881"}
    assert len(await rig.told(GoalAdded)) == 1


async def test_new_words_of_a_goal_are_shown_in_a_new_version(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    before = (await goals_of(rig, child))["G-881"]
    reworded = replace(child.goals[0], text="Start a conversation with two peers.")

    await change(rig, child, reworded, child.goals[1], version=2, effective="2026-11-16")

    after = await goals_of(rig, child)
    assert after["G-881"]["description"] == {"text": "Start a conversation with two peers."}
    assert int(after["G-881"]["meta"]["versionId"]) == int(before["meta"]["versionId"]) + 1
    # The episode of its life does not begin anew.
    assert after["G-881"]["id"] == before["id"]
    assert len(await rig.told(GoalAdded)) == 2


async def test_the_same_version_told_again_changes_nothing(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    before = await goals_of(rig, child)

    await rig.tell(child.planned())
    await rig.work()

    assert await goals_of(rig, child) == before
    assert rig.stand_in.asked.count("hub-plan/1") == 1


async def test_a_goal_text_with_markup_is_shown_and_never_run(rig: Rig) -> None:
    child = Child(goals=(HubGoal("<script>alert(1)</script> & more", "G-1"),))

    await begin(rig, child)

    plan = (await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")).json()
    assert "<script>" not in plan["text"]["div"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in plan["text"]["div"]
    assert (await goals_of(rig, child))["G-1"]["description"]["text"].startswith("<script>")


async def test_words_travel_in_no_event(rig: Rig) -> None:
    marker = "MARKER-22ab"
    child = Child(goals=(HubGoal(marker, "G-1"),))

    await begin(rig, child)
    await change(rig, child, talk(), version=2, effective="2026-11-16")

    rows = await rig.pool.fetch("SELECT body, headers::text FROM event")
    assert len(rows) == 3
    assert not any(marker in f"{row['body']!r} {row['headers']}" for row in rows)


async def test_staff_see_the_goals_that_a_session_of_a_day_may_cite(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    kept, dropped = child.goals
    await change(rig, child, kept, version=2, effective="2026-11-16")
    path = f"youths/{child.youth_id}/goals"

    async def seen(subject: str, role: Any, on: str) -> Any:
        return await rig.staff(subject, {role}, "GET", f"{path}{on}")

    before = await seen("mentor-77", "mentor", "?on=2026-11-15")
    today = await seen("supervisor-4", "supervisor", "")
    stranger = await seen("mentor-12", "mentor", "")
    scheduler = await seen("mentor-77", "scheduler", "")

    assert [one["goal_id"] for one in before.json()["goals"]] == [
        str(kept.goal_id),
        str(dropped.goal_id),
    ]
    assert [one["text"] for one in today.json()["goals"]] == [kept.text]
    assert (stranger.status_code, scheduler.status_code) == (404, 403)


async def test_a_rating_of_a_goal_retired_since_is_kept_in_it(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    await change(rig, child, child.goals[1], version=2, effective="2026-11-20")

    await Mentor(rig).logs(session(child, "2026-11-19 16:00", "2026-11-19 17:00"))

    found = (await goals_of(rig, child))["G-881"]
    assert found["lifecycleStatus"] == "cancelled"
    assert found["note"][0]["text"] == "Rating 2 in one session."


async def test_a_hold_shows_in_the_care_plan(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    await Mentor(rig).logs(session(child, "2026-11-19 16:00", "2026-11-19 17:00"))
    await rig.tell(child.held("service_gap"), at=at("2026-11-20 10:00"))

    plan = (await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")).json()
    assert plan["status"] == "on-hold"
    assert plan["activity"][0]["detail"]["status"] == "on-hold"


async def status(rig: Rig, child: Child) -> str:
    plan = await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")
    found: str = plan.json()["status"]
    return found


async def test_a_hold_ends_when_the_episode_resumes_and_not_before(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    await rig.tell(child.held("consent_revoked"), at=at("2026-11-20 10:00"))
    agreed = ConsentGranted(
        youth_id=child.youth_id, kind=ConsentKind.TREATMENT, effective_at=at("2026-11-21 10:00")
    )
    start, end = at("2026-11-25 16:00"), at("2026-11-25 17:00")

    await rig.tell(agreed, child.engaged(), child.eligible(), child.booked(uuid4(), start, end))
    assert await status(rig, child) == "on-hold"
    await rig.tell(child.resumed("consent_revoked"), at=at("2026-11-21 10:00"))
    assert await status(rig, child) == "active"


async def test_the_care_plan_is_completed_with_the_episode(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    await Mentor(rig).logs(
        session(child, "2026-11-19 16:00", "2026-11-19 17:00", goals=[rated(child.goals[0], 2)])
    )
    told = await rig.told()
    await rig.tell(child.held("hub_inactive"), at=at("2026-11-20 10:00"))

    await rig.tell(child.closed("hub_ended"), at=at("2026-11-20 12:00"))

    plan = (await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")).json()
    assert plan["status"] == "completed"
    assert plan["period"] == {"start": "2026-11-10", "end": "2026-11-20"}
    assert plan["activity"][0]["detail"]["status"] == "completed"
    assert len(plan["goal"]) == len(child.goals)
    assert "Ended, not achieved (2026-11-20)." in plan["text"]["div"]
    assert await rig.told() == told


@pytest.mark.parametrize(
    ("reason", "outcomes"),
    [
        ("goals_achieved", {"G-881": "achieved", "G-882": "not-achieved"}),
        ("moved", {"G-881": "not-achieved", "G-882": "not-achieved"}),
    ],
)
async def test_goals_end_as_who_ended_the_episode_says(
    rig: Rig, reason: str, outcomes: dict[str, str]
) -> None:
    child = Child()
    await begin(rig, child)
    worked_on = [rated(child.goals[0], 3)]
    await Mentor(rig).logs(session(child, "2026-11-19 16:00", "2026-11-19 17:00", goals=worked_on))

    await rig.tell(child.closed(reason), at=at("2026-11-20 12:00"))

    found = await goals_of(rig, child)
    assert {goal["lifecycleStatus"] for goal in found.values()} == {"completed"}
    assert {goal["statusReason"] for goal in found.values()} == {"The service has ended."}
    assert {
        number: goal["achievementStatus"]["coding"][0]["code"] for number, goal in found.items()
    } == outcomes


async def test_a_plan_that_ends_after_the_episode_changes_no_outcome(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    await rig.tell(child.closed("moved"), at=at("2026-11-20 12:00"))
    before = await goals_of(rig, child)

    await change(rig, child, child.goals[1], version=2, effective="2026-11-24")

    assert await goals_of(rig, child) == before
    assert await rig.told(GoalRetired) == []


async def test_an_episode_of_a_reopened_referral_opens_its_care_plan_again(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)
    before = await goals_of(rig, child)
    await rig.tell(child.closed("moved"), at=at("2026-11-20 12:00"))

    await rig.tell(child.opened(), at=at("2026-12-10 12:00"))

    assert await status(rig, child) == "active"
    found = await goals_of(rig, child)
    assert {g["lifecycleStatus"] for g in found.values()} == {
        g["lifecycleStatus"] for g in before.values()
    }


async def test_the_last_session_is_written_down_after_the_end_and_none_after_it(rig: Rig) -> None:
    child, mentor = Child(), Mentor(rig)
    await begin(rig, child)
    await rig.tell(child.closed("moved", "2026-11-18"), at=at("2026-11-18 18:00"))

    logged = await mentor.logs(session(child, "2026-11-18 16:00", "2026-11-18 17:00"))
    later = await mentor.drafts(session(child, "2026-11-19 16:00", "2026-11-19 17:00"))
    refused = await mentor.signs(later)

    assert logged["state"] == "final"
    assert (refused.status_code, refused.json()["code"]) == (422, "episode-closed")
    (told,) = await rig.told(SessionLogged)
    assert str(told.session_id) == logged["session_id"]
    assert await status(rig, child) == "completed"
