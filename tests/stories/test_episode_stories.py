"""Story S11 (DOMAIN.md §11): an episode is held when its hub ends, goes on, and is closed."""

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from deploy.demo.actors import World, until
from deploy.demo.cast import Cast
from deploy.demo.children import amendment
from deploy.demo.journey import AGENCY_ZONE, COORDINATOR, SUPERVISOR, Journey
from deploy.local.stack import Addresses
from tests.stories import records
from tests.stories.scenes import afternoon, becomes, in_service, pass_day, settle, write_up


@pytest.fixture
def journey(cast: Cast) -> Journey:
    return cast.journeys(1)[0]


@pytest.mark.parametrize("said_by", ["hub", "staff"])
async def test_an_episode_is_held_with_its_hub_resumed_and_closed_by_a_person(
    journey: Journey, cast: Cast, world: World, addresses: Addresses, draw: Random, said_by: str
) -> None:
    say = hub_says if said_by == "hub" else staff_say
    mentor = await in_service(cast, [journey])
    start = afternoon(world, draw)
    pass_day(world, start)
    first = await write_up(journey, mentor, start, 60)
    await settle(journey, mentor, first)
    await becomes("in progress", lambda: status(journey), "in-progress")
    await journey.book([start + timedelta(days=7)], 60)
    planned = journey.appointments[-1]["appointment_id"]

    await say(world, journey, ends=today(world) - timedelta(days=1))

    await becomes("on hold", lambda: status(journey), "on-hold")
    assert (await journey.task())["statusReason"]["coding"][0]["code"] == "hub_inactive"
    await becomes("frozen", lambda: appointment(addresses, planned), "frozen")
    await becomes("plan on hold", lambda: held(addresses, journey), True)

    await say(world, journey, ends=None)

    await becomes("back", lambda: status(journey), "in-progress")
    await becomes("thawed", lambda: appointment(addresses, planned), "booked")
    await becomes("plan active", lambda: read(journey, "CarePlan", "status"), "active")

    last = await write_up(journey, mentor, start + timedelta(hours=3), 60)
    refused = await close(world, journey, "goals_achieved", by=COORDINATOR)
    closed = await close(world, journey, "goals_achieved", by=SUPERVISOR)

    assert (refused.status, closed.status) == (403, 200)
    await becomes("completed", lambda: status(journey), "completed")
    task = await journey.task()
    assert journey.business(task) == "7.0"
    assert task["businessStatus"]["text"] == "Service ended: goals met"
    plan = await until("its plan", lambda: completed(journey, task))
    assert plan["period"]["end"] == today(world).isoformat()
    goals = [await journey.world.read(journey.hub, one["reference"]) for one in plan["goal"]]
    assert {goal["lifecycleStatus"] for goal in goals} == {"completed"}
    assert {code(goal["achievementStatus"]) for goal in goals} == {"achieved"}
    path = f"EpisodeOfCare/{journey.episode_id}"
    assert (await world.read(journey.hub, path))["status"] == "finished"
    assert await appointment(addresses, planned) == "cancelled"
    told = await records.told(addresses, "scheduling", journey)
    assert told[told.index("EpisodeOnHold.v1") :] == [
        *("EpisodeOnHold.v1", "EpisodeResumed.v1", "EpisodeClosing.v1"),
        *("AppointmentCancelled.v1", "EpisodeClosed.v1", "AssignmentEnded.v1"),
    ]
    assert (await records.told(addresses, "referral", journey)).count("ReferralClosed.v1") == 1

    # What was seen on the last day is written down, read and told after the end as before it.
    await settle(journey, mentor, last)
    await becomes(
        "the hub is told of the last session",
        lambda: records.heard_of(world, journey.hub, last["session_id"]),
        1,
    )
    assert await status(journey) == "completed"


def today(world: World) -> date:
    return world.now().astimezone(AGENCY_ZONE).date()


async def staff_say(world: World, journey: Journey, *, ends: date | None) -> None:
    """What the coordinator heard by telephone: the hub service is over, or goes on from today."""
    days = {"ends": ends.isoformat()} if ends else {"begins": today(world).isoformat()}
    hub = {"hub_service": journey.child.hub.service} | days
    path = f"/api/referral/referrals/{journey.referral_id}/facts"
    await world.staff(COORDINATOR, "POST", path, {"hub": hub})


async def hub_says(world: World, journey: Journey, *, ends: date | None) -> None:
    """The hub sends its own episode of care again, ended or going on."""
    sent = amendment(
        journey.child, agency_npi=journey.agency_npi, payer=journey.payer, now=world.now()
    )
    for entry in sent["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "EpisodeOfCare":
            resource["status"] = "finished" if ends else "active"
            resource["period"] |= {"end": ends.isoformat()} if ends else {}
            number = entry["request"].pop("ifNoneExist")
            entry["request"] = {"method": "PUT", "url": f"EpisodeOfCare?{number}"}
    answer = await world.hub(journey.hub, "refer", sent)
    assert answer.status == 200, answer.body


async def close(world: World, journey: Journey, reason: str, *, by: str) -> Any:
    path = f"/api/scheduling/episodes/{journey.episode_id}/close"
    return await world.staff(by, "POST", path, {"reason": reason}, refused_ok=True)


async def status(journey: Journey) -> str:
    found: str = (await journey.task())["status"]
    return found


async def read(journey: Journey, type_: str, element: str) -> Any:
    path = f"{type_}?patient=Patient/{journey.youth_id}&category=assess-plan"
    found = await journey.world.read(journey.hub, path)
    entries = found.get("entry", ()) if found else ()
    return entries[0]["resource"][element] if entries else None


async def completed(journey: Journey, task: Any) -> Any:
    """The plan that the Task points to, once it is over; else None."""
    reference = task["output"][-1]["valueReference"]["reference"]
    plan = await journey.world.read(journey.hub, reference)
    return plan if plan and plan["status"] == "completed" else None


def code(concept: Any) -> str:
    found: str = concept["coding"][0]["code"]
    return found


async def appointment(addresses: Addresses, appointment_id: str) -> str:
    query = "SELECT state FROM appointment WHERE appointment_id = $1::uuid"
    state: str = (await records.fetch(addresses, "scheduling", query, appointment_id))[0]["state"]
    return state


async def held(addresses: Addresses, journey: Journey) -> bool:
    """Whether the care plan is on hold, which its hub cannot read while it is none."""
    query = "SELECT held_from FROM episode WHERE episode_id = $1::uuid"
    rows = await records.fetch(addresses, "documentation", query, journey.episode_id)
    return rows[0]["held_from"] is not None
