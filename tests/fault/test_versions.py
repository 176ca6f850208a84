"""Two releases side by side: the older lets wait what it does not know, the newer applies it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from services.chassis.db import Pool
from services.chassis.envelope import Stream
from tests.chassis.kafka_rig import World
from tests.chassis.processes import Small, environments
from tests.chassis.rig import applied
from tests.chassis.waiting import until
from tests.kafka import Broker
from tests.postgres import Server

Run = Callable[[str, str], Small]


@pytest.fixture
def hears(world: World) -> Pool:
    return world.hears.pool


@pytest.fixture
def run(tmp_path: Path, server: Server, kafka: Broker, hears: Pool) -> Iterator[Run]:
    """Run a service of a release, in place of its other one."""
    dsns = {"referral": server.dsn("one"), "scheduling": server.dsn("two")}
    settings = environments(tmp_path, dsns, kafka=kafka.address)
    running: dict[str, Small] = {}

    def run_(name: str, version: str) -> Small:
        if name in running:
            assert running[name].end() == 0
        running[name] = Small(name, tmp_path, settings[name] | {"VERSION": version})
        running[name].until_ready()
        return running[name]

    yield run_
    for small in running.values():
        small.end()


async def test_an_unknown_type_waits_and_is_applied_by_itself_after_the_upgrade(
    run: Run, hears: Pool
) -> None:
    teller, one, other = run("referral", "2"), uuid4(), uuid4()
    run("scheduling", "1")

    await tell(teller, f"notes/{one}/1", f"notices/{one}/2", f"notes/{one}/3")
    await tell(teller, *(f"notes/{other}/{n}" for n in (1, 2, 3)))
    await until(lambda: heard(hears, other), [1, 2, 3])  # the new field harms nobody
    await until(lambda: held(hears, one), [(2, "unknown-type"), (3, None)])
    assert await heard(hears, one) == [1]

    run("scheduling", "2")
    await until(lambda: heard(hears, one), [1, 2, 3])
    assert await held(hears, one) == []


async def test_a_consumer_may_be_upgraded_before_its_producer(run: Run, hears: Pool) -> None:
    teller, one = run("referral", "1"), uuid4()
    run("scheduling", "2")

    await tell(teller, f"notes/{one}/1", f"notes/{one}/2")
    await until(lambda: heard(hears, one), [1, 2])
    teller = run("referral", "2")
    await tell(teller, f"notices/{one}/3", f"notes/{one}/4")

    await until(lambda: heard(hears, one), [1, 2, 3, 4])


async def test_a_field_that_a_consumer_does_not_know_is_kept_while_its_event_waits(
    run: Run, hears: Pool
) -> None:
    teller, one = run("referral", "2"), uuid4()
    run("scheduling", "1")

    await tell(teller, f"notices/{one}/1", f"notes/{one}/2")
    await until(lambda: held(hears, one), [(1, "unknown-type"), (2, None)])

    body = await hears.fetchval(
        "SELECT body FROM inbox_waiting WHERE stream_id = $1 AND sequence = 2", one
    )
    assert b'"more":"told by version 2"' in body


async def tell(teller: Small, *paths: str) -> None:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        for path in paths:
            (await http.post(f"{teller.url}/{path}")).raise_for_status()


async def heard(pool: Pool, stream: UUID) -> list[int]:
    return (await applied(pool)).get(Stream(stream, "referral"), [])


async def held(pool: Pool, stream: UUID) -> list[tuple[int, str | None]]:
    """What waits of this stream: the broker is shared, and others have left it cut logs."""
    rows = await pool.fetch(
        "SELECT sequence, reason FROM inbox_waiting WHERE stream_id = $1 ORDER BY sequence", stream
    )
    return [(row["sequence"], row["reason"]) for row in rows]
