"""Story S26 (DOMAIN.md §11): a consent that is taken back stops what has not yet been said."""

from random import Random
from typing import Any

import pytest

from deploy.demo.actors import World, until
from deploy.demo.cast import Cast
from deploy.demo.journey import Journey
from deploy.local.stack import Addresses
from tests.stories import records
from tests.stories.scenes import afternoon, becomes, in_service, pass_day, settle, write_up


@pytest.fixture
def pair(cast: Cast) -> list[Journey]:
    """Two children of one hub, and so of one subscription: it is told in the order of events."""
    journeys = cast.journeys(len(cast.hub_names) + 1)
    return [journeys[0], journeys[-1]]


async def test_s26_what_is_due_when_a_release_is_revoked_is_not_sent(
    pair: list[Journey], cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    other, child = pair
    mentor = await in_service(cast, pair)
    start, later = afternoon(world, draw), draw.randrange(60, 120)
    pass_day(world, start)
    seen = await write_up(child, mentor, start, 30)
    await settle(child, mentor, seen)
    await until("the hub reads a session", lambda: reads(child, f"Encounter/{seen['session_id']}"))
    await settled(addresses, child)
    sessions = [
        await write_up(journey, mentor, start.replace(hour=15 + n), later % 60)
        for n, journey in enumerate(pair)
    ]

    await answer(world, child.hub, "503")
    try:
        # The other child's session cannot be told just now, so this child's waits behind it.
        await settle(other, mentor, sessions[0])
        await becomes("the endpoint failed", lambda: tried(addresses, sessions[0]), True)
        await settle(child, mentor, sessions[1])
        await becomes("due", lambda: delivered(addresses, sessions[1]), ["queued"])
        assert not await tried(addresses, sessions[1])
        await child.revoke("consent-roi-hub")
        await becomes("no reads", lambda: read_status(child, seen), 404)
    finally:
        await answer(world, child.hub, "normal")

    await becomes("told", lambda: delivered(addresses, sessions[0]), ["delivered"])
    await becomes("not told", lambda: delivered(addresses, sessions[1]), ["withheld"])
    assert await records.heard_of(world, child.hub, sessions[1]["session_id"]) == 0
    assert await disclosed(addresses, sessions[1]) == []
    assert await records.heard_of(world, other.hub, sessions[0]["session_id"]) == 1
    assert len(await disclosed(addresses, sessions[0])) == 1


async def test_s26_after_a_release_is_revoked_treatment_goes_on_and_the_hub_reads_none_of_it(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    child = cast.journeys(1)[0]
    mentor = await in_service(cast, [child])
    start = afternoon(world, draw)
    pass_day(world, start)
    first = await write_up(child, mentor, start, 45)
    await settle(child, mentor, first)
    plan = await until("the hub's CarePlan", child.care_plan)
    goal = plan["goal"][0]["reference"]
    await settled(addresses, child)

    await child.revoke("consent-roi-hub")
    await becomes("no reads", lambda: read_status(child, first), 404)
    second = await write_up(child, mentor, start.replace(hour=16), 45)
    await settle(child, mentor, second)

    assert [row["state"] for row in await records.notes(addresses, child)] == ["final", "final"]
    assert await records.state_of(addresses, child) == "admitted"
    assert await read_status(child, second) == 404
    for path in (goal, f"CarePlan/{plan['id']}"):
        assert (await child.world.hub(child.hub, "read", {"path": path})).status == 404, path
    for type_ in ("Encounter", "Goal"):
        found = await world.read(child.hub, f"{type_}?patient=Patient/{child.youth_id}")
        assert not found.get("entry"), type_
    assert (await child.task())["status"] == "in-progress"  # its own Task it may always know
    await settled(addresses, child)
    assert await records.heard_of(world, child.hub, second["session_id"]) == 0
    assert await disclosed(addresses, second) == []


async def read_status(journey: Journey, note: Any) -> int:
    path = {"path": f"Encounter/{note['session_id']}"}
    return (await journey.world.hub(journey.hub, "read", path)).status


async def reads(journey: Journey, path: str) -> Any:
    return await journey.world.read(journey.hub, path)


async def answer(world: World, hub: str, mode: str) -> None:
    """How the hub's endpoint answers notifications from now on."""
    url = f"{world.at.simulators['hub']}/hubs/{hub}/behaviour"
    (await world.http.post(url, json={"mode": mode})).raise_for_status()


async def delivered(addresses: Addresses, note: Any) -> list[str]:
    """Where each notification of a session stands."""
    query = """
        SELECT d.state
          FROM delivery d
         WHERE d.focus @> jsonb_build_array(jsonb_build_object('id', $1::text))
    """
    rows = await records.fetch(addresses, "notifications", query, note["session_id"])
    return [row["state"] for row in rows]


async def tried(addresses: Addresses, note: Any) -> bool:
    query = """
        SELECT attempts FROM delivery
         WHERE focus @> jsonb_build_array(jsonb_build_object('id', $1::text))
    """
    rows = await records.fetch(addresses, "notifications", query, note["session_id"])
    return any(row["attempts"] for row in rows)


async def disclosed(addresses: Addresses, note: Any) -> list[Any]:
    query = "SELECT * FROM disclosure WHERE $1 = ANY (resources)"
    resource = f"Encounter/{note['session_id']}"
    return await records.fetch(addresses, "notifications", query, resource)


async def settled(addresses: Addresses, journey: Journey) -> None:
    """All that was told of this child has been heard by notifications, and nothing is due."""

    async def nothing_due() -> bool:
        said = await records.events(addresses, "documentation", journey)
        heard = await records.fetch(
            addresses,
            "notifications",
            "SELECT last_sequence FROM inbox_cursor WHERE stream_id = $1::uuid AND producer = $2",
            journey.youth_id,
            "documentation",
        )
        queued = await records.fetch(
            addresses,
            "notifications",
            "SELECT FROM delivery WHERE youth_id = $1::uuid AND state = 'queued'",
            journey.youth_id,
        )
        return bool(heard) and heard[0]["last_sequence"] == said[-1]["sequence"] and not queued

    await becomes("nothing is due", nothing_due, True)
