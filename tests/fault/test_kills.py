"""Processes of their own, killed where it hurts most, and started again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from services.chassis.db import Pool
from services.chassis.envelope import Stream
from tests.chassis.kafka_rig import World
from tests.chassis.processes import READY_SECONDS, Small, environments
from tests.chassis.rig import applied
from tests.chassis.waiting import until
from tests.kafka import Broker
from tests.postgres import Server

EACH = 10

Run = Callable[..., Small]


@pytest.fixture
def hears(world: World) -> Pool:
    return world.hears.pool


@pytest.fixture
def run(tmp_path: Path, server: Server, kafka: Broker, hears: Pool) -> Iterator[Run]:
    dsns = {"referral": server.dsn("one"), "scheduling": server.dsn("two")}
    settings = environments(tmp_path, dsns, kafka=kafka.address)
    started: list[Small] = []

    def run_(name: str, **more: str) -> Small:
        small = Small(name, tmp_path, settings[name] | more)
        started.append(small)
        return small

    yield run_
    for small in started:
        small.end()


async def test_a_consumer_killed_between_database_and_offsets_repeats_nothing(
    world: World, run: Run, hears: Pool
) -> None:
    world.start("relay")
    await world.append(EACH)
    await until(world.unpublished, 0)

    killed = run("scheduling", DIE="before-offsets")
    assert killed.process.wait(READY_SECONDS) == -SIGKILL
    have = await count(hears)
    assert have > 0  # committed here, and not in Kafka

    run("scheduling", DIE="").until_ready()
    await until(lambda: heard(hears, world.streams), {tuple(range(1, EACH + 1))})


async def test_a_relay_killed_between_send_and_mark_repeats_and_nothing_takes_effect_twice(
    world: World, run: Run, hears: Pool
) -> None:
    before = await world.records()
    await world.append(EACH)

    killed = run("referral", DIE="before-mark")
    assert killed.process.wait(READY_SECONDS) == -SIGKILL
    assert await world.unpublished() == EACH * len(world.streams)
    assert await world.records() == before + EACH * len(world.streams)

    run("referral", DIE="")
    await until(world.unpublished, 0)
    assert await world.records() == before + 2 * EACH * len(world.streams)
    run("scheduling", DIE="")
    await until(lambda: heard(hears, world.streams), {tuple(range(1, EACH + 1))})


async def test_a_process_catches_up_from_its_peer_over_http(
    world: World, run: Run, hears: Pool
) -> None:
    """What Kafka will never bring: marked as published, and not there."""
    await world.append(EACH)
    await world.tells.execute("UPDATE event SET published_at = now()")

    run("referral", DIE="").until_ready()
    run("scheduling", DIE="")

    await until(lambda: heard(hears, world.streams), {tuple(range(1, EACH + 1))})


async def heard(pool: Pool, streams: list[Stream]) -> set[tuple[int, ...]]:
    found = await applied(pool)
    return {tuple(found.get(stream, ())) for stream in streams}


async def count(pool: Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM effect")
    return found
