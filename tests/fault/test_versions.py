"""Two releases side by side: the older lets wait what it does not know, the newer applies it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from services.chassis.db import Pool
from services.chassis.envelope import Stream
from tests.chassis.kafka_rig import World
from tests.chassis.processes import Small, environments
from tests.chassis.rig import applied
from tests.chassis.waiting import PATIENCE_SECONDS, until
from tests.kafka import Broker
from tests.postgres import Server

STREAMS = 20

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


async def test_a_mixed_upgrade_under_load_loses_doubles_and_reorders_nothing(
    tmp_path: Path, server: Server, kafka: Broker, pool: Pool, hears: Pool
) -> None:
    """Two of each, one of them upgraded before the other, while both are being used."""
    dsns = {"referral": server.dsn("one"), "scheduling": server.dsn("two")}
    streams, upgraded, over = [uuid4() for _ in range(STREAMS)], asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:

        async def start(name: str, instance: str, version: str) -> Small:
            settings = environments(tmp_path, dsns, kafka=kafka.address)[name]
            more = {"WAYPOST_INSTANCE": instance, "VERSION": version}
            small = Small(name, tmp_path, settings | more)
            stack.callback(small.end)
            await asyncio.to_thread(small.until_ready)
            return small

        old_hearer = await start("scheduling", "a", "1")
        hearer = await start("scheduling", "b", "1")
        tellers = [await start("referral", "a", "1"), await start("referral", "b", "1")]
        load = asyncio.create_task(tell_on(pool, tellers, streams, upgraded, over))
        assert await ended(hearer) == 0
        await start("scheduling", "b", "2")  # beside the old one, which hears the same topic
        old = tellers.pop()
        assert await ended(old) == 0
        tellers.insert(
            0, await start("referral", "b", "2")
        )  # tells a type that the other does not know
        upgraded.set()
        await until(lambda: any_held(hears, streams), True)
        assert await ended(old_hearer) == 0
        await start("scheduling", "a", "2")
        assert await ended(tellers.pop()) == 0
        over.set()
        told = await load

        assert told > 0
        await until(lambda: alike(hears, streams, told), True)
        assert not await any_held(hears, streams)


async def tell_on(
    pool: Pool,
    tellers: list[Small],
    streams: list[UUID],
    upgraded: asyncio.Event,
    over: asyncio.Event,
) -> int:
    """Tell all streams their next event, again and again; who is asked may end: ask another.

    Gives how many each has. From the upgrade on every third is of the new type, which only the
    first teller knows.
    """
    n = 0
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        while not over.is_set():
            n += 1
            new = upgraded.is_set() and n % 3 == 0
            path = "notices" if new else "notes"

            async def tell_one(stream: UUID, path: str = path, n: int = n) -> None:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await head(pool, stream) < n:
                        teller = tellers[0 if path == "notices" else n % len(tellers)]
                        with suppress(httpx.HTTPError):
                            await http.post(f"{teller.url}/{path}/{stream}/{n}")

            await asyncio.gather(*map(tell_one, streams))
    return n


async def head(pool: Pool, stream: UUID) -> int:
    query = "SELECT last_sequence FROM stream WHERE stream_id = $1"
    return await pool.fetchval(query, stream) or 0


async def ended(small: Small) -> int:
    return await asyncio.to_thread(small.end)


async def any_held(pool: Pool, streams: list[UUID]) -> bool:
    """Whether one of these waits because its type is not known."""
    found = await pool.fetchval(
        "SELECT true FROM inbox_waiting WHERE stream_id = ANY ($1) AND reason = 'unknown-type'",
        streams,
    )
    return found is True


async def alike(pool: Pool, streams: list[UUID], told: int) -> bool:
    found, all_ = await applied(pool), list(range(1, told + 1))
    return all(found.get(Stream(stream, "referral")) == all_ for stream in streams)


async def tell(teller: Small, *paths: str) -> None:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
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
