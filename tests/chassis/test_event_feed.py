"""The door by which an outside scheduler fetches what Kafka has not told it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.codes import HubService, PartnerKind
from contracts.events import HubDisengaged
from services.chassis import outbox
from services.chassis.auth import Partner
from services.chassis.db import transaction
from services.chassis.event_feed import feed
from tests.conftest import OpenDatabase
from tests.security.world import HUB, INSURER, World, open_world

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
SCHEDULER = Partner("outside", uuid4(), PartnerKind.SCHEDULER, frozenset({"system/Event.r"}))


@pytest.fixture
async def world(open_service_database: OpenDatabase) -> AsyncIterator[World]:
    pool = await open_service_database("referral")
    async with open_world("referral", pool, doors=[feed("referral")]) as world:
        yield world


async def ask(world: World, path: str, who: Partner | None) -> httpx.Response:
    return await world.public.get(path, headers=world.partner(who) if who else {})


async def told(world: World, youth_id: UUID, times: int) -> None:
    event = HubDisengaged(
        youth_id=youth_id,
        organisation_id=uuid4(),
        hub_service=HubService.IN_HOME_THERAPY,
        effective=NOW.date(),
    )
    for _ in range(times):
        async with transaction(world.pool) as conn:
            await outbox.append(conn, event, at=NOW)


async def test_a_scheduler_reads_the_events_of_a_stream_from_a_number_on(world: World) -> None:
    one, two = uuid4(), uuid4()
    await told(world, one, 3)
    await told(world, two, 1)

    heads = await ask(world, "/events/referral/streams", SCHEDULER)
    rest = await ask(world, f"/events/referral?stream={one}&after=1", SCHEDULER)
    none = await ask(world, f"/events/referral?stream={uuid4()}", SCHEDULER)

    assert heads.json() == {"bound": 4, "heads": {str(one): 3, str(two): 1}}
    assert [event["sequence"] for event in rest.json()["events"]] == [2, 3]
    assert rest.json()["events"][0]["type"] == "HubDisengaged.v1"
    assert none.json() == {"events": []}


@pytest.mark.parametrize(
    "path", ["/events/referral/streams", f"/events/referral?stream={UUID(int=1)}"]
)
async def test_nobody_else_reads_events(world: World, path: str) -> None:
    narrow = replace(SCHEDULER, scopes=frozenset({"system/Task.rs"}))

    statuses = {
        who: (await ask(world, path, partner)).status_code
        for who, partner in {"hub": HUB, "payer": INSURER, "narrow": narrow, "nobody": None}.items()
    }

    assert statuses == {"hub": 404, "payer": 404, "narrow": 403, "nobody": 401}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "stream=x",
        "after=1",
        f"stream={UUID(int=1)}&after=-1",
        f"stream={UUID(int=1)}&after=1e3",
        f"stream={UUID(int=1)}&after=9223372036854775808",
        f"stream={UUID(int=1)}&name=x",
    ],
)
async def test_a_question_that_cannot_be_understood_gets_a_sentence(
    world: World, query: str
) -> None:
    answer = await ask(world, f"/events/referral?{query}", SCHEDULER)

    assert answer.status_code == 400
    assert answer.json()["message"].endswith(".")


async def test_each_access_leaves_its_record(world: World) -> None:
    await ask(world, "/events/referral/streams", SCHEDULER)
    await ask(world, "/events/referral/streams", HUB)

    rows = await world.pool.fetch("SELECT principal, status FROM audit ORDER BY at")

    assert [(row["principal"], row["status"]) for row in rows] == [
        ("outside", 200),
        ("our-hub", 404),
    ]
