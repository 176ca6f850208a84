import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.chassis.db import Pool
from tests.chassis.kafka_rig import World
from tests.chassis.rig import Rig
from tests.conftest import OpenDatabase
from tests.kafka import Broker
from tests.postgres import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """aiokafka forgets to close a connection that its broker broke off; that is not our finding."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))


@pytest.fixture(autouse=True)
def nothing_left_for_the_next_test(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("servers"):  # it costs as much as many a test without
        gc.collect()


@pytest.fixture(scope="package")
def kafka() -> Iterator[Broker]:
    """A broker for these tests alone: they kill it, wipe it and cut its disk."""
    broker = Broker()
    broker.make_topics()
    yield broker
    broker.stop()


@pytest.fixture
async def world(
    kafka: Broker, server: Server, pool: Pool, open_database: OpenDatabase
) -> AsyncIterator[World]:
    hears = Rig(await open_database("two"))
    async with World(kafka.address, server.dsn("one"), pool, hears) as world:
        yield world
