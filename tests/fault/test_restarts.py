"""Broker and database go and come back under load: nothing lost, nothing twice, all in order."""

import asyncio
from collections.abc import Callable

import pytest

from tests.chassis.kafka_rig import World, upto
from tests.chassis.waiting import until
from tests.kafka import Broker
from tests.postgres import Server

Fault = Callable[[Broker], None]


def restart(broker: Broker) -> None:
    broker.terminate()
    broker.start()


def kill_and_restart(broker: Broker) -> None:
    broker.kill()
    broker.start()


@pytest.mark.parametrize("fault", [restart, kill_and_restart], ids=["TERM", "kill -9"])
async def test_a_broker_restart_loses_nothing(world: World, kafka: Broker, fault: Fault) -> None:
    world.start("relay", "consumer")
    await world.append(5)
    await until(world.numbers, upto(5))

    async with asyncio.TaskGroup() as both:
        both.create_task(asyncio.to_thread(fault, kafka))
        both.create_task(world.append(20))
    await until(world.numbers, upto(25))

    await until(world.lag, 0)
    assert await world.numbers() == upto(25)


async def test_a_database_restart_loses_nothing(world: World, server: Server) -> None:
    world.start("relay", "consumer")
    await world.append(5)
    await until(world.numbers, upto(5))
    await world.append(20)

    server.crash()
    server.start()
    await until(world.numbers, upto(25))
    await world.append(5)

    await until(world.numbers, upto(30))
    await until(world.lag, 0)
    assert await world.numbers() == upto(30)
