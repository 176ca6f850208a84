"""Whether an event costs more in a big agency: `python -m tests.benchmarks.growth [events]`.

Append, relay and inbox among 10,000 events of 1,000 youths, and among 1,000,000 of 100,000; the
inbox beside one youth of whom 10,000 events wait; and the memory of a process that hears and tells
so many events (1,000,000 unless told otherwise). CPU is this process's and PostgreSQL's; no Kafka:
what it costs does not depend on our tables.
"""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from opentelemetry.sdk.trace import TracerProvider

from services.chassis import outbox, telemetry
from services.chassis.consumer import KafkaRecord, receive
from services.chassis.db import Connection, Pool, connect, open_pool, transaction
from services.chassis.envelope import Stream
from services.chassis.inbox import Handlers, Inbox
from services.chassis.relay import Relay
from tests.benchmarks.kernel import Told, handle
from tests.benchmarks.meter import postgres_seconds
from tests.chassis.rig import noted, record
from tests.conftest import make_template, run
from tests.postgres import Server

SIZES = ((10_000, 1_000), (1_000_000, 100_000))
EVENTS = 10_000  # measured of each act
BATCH = 200
WAITING = 10_000
PADDING = "x" * 900
NOW = datetime(2026, 3, 2, tzinfo=UTC)
FILL = """
    WITH youth AS (
        SELECT i, ('c0000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid AS id
          FROM generate_series(1, $2::integer) AS i
    ), told AS (
        INSERT INTO stream (stream_id, last_sequence)
        SELECT id, $1::integer / $2::integer FROM youth
    ), heard AS (
        INSERT INTO inbox_cursor (consumer, stream_id, producer, last_sequence)
        SELECT 'bench', id, 'referral', 0 FROM youth
    )
    INSERT INTO event (event_id, event_type, stream_id, sequence, headers, body, occurred_at,
                       published_at)
    SELECT gen_random_uuid(), 'Told.v1', id, n, '{}', convert_to(rpad('', 1024, 'x'), 'UTF8'),
           now(), now()
      FROM generate_series(1, $1::integer / $2::integer) AS n
     CROSS JOIN youth
"""


def youth(number: int) -> UUID:
    return UUID(f"c0000000-0000-4000-8000-{number:012x}")


class Acknowledges:
    """A producer whose broker answers at once."""

    async def send(self, *_: Any, **__: Any) -> "asyncio.Future[object]":
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.set_result(None)
        return answer

    async def stop(self) -> None: ...


async def open_producer() -> Acknowledges:
    return Acknowledges()


class Records:
    """Records of youths drawn at random, each stream numbered from 1."""

    def __init__(self, youths: int) -> None:
        self.draw, self.youths = random.Random(1), youths
        self.last: dict[int, int] = {}

    def batch(self, size: int = BATCH) -> Sequence[KafkaRecord]:
        return [record(self.event()) for _ in range(size)]

    def event(self) -> Any:
        number = self.draw.randint(1, self.youths)
        n = self.last[number] = self.last.get(number, 0) + 1
        body = Told(youth_id=youth(number), n=n, filled=PADDING).model_dump_json().encode()
        stream = Stream(youth(number), "referral")
        return noted(stream, n, type_=Told.type, body=body)


class Bench:
    def __init__(self, server: Server, pool: Pool, conn: Connection, youths: int) -> None:
        self.server, self.pool, self.conn, self.youths = server, pool, conn, youths
        handlers = Handlers({Told.type: Told})
        handlers.on(Told)(handle)
        self.inbox = Inbox("bench", handlers)
        self.relay = Relay("referral.v1", open_producer)
        self.told = Records(youths)

    async def cost(self, act: Callable[[], Awaitable[object]], times: int, events: int) -> float:
        """CPU-milliseconds of one event."""
        service, database = time.process_time(), postgres_seconds(self.server.process.pid)
        for _ in range(times):
            await act()
        spent = time.process_time() - service
        return (spent + postgres_seconds(self.server.process.pid) - database) * 1000 / events

    async def append(self) -> None:
        event = Told(youth_id=youth(self.told.draw.randint(1, self.youths)), n=1, filled=PADDING)
        async with transaction(self.pool) as conn:
            await outbox.append(conn, event, at=NOW)

    async def publish(self) -> None:
        await self.relay.publish(self.conn)

    async def hear(self) -> None:
        await receive(self.pool, self.inbox, self.told.batch())

    async def acts(self) -> dict[str, float]:
        found = {"append": await self.cost(self.append, EVENTS, EVENTS)}
        found["relay"] = await self.cost(self.publish, EVENTS // 500, EVENTS)
        assert not await self.pool.fetchval("SELECT count(*) FROM event WHERE published_at IS NULL")
        found["inbox"] = await self.cost(self.hear, EVENTS // BATCH, EVENTS)
        return found

    async def let_wait(self) -> None:
        """One youth's events from the second on: the first is missing."""
        stream = Stream(UUID(int=7), "referral")
        for start in range(2, WAITING + 2, 500):
            events = [noted(stream, n, type_=Told.type) for n in range(start, start + 500)]
            await receive(self.pool, self.inbox, [record(event) for event in events])
        assert await self.pool.fetchval("SELECT count(*) FROM inbox_waiting") == WAITING


async def size(server: Server, events: int, youths: int) -> dict[str, float]:
    name = f"bench_{events}"
    await run(server, "postgres", f"CREATE DATABASE {name} TEMPLATE template_kernel")
    filler = await connect(server.dsn(name))
    await filler.execute("SET statement_timeout = 0")
    await filler.execute(FILL, events, youths, timeout=600)
    await filler.execute("VACUUM ANALYZE", timeout=600)
    await filler.execute("CHECKPOINT", timeout=600)
    pool = await open_pool(server.dsn(name))
    bench = Bench(server, pool, filler, youths)
    await bench.hear()  # statements are prepared, tables in memory
    found = await bench.acts()
    await bench.let_wait()
    found["inbox beside 10,000 waiting"] = await bench.cost(bench.hear, EVENTS // BATCH, EVENTS)
    for act, cost in found.items():
        print(f"{events:9,} events of {youths:7,} youths, {act}: {cost:.3f} CPU-ms", flush=True)
    pool.terminate()
    filler.terminate()
    return found


async def memory(server: Server, events: int) -> None:
    """Resident memory while one process hears, and appends and tells, so many events."""
    await run(server, "postgres", "CREATE DATABASE bench_memory TEMPLATE template_kernel")
    pool = await open_pool(server.dsn("bench_memory"))
    conn = await connect(server.dsn("bench_memory"))
    bench, told = Bench(server, pool, conn, 2_000), 0
    for tenth in range(10):
        while told < events * (tenth + 1) // 10:
            await bench.hear()
            told += BATCH
            for _ in range(2):
                await bench.append()
            await bench.publish()
        print(f"memory after {told:9,} events: {resident():.0f} MB", flush=True)
    pool.terminate()
    conn.terminate()


def resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def main(server: Server, events: int) -> None:
    telemetry.provide(TracerProvider(), exported=False)
    await make_template(server)
    few, many = [await size(server, *each) for each in SIZES]
    for act, cost in few.items():
        print(f"{act}: {many[act] / cost:.2f} times as much among a hundred times as many")
    await memory(server, events)


if __name__ == "__main__":
    server = Server()
    try:
        uvloop.run(main(server, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
    finally:
        server.stop()
