"""Stories S1, S2, S3 and S13 (DOMAIN.md §11), told against the whole stack on real Kafka.

Children, numbers, dates, goals and the order of entries change with the seed of the run.
"""

import asyncio
from typing import Any

from deploy.demo.account import Line
from deploy.demo.actors import World, until
from deploy.demo.cast import Cast, arrive
from deploy.demo.children import without_goals, without_hub_service
from deploy.demo.journey import Journey
from deploy.local.stack import Addresses
from tests.stories.records import fetch, told


async def test_s1_a_referral_goes_all_the_way_to_what_its_hub_reads(
    cast: Cast, addresses: Addresses
) -> None:
    journeys = cast.journeys(2)

    await asyncio.gather(*map(arrive, journeys))
    await cast.serve(journeys)

    for journey in journeys:
        line = await accounted(cast, journey)
        assert line.problems == []
        assert (line.state, line.task, line.episode) == ("admitted", "in-progress", "open")
        assert line.sessions == len(journey.appointments)
        assert line.heard_of_sessions == line.sessions
        assert line.goals == len(journey.child.goals)
    events = await told(addresses, "documentation", journeys[0])
    assert events.count("SessionLogged.v1") == 2
    assert events.count("GoalProgressUpdated.v1") == 2 * len(journeys[0].child.goals)
    assert await units(addresses, journeys[0]) == [5, 5]  # 75 minutes each, in 15s


async def test_s1_missing_assessments_are_open_items_until_staff_attest_them(cast: Cast) -> None:
    journey = cast.journeys(1)[0]
    await journey.refer()

    task = await until("the Task is accepted", journey.accepted)
    assert {
        "comprehensive-assessment",
        "cans",
        "consent-treatment",
        "consent-roi-hub",
    } <= open_items(task)
    await journey.attest()

    async def nothing_open() -> Any:
        now = await journey.task()
        return now if not open_items(now) else None

    await until("no open item", nothing_open)


async def test_s2_a_referral_without_a_hub_service_is_kept_and_asked_for(
    cast: Cast, addresses: Addresses
) -> None:
    journey = cast.journeys(1)[0]
    journey.child = without_hub_service(journey.child)
    await journey.refer()

    task = await until("the Task asks", journey.asks)

    assert task["status"] == "requested"
    assert task["statusReason"]["coding"][0]["code"] == "hub-service"
    line = await accounted(cast, journey)
    assert line.problems == []
    assert (line.state, line.determinations) == ("incomplete", 0)
    events = await told(addresses, "referral", journey)
    assert "ReferralInfoRequested.v1" in events
    assert "EligibilityConfirmed.v1" not in events


async def test_s3_a_plan_without_a_tm_goal_is_amended_and_keeps_its_day_of_receipt(
    cast: Cast, addresses: Addresses
) -> None:
    journey = cast.journeys(1)[0]
    journey.child = without_goals(journey.child)
    await journey.refer()
    await until("the Task asks", journey.asks)
    before = await received_at(addresses, journey)

    await journey.amend()
    await until("the Task is accepted", journey.accepted)

    assert await received_at(addresses, journey) == before
    events = await told(addresses, "referral", journey)
    assert events.count("ReferralReceived.v1") == 1
    assert events.count("ReferralAmended.v1") == 1
    assert events.index("ReferralAmended.v1") < events.index("EligibilityConfirmed.v1")


async def test_s13_the_same_referral_three_times_at_once_is_one(
    cast: Cast, addresses: Addresses, world: World
) -> None:
    journey = cast.journeys(1)[0]
    journey.sent = 3

    await journey.refer()
    await until("the Task is accepted", journey.accepted)

    events = await told(addresses, "referral", journey)
    assert events.count("ReferralReceived.v1") == 1
    assert sorted(await answers(world, journey)) == ["200", "200", "201"]


async def accounted(cast: Cast, journey: Journey) -> Line:
    """The line of one referral, once it is right or should have been."""
    account = await cast.settled([journey.referral_id])
    return next(line for line in account.lines if str(line.referral_id) == journey.referral_id)


def open_items(task: Any) -> set[str]:
    return {
        output["valueCodeableConcept"]["coding"][0]["code"]
        for output in task.get("output", ())
        if output["type"]["coding"][0]["code"] == "open-item"
    }


async def units(addresses: Addresses, journey: Journey) -> list[int]:
    query = "SELECT units FROM session WHERE referral_id = $1::uuid ORDER BY starts_at"
    rows = await fetch(addresses, "documentation", query, journey.referral_id)
    return [row["units"] for row in rows]


async def received_at(addresses: Addresses, journey: Journey) -> Any:
    query = "SELECT received_at FROM referral WHERE referral_id = $1::uuid"
    return (await fetch(addresses, "referral", query, journey.referral_id))[0]["received_at"]


async def answers(world: World, journey: Journey) -> list[str]:
    """What the hub's own log says that each sending of this referral was answered."""
    return [
        entry["status"].split()[0]
        for sent in await world.hub_log(journey.hub)
        if sent.get("placers") and sent["placers"][0].endswith(f"|{journey.child.placer}")
        for entry in sent["entries"]
        if (entry["location"] or "").startswith("ServiceRequest/")
    ]
