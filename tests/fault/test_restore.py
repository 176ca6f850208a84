"""A database is brought back to an earlier point (P20): a producer's, then a consumer's."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.local.postgres import binaries
from services.chassis import outbox
from services.chassis.catch_up import CatchUp
from services.chassis.db import Connection, Pool, open_pool, transaction
from services.chassis.envelope import Envelope, Stream
from services.cli import inboxes
from tests.chassis.rig import NOW, STREAMS, Noted, Rig
from tests.chassis.story import NEXT, Owner
from tests.chassis.waiting import until
from tests.conftest import OpenDatabase, make_template
from tests.fault.backup import Archived
from tests.postgres import Server

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        not (binaries() / "pg_basebackup").exists(),
        reason="this PostgreSQL has no pg_basebackup",
    ),
]

DATABASE = "template_kernel"  # of a server of its own: made once, used as it is
BUSY, CALM = STREAMS[:3], STREAMS[3:]
SILENT, OVERTAKES, GOES_ON = BUSY
WRITERS = 4
EACH = 100  # acts, before and after each step
PACE_SECONDS = 0.005  # of a writer: enough for a load, and little to catch up


class Acts(Owner):
    """A producer whose every act is an event and a row of its own; `acked` is what it answered."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.acked: list[tuple[UUID, int]] = []

    async def act(self, stream: Stream) -> None:
        async with transaction(self.pool) as conn:
            n = await conn.fetchval(NEXT, stream.stream_id)
            await outbox.append(conn, Noted(youth_id=stream.stream_id, n=n), at=NOW)
            await conn.execute("INSERT INTO effect VALUES (DEFAULT, $1, 'own', $2)", stream[0], n)
        self.acked.append((stream.stream_id, n))

    @asynccontextmanager
    async def load(self, streams: Sequence[Stream]) -> AsyncIterator[None]:
        """Act on these streams all the while, with acts before and after what happens meanwhile."""
        over, chance = asyncio.Event(), random.Random(len(self.acked))

        async def write() -> None:
            while not over.is_set():
                # Another writer may hold the stream for long, while the disk has other work.
                with suppress(asyncpg.LockNotAvailableError):
                    await self.act(chance.choice(streams))
                await asyncio.sleep(PACE_SECONDS)

        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(write())
            await self.more()
            yield
            await self.more()
            over.set()

    async def more(self) -> None:
        enough = len(self.acked) + EACH
        await until(lambda: self.has(enough), True)

    async def has(self, acts: int) -> bool:
        return len(self.acked) >= acts


class Heard(Rig):
    """A consumer that also notes which event it was: a number may come to mean another."""

    async def touch(self, conn: Connection, event: Envelope) -> None:
        await conn.execute("INSERT INTO heard (event_id) VALUES ($1)", event.event_id)

    async def ids(self) -> list[UUID]:
        return [row[0] for row in await self.pool.fetch("SELECT event_id FROM heard ORDER BY at")]

    async def frozen(self) -> dict[UUID, str]:
        rows = await self.pool.fetch("SELECT * FROM inbox_cursor WHERE frozen IS NOT NULL")
        return {row["stream_id"]: row["frozen"] for row in rows}

    async def catch_up(self, owner: Owner) -> None:
        """What the process does in turn; nothing comes by Kafka here."""
        catch_up = CatchUp(self.pool, self.inbox, "referral", owner, patience=0)
        await catch_up.look()
        before = -1
        while before != (now := len(await self.ids())):
            before = now
            await catch_up.round()


async def heard(pool: Pool) -> Heard:
    await pool.execute("CREATE TABLE heard (at bigint GENERATED ALWAYS AS IDENTITY, event_id uuid)")
    return Heard(pool)


@pytest.fixture
async def archived() -> AsyncIterator[Archived]:
    archived = await asyncio.to_thread(Archived)
    try:
        await make_template(archived)
        yield archived
    finally:
        archived.stop()


async def test_a_restored_producer_has_what_was_before_its_point_and_who_was_ahead_stands_still(
    archived: Archived, server: Server, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYPOST_REFERRAL_DSN", archived.dsn(DATABASE))
    monkeypatch.setenv("WAYPOST_SCHEDULING_DSN", server.dsn("one"))
    producer, consumer = Acts(await open_pool(archived.dsn(DATABASE))), await heard(pool)
    async with producer.load(STREAMS):
        await archived.back_up()
    async with producer.load(BUSY):
        before = set(producer.acked)
        await archived.mark()
    born = Stream(uuid4(), "referral")
    for stream in (*BUSY, born):
        await producer.act(stream)
    await consumer.catch_up(producer)
    assert len(await consumer.ids()) == len(producer.acked)
    producer.pool.terminate()

    await archived.restore()
    producer.pool = await open_pool(archived.dsn(DATABASE))

    stored = await numbers(producer.pool, "event")
    assert before <= set(stored) < set(producer.acked)
    assert set(Counter(stored).values()) == {1}
    assert stored == await numbers(producer.pool, "effect")  # each act whole, or not at all

    restored = await producer.pool.fetchval("SELECT clock_timestamp()")
    while await last(producer.pool, OVERTAKES) <= await cursor(pool, OVERTAKES):
        await producer.act(OVERTAKES)
    for stream in CALM:
        await producer.act(stream)
    await consumer.catch_up(producer)

    stands = dict.fromkeys([s.stream_id for s in (SILENT, GOES_ON, born)], "cursor-ahead")
    assert await consumer.frozen() == stands | {OVERTAKES.stream_id: "number-reused"}
    for stream in CALM:
        assert await cursor(pool, stream) == await last(producer.pool, stream)

    await producer.act(GOES_ON)
    monkeypatch.setattr(inboxes, "inbox_of", lambda _: consumer.inbox)
    assert await thaw() == len(BUSY) + 1
    assert await thaw(restored) == 0
    for stream in STREAMS:
        await producer.act(stream)
    await consumer.catch_up(producer)

    assert await consumer.frozen() == {}
    ids = await consumer.ids()
    assert set(Counter(ids).values()) == {1}
    for stream in STREAMS:
        assert await in_order(ids, producer, stream)
    producer.pool.terminate()


async def test_a_restored_consumer_catches_up_with_what_it_has_forgotten(
    archived: Archived, open_database: OpenDatabase
) -> None:
    producer = Acts(await open_database("two"))
    consumer = await heard(await open_pool(archived.dsn(DATABASE)))
    over = asyncio.Event()

    async def listen() -> None:
        while not over.is_set():
            await consumer.catch_up(producer)

    listening = asyncio.create_task(listen())
    async with producer.load(STREAMS):
        await archived.back_up()
    async with producer.load(STREAMS):
        await archived.mark()
    over.set()
    await listening
    await consumer.catch_up(producer)
    assert len(await consumer.ids()) == len(producer.acked)
    consumer.pool.terminate()

    await archived.restore()
    consumer.pool = await open_pool(archived.dsn(DATABASE))
    have = len(await consumer.ids())
    await consumer.catch_up(producer)

    assert have < len(producer.acked)
    assert await consumer.frozen() == {}
    ids = await consumer.ids()
    assert len(ids) == len(producer.acked)
    for stream in STREAMS:
        assert await in_order(ids, producer, stream)
    consumer.pool.terminate()


async def thaw(restored: datetime | None = None) -> int:
    """`waypost retry --service scheduling --thaw --restored …`; how many still stand still."""
    return await inboxes.retry_service(
        "scheduling", None, dry_run=False, thaw=True, restored=restored
    )


async def in_order(ids: Sequence[UUID], producer: Owner, stream: Stream) -> bool:
    """Whether these hold all that the producer tells of this stream, each once, as it tells it."""
    rows = await producer.pool.fetch(
        "SELECT event_id FROM event WHERE stream_id = $1 ORDER BY sequence", stream.stream_id
    )
    told = [row[0] for row in rows]
    known = set(told)
    return [id_ for id_ in ids if id_ in known] == told


async def numbers(pool: Pool, table: str) -> list[tuple[UUID, int]]:
    rows = await pool.fetch(f"SELECT stream_id, sequence FROM {table} ORDER BY 1, 2")  # noqa: S608
    return [(row[0], row[1]) for row in rows]


async def last(pool: Pool, stream: Stream) -> int:
    sql = "SELECT last_sequence FROM stream WHERE stream_id = $1"
    return await pool.fetchval(sql, stream.stream_id) or 0


async def cursor(pool: Pool, stream: Stream) -> int:
    sql = "SELECT last_sequence FROM inbox_cursor WHERE stream_id = $1"
    return await pool.fetchval(sql, stream.stream_id) or 0
