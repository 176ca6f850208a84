"""The official FHIR validator finds nothing wrong in sessions, ratings, goals and plans.

In whichever state: a story shows but a few of them.
"""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.codes import GoalStatus
from services.documentation.domain.goals import Achievement
from services.documentation.mapping.careplan import care_plan_from_view
from services.documentation.mapping.goal import goal_from_view
from tests.documentation.builders import Child, Mentor, hub_reads, rated, session
from tests.documentation.rig import Rig
from tests.documentation.test_documents import corrects, logged, voids
from tests.documentation.test_mapping import SENDER, make_goal, make_plan
from tests.judge.validator import Judge

pytestmark = pytest.mark.servers

DAY = date(2026, 11, 18)
BEGUN = {"opened_on": DAY, "plan_title": "In-Home Therapy plan"}
PLANS: dict[str, dict[str, Any]] = {
    "draft": {},
    "active": BEGUN,
    "held": BEGUN | {"held_from": DAY},
    "completed": BEGUN | {"closed_on": DAY + timedelta(days=90)},
}


def goals_and_plans() -> Iterator[tuple[str, Any]]:
    for status in GoalStatus:
        view = make_goal(lifecycle=status, start_date="2026-11-18", status_reason="It changed.")
        yield f"goal-{status}", goal_from_view(view, SENDER)
    for achievement in Achievement:
        view = make_goal(lifecycle=GoalStatus.ACTIVE, achievement=achievement)
        yield f"goal-{achievement}", goal_from_view(view, SENDER)
    for name, changes in PLANS.items():
        yield f"plan-{name}", care_plan_from_view(make_plan(**changes), SENDER)


async def sessions_and_ratings(rig: Rig) -> dict[str, Any]:
    """One session that was corrected, one with other scales, one that never took place."""
    child = Child()
    one, other = child.goals
    session_id = await logged(rig, child)
    await corrects(rig, child, session_id, goals=[rated(one, 3)])
    scales = [rated(one, 1, "gas"), rated(other, 2.5, "frequency")]
    await Mentor(rig).logs(session(child, "2026-11-18 16:00", "2026-11-18 17:00", goals=scales))
    wrong = session(child, "2026-11-17 16:00", "2026-11-17 17:00")
    await voids(rig, (await Mentor(rig).logs(wrong))["session_id"])
    found = {}
    for type_ in ("Encounter", "Observation", "DocumentReference"):
        query = f"{type_}?patient={child.youth_id}&_revinclude=Provenance:target"
        for entry in (await hub_reads(rig, child, query)).json()["entry"]:
            resource = entry["resource"]
            found[f"{resource['resourceType']}-{resource['id'].replace('.', '-')}"] = resource
    return found


async def test_what_is_read_of_care_is_without_errors_in_each_state_and_a_wrong_one_is_not(
    rig: Rig, judge: Judge
) -> None:
    said = {**await sessions_and_ratings(rig), **dict(goals_and_plans())}
    assert {"finished", "entered-in-error", "amended", "superseded"} <= {
        resource.get("status") for resource in said.values()
    }
    wrong = {"wrong": {**said["plan-active"], "status": "open"}}

    found = await asyncio.to_thread(judge.errors, {}, us_core=said | wrong)

    assert set(found) == {"wrong"}, found
