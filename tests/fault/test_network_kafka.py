"""A consumer cut off from Kafka, reset, stalled or slowed: it lags, and then it has everything."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL

import pytest

from deploy.local.kafka import Topics, create_topics, until_ready
from deploy.local.machine import free_ports
from deploy.local.part import recorded, start
from services.chassis.db import Pool
from tests.chassis.kafka_rig import World, upto
from tests.chassis.rig import Rig
from tests.chassis.waiting import until
from tests.conftest import OpenDatabase
from tests.fault.network import TwoDoors
from tests.fault.proxy import Proxy, proxy_to
from tests.fault.test_network import slow
from tests.kafka import apart
from tests.postgres import Server

EACH = 5

Fault = Callable[[Proxy], None]


@pytest.fixture(scope="module")
def doors() -> Iterator[TwoDoors]:
    folder = Path(tempfile.mkdtemp(prefix="waypost-doors-"))
    port, controller, second, proxy = free_ports(4)
    node = TwoDoors(folder, port, controller, second, proxy)
    node.prepare()
    start(node.part(), log=folder / "log", record=folder / "process.json")
    try:
        apart(until_ready(node.address, seconds=180))
        apart(create_topics(node.address, replace(Topics.read(), replication_factor=1)))
        yield node
    finally:
        if running := recorded(folder / "process.json"):
            running.signal(SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.kafka
@pytest.mark.parametrize("fault", [Proxy.reset, Proxy.cut, Proxy.stall, slow])
async def test_a_consumer_cut_off_from_kafka_lags_and_then_has_everything_once(
    doors: TwoDoors, server: Server, pool: Pool, open_database: OpenDatabase, fault: Fault
) -> None:
    """The producer goes on meanwhile. No catch-up here: the wire alone brings it."""
    hears = Rig(await open_database("two"))
    async with (
        proxy_to(doors.second, listen=doors.proxy) as proxy,
        World(doors.address, server.dsn("one"), pool, hears) as world,
    ):
        world.consumes_from = [f"127.0.0.1:{proxy.port}"]
        world.start("relay", "consumer")
        await world.append(EACH)
        await until(world.numbers, upto(EACH), seconds=120)

        fault(proxy)
        await world.append(EACH)
        await until(world.unpublished, 0)
        await asyncio.sleep(3)  # not a wait for anything: as long as this lasts
        proxy.heal()

        await until(world.numbers, upto(2 * EACH), seconds=120)
