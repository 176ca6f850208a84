"""Kafka loses what it acknowledged: catch-up heals it, and without catch-up it stays lost.

Each fault has a red control: the same fault with catch-up off must lose events, or the test would
prove nothing.
"""

import asyncio
from collections.abc import Callable

import pytest

from tests.chassis.kafka_rig import TOPIC, World, upto
from tests.chassis.waiting import until
from tests.kafka import Broker

FIRST, THEN = 6, 12  # events per stream before and after the fault; more after: the log re-grows

Fault = Callable[[Broker], None]


def wipe(broker: Broker) -> None:
    """The disk is replaced: records, topics and committed offsets are gone."""
    broker.wipe()
    broker.start()
    broker.make_topics()


def cut(broker: Broker) -> None:
    """The topic's segments end in the middle; committed offsets stay."""
    broker.kill()
    for segment in broker.data.glob(f"{TOPIC}-*/*.log"):
        with segment.open("r+b") as file:
            file.truncate(segment.stat().st_size // 2)
    broker.start()


def empty(broker: Broker) -> None:
    """The topic's partitions are lost and begin at 0 again; committed offsets stay."""
    broker.kill()
    for file in broker.data.glob(f"{TOPIC}-*/*"):
        if file.name != "partition.metadata":
            file.unlink()
    broker.start()


FAULTS = pytest.mark.parametrize("fault", [wipe, cut, empty])
HEALED = pytest.mark.parametrize("healed", [True, False], ids=["catch-up", "red control"])


@FAULTS
@HEALED
async def test_a_log_that_lost_what_nobody_had_read_is_healed(
    world: World, kafka: Broker, fault: Fault, healed: bool
) -> None:
    world.start("relay")
    await world.append(FIRST)
    await until(world.unpublished, 0)

    await asyncio.to_thread(fault, kafka)
    await read_on(world, healed)

    await seen_as_expected(world, FIRST, healed)


@HEALED
async def test_a_log_that_grew_again_past_what_was_committed_is_healed(
    world: World, kafka: Broker, healed: bool
) -> None:
    world.start("relay", "consumer")
    await world.append(FIRST)
    await until(world.numbers, upto(FIRST))
    await until(world.lag, 0)
    await world.stop("consumer")

    await asyncio.to_thread(empty, kafka)
    told = FIRST
    while not await grown_past(world):  # what other tests left on the topic was committed, too
        await world.append(THEN)
        told += THEN
        await until(world.unpublished, 0)
    await read_on(world, healed)

    await seen_as_expected(world, told, healed)


async def grown_past(world: World) -> bool:
    """Whether a partition has more records by now than the group had committed of it."""
    committed, ends = await world.offsets()
    return any(0 < at < end for at, end in zip(committed, ends, strict=True))


async def read_on(world: World, healed: bool) -> None:
    world.start("consumer", *(["catch-up"] if healed else []))


async def seen_as_expected(world: World, number: int, healed: bool) -> None:
    if healed:
        await until(world.numbers, upto(number))
        return
    await until(world.lag, 0)  # Kafka has no more to bring
    await world.append(1)  # and what is new arrives, too
    await until(world.unpublished, 0)
    await until(world.lag, 0)
    assert await world.numbers() != upto(number + 1)
    assert await world.hears.pool.fetchval("SELECT count(*) FROM inbox_waiting") > 0
