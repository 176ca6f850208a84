"""From the hub's plan to what the hub reads: the whole way through the service."""

from contracts.events import GoalAdded, GoalProgressUpdated, SessionLogged
from services.documentation.domain.goals import care_plan_id
from tests.documentation.builders import Child, Mentor, begin, hub_reads, session
from tests.documentation.rig import Rig, person


async def test_a_plan_becomes_goals_and_a_session_becomes_an_encounter(rig: Rig) -> None:
    child = Child()
    await begin(rig, child)

    note = await Mentor(rig).logs(session(child, "2026-11-19 16:00", "2026-11-19 17:15"))

    assert [type(event) for event in await rig.told()] == [
        GoalAdded,
        GoalAdded,
        SessionLogged,
        GoalProgressUpdated,
    ]
    logged, progress = (await rig.told())[2:]
    assert (logged.units, logged.billable, logged.version) == (5, True, 1)
    assert logged.supervisor_id == person("supervisor-4")
    assert (progress.value, progress.previous) == (2, None)
    encounter = await hub_reads(rig, child, f"Encounter/{note['session_id']}")
    assert encounter.status_code == 200, encounter.text
    plan = await hub_reads(rig, child, f"CarePlan/{care_plan_id(child.referral_id)}")
    assert plan.json()["status"] == "active"
    found = await hub_reads(rig, child, f"Goal?patient={child.youth_id}")
    assert [e["resource"]["lifecycleStatus"] for e in found.json()["entry"]] == [
        "accepted",
        "active",
    ]
