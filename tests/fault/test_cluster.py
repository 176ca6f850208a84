"""Three brokers: a leader, a follower and two at once die under load; nothing is lost or doubled.

No catch-up here: the wire alone has to bring everything.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from services.chassis.db import Pool
from tests.chassis.kafka_rig import TOPIC, World, upto
from tests.chassis.rig import Rig
from tests.chassis.waiting import until
from tests.conftest import OpenDatabase
from tests.fault.cluster import NODES, Cluster, leader, until_in_sync
from tests.postgres import Server

EACH = 30  # events of each stream while a broker is away

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.make_topics()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
async def world(
    cluster: Cluster, server: Server, pool: Pool, open_database: OpenDatabase
) -> AsyncIterator[World]:
    hears = Rig(await open_database("two"))
    async with World(cluster.address, server.dsn("one"), pool, hears) as world:
        yield world


async def test_a_leader_a_follower_and_two_brokers_at_once_die_and_nothing_is_lost(
    cluster: Cluster, world: World
) -> None:
    world.start("relay", "consumer")
    await world.append(5)
    await until(world.numbers, upto(5), seconds=120)

    leads = await leader(cluster.address, TOPIC, 0)
    follows = next(n for n in NODES if n != leads)
    told = 5
    for dies in ((leads,), (follows,), (leads, follows)):
        await asyncio.to_thread(cluster.kill, *dies)
        await world.append(EACH)  # stored all the same, whoever is left
        told += EACH
        if len(dies) == 1:  # two are in sync: it goes on without the third
            await until(world.numbers, upto(told), seconds=120)
        await asyncio.to_thread(cluster.start, *dies)
        await until(world.numbers, upto(told), seconds=120)
        await until_in_sync(cluster.address, TOPIC)

    assert await world.unpublished() == 0
    assert await world.numbers() == upto(told)
