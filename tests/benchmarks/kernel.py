"""The kernel beside bare loops: `python -m tests.benchmarks.kernel [batch…]`. Compare in one run.

The relay, which reads the event table, sends and marks, beside an aiokafka producer that sends the
same records from memory. The consumer with its inbox beside aiokafka's `getmany` and one
transaction a batch, which remembers nothing. Both end in one handler that writes one row.
Real Kafka; real PostgreSQL, with its fsync; events of 1 KB, each of one of 2,000 youths, at random.
"""

import asyncio
import multiprocessing as mp
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import inf
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from statistics import median
from typing import Any, ClassVar

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer

from contracts.events import Event
from deploy.local.kafka import Topics, create_topics
from services.chassis import consumer, loops, outbox, relay, tracing
from services.chassis.clock import SystemClock
from services.chassis.db import Connection, connect, open_pool, transaction
from services.chassis.envelope import to_headers
from services.chassis.inbox import Handlers, Inbox
from services.chassis.metrics import Metrics
from services.chassis.process import settle
from services.chassis.relay import Relay
from tests.conftest import make_template, run
from tests.kafka import Broker
from tests.postgres import Server

BATCHES = (50, 200, 500)
PROCESSES = (1, 2)
TIMES = 3  # of each, in turn; the median counts
EVENTS = 12_000  # a process
DATABASES = ("bench_0", "bench_1")
FILL = """
    INSERT INTO event (event_id, event_type, stream_id, sequence, headers, body, occurred_at)
    SELECT gen_random_uuid(), 'Told.v1', id, row_number() OVER (PARTITION BY id ORDER BY i),
           jsonb_build_object(
               'ce_subject', id,
               'traceparent', format('00-%s-%s-01', md5(i::text), left(md5(i::text), 16))),
           convert_to(rpad(format('{"youth_id":"%s","n":%s,"filled":"', id, i), 1022, 'x') || '"}',
                      'UTF8'),
           now()
      FROM (SELECT i, (hashint8(i) & 2147483647) % 2000 AS youth
              FROM generate_series(1, $1::bigint) AS i) AS drawn
     CROSS JOIN LATERAL (
           SELECT ('c0000000-0000-4000-8000-' || lpad(to_hex(youth), 12, '0'))::uuid
       ) AS of_youth (id)
     ORDER BY i
"""
INSERT = "INSERT INTO effect (stream_id, producer, sequence) VALUES ($1, 'referral', $2)"


class Told(Event):
    """An event of 1 KB."""

    topic: ClassVar[str] = "referral.v1"
    type: ClassVar[str] = "Told.v1"
    subject: ClassVar[str] = "youth_id"

    n: int
    filled: str


async def handle(conn: Connection, event: Told) -> None:
    await conn.execute(INSERT, event.youth_id, event.n)


# --- What is measured, each in a process of its own ----------------------------------------------


@dataclass
class Place:
    """Where a process does its part."""

    number: int
    servers: list[str]
    dsn: str
    topic: str
    group: str
    batch: int
    total: int  # events, of all processes together
    ready: Barrier
    handled: Any  # how many events all processes have handled


@dataclass
class Spent:
    """When, on the machine's one clock, and how much of a CPU."""

    begun: float
    ended: float
    cpu: float
    before: int = 0  # events that others had handled when it began


Measured = Callable[[Place], Coroutine[Any, Any, Spent]]
Side = Callable[[], Awaitable["Figures"]]


async def relayed(place: Place) -> Spent:
    relay.BATCH = place.batch
    conn = await connect(place.dsn)
    one = Relay(place.topic, loops.producer_opener(place.servers))
    one.producer = await one.open_producer()
    place.ready.wait()
    watch = Watch()
    while await one.publish(conn):
        pass
    spent = watch.spent()
    await one.close_producer()
    await conn.close()
    return spent


async def sent_bare(place: Place) -> Spent:
    conn = await connect(place.dsn)
    rows = await conn.fetch("SELECT * FROM event ORDER BY position")
    events = [outbox.envelope(row, "referral") for row in rows]
    records = [(str(e.stream.stream_id).encode(), e.body, to_headers(e)) for e in events]
    producer: Any = await loops.producer_opener(place.servers)()
    place.ready.wait()
    watch = Watch()
    for start in range(0, len(records), place.batch):
        acks = [
            await producer.send(place.topic, value, key=key, headers=headers)
            for key, value, headers in records[start : start + place.batch]
        ]
        await asyncio.gather(*acks)
    spent = watch.spent()
    await producer.stop()
    await conn.close()
    return spent


async def consumed(place: Place) -> Spent:
    consumer.MOST_RECORDS = place.batch
    watch, pool = Counted(place), await open_pool(place.dsn)
    handlers = Handlers({Told.type: Told})

    @handlers.on(Told)
    async def one(conn: Connection, event: Told) -> None:
        await handle(conn, event)
        watch.one()

    inbox, metrics = Inbox(place.group, handlers), Metrics("bench", pool, SystemClock())
    place.ready.wait()
    task = asyncio.create_task(
        loops.consume(place.servers, str(place.number), pool, inbox, [place.topic], metrics)
    )
    spent = await watch.all(task)
    pool.terminate()
    return spent


async def consumed_bare(place: Place) -> Spent:
    watch, pool = Counted(place), await open_pool(place.dsn)
    reader = AIOKafkaConsumer(
        place.topic,
        bootstrap_servers=place.servers,
        group_id=place.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )

    async def loop() -> None:
        while True:
            batch = await reader.getmany(timeout_ms=100, max_records=place.batch)
            async with transaction(pool) as conn:
                for records in batch.values():
                    for record in records:
                        await handle(conn, Told.model_validate_json(record.value))
                        watch.one()
            if batch:
                await reader.commit()

    place.ready.wait()
    await reader.start()
    spent = await watch.all(asyncio.create_task(loop()))
    await reader.stop()
    pool.terminate()
    return spent


class Watch:
    def __init__(self) -> None:
        self.begun, self.cpu = time.perf_counter(), time.process_time()

    def spent(self, before: int = 0) -> Spent:
        return Spent(self.begun, time.perf_counter(), time.process_time() - self.cpu, before)


class Counted:
    """From the first event that this process handles until all processes have handled all."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.begun: Watch | None = None
        self.before = 0

    def one(self) -> None:
        with self.place.handled.get_lock():
            if not self.begun:
                self.begun, self.before = Watch(), self.place.handled.value
            self.place.handled.value += 1

    async def all(self, task: "asyncio.Task[None]") -> Spent:
        while self.place.handled.value < self.place.total:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        # Who came too late for any event did not slow the others: its start does not count.
        spent = (
            self.begun.spent(self.before) if self.begun else Spent(-inf, time.perf_counter(), 0.0)
        )
        task.cancel()
        await asyncio.wait([task])
        return spent


# --- The run -------------------------------------------------------------------------------------


@dataclass
class Figures:
    per_second: float
    cpu_ms: float  # of the loop's own process, an event


class Bench:
    """One Kafka, one PostgreSQL, and processes that come and go."""

    def __init__(self, server: Server, broker: Broker) -> None:
        self.server, self.broker, self.number = server, broker, count()

    async def prepare(self) -> None:
        await make_template(self.server)
        for database in DATABASES:
            sql = f"CREATE DATABASE {database} TEMPLATE template_kernel"
            await run(self.server, "postgres", sql)
        await self.refill(DATABASES[0])
        self.told = await self.topic()
        await self.spend(sent_bare, 500, [(DATABASES[0], self.told)], EVENTS)

    async def topic(self) -> str:
        name = f"referral.b{next(self.number)}"
        await create_topics(self.broker.address, Topics((name,), 12, 1, {}))
        return name

    async def refill(self, database: str) -> None:
        """Unpublished events, and nothing heard."""
        conn = await asyncpg.connect(self.server.dsn(database))
        await conn.execute("TRUNCATE event, effect, inbox_cursor, inbox_waiting")
        await conn.execute(FILL, EVENTS)
        await conn.execute("VACUUM ANALYZE event")
        await conn.execute("CHECKPOINT")
        await conn.close()

    async def tell(self, act: Measured, batch: int, processes: int) -> Figures:
        """Producers: a database and a topic each, as services have."""
        for database in DATABASES[:processes]:
            await self.refill(database)
        places = [(DATABASES[i], await self.topic()) for i in range(processes)]
        return await self.spend(act, batch, places, EVENTS * processes)

    async def hear(self, act: Measured, batch: int, processes: int) -> Figures:
        """Consumers: replicas of one service, which share its database and a topic."""
        await self.refill(DATABASES[0])
        return await self.spend(act, batch, [(DATABASES[0], self.told)] * processes, EVENTS)

    async def spend(
        self, act: Measured, batch: int, places: Sequence[tuple[str, str]], total: int
    ) -> Figures:
        context = mp.get_context("spawn")
        ready, handled = context.Barrier(len(places)), context.Value("l", 0)
        group, pipes = f"g{next(self.number)}", list[Pipe]()
        for number, (database, topic) in enumerate(places):
            here, there = context.Pipe()
            pipes.append(here)
            dsn, servers = self.server.dsn(database), [self.broker.address]
            place = Place(number, servers, dsn, topic, group, batch, total, ready, handled)
            context.Process(target=child, args=(act, place, there), daemon=True).start()
            there.close()  # so that a child's end is seen here
        spent = [await asyncio.to_thread(pipe.recv) for pipe in pipes]
        seconds = max(s.ended for s in spent) - max(s.begun for s in spent)
        cpu = sum(s.cpu for s in spent) / total * 1000
        return Figures((total - max(s.before for s in spent)) / seconds, cpu)


def child(act: Measured, place: Place, pipe: Pipe) -> None:
    tracing.start("bench", level="ERROR")  # as a process of ours does that exports no spans
    settle()
    pipe.send(uvloop.run(act(place)))


async def compare(name: str, ours: Side, bare: Side) -> None:
    """Both in turn; the median of each, and of their ratios."""
    pairs = [(await ours(), await bare()) for _ in range(TIMES)]
    ratio = median(one.per_second / other.per_second for one, other in pairs)
    middle = [median(p[i].per_second for p in pairs) for i in (0, 1)]
    cpu = [median(p[i].cpu_ms for p in pairs) for i in (0, 1)]
    print(
        f"{name}: {middle[0]:,.0f} of {middle[1]:,.0f} events/s, {ratio:.2f};"
        f" CPU of the loop {cpu[0]:.3f} and {cpu[1]:.3f} ms an event",
        flush=True,
    )


async def main(server: Server, broker: Broker, batches: Sequence[int]) -> None:
    bench = Bench(server, broker)
    await bench.prepare()
    for processes in PROCESSES:
        for batch in batches:
            what = f"batch {batch}, {processes} process{'es'[: processes * 2 - 2]}"
            told = partial(bench.tell, batch=batch, processes=processes)
            heard = partial(bench.hear, batch=batch, processes=processes)
            await compare(f"relay, {what}", partial(told, relayed), partial(told, sent_bare))
            await compare(
                f"consumer, {what}", partial(heard, consumed), partial(heard, consumed_bare)
            )


if __name__ == "__main__":
    server, broker = Server({}), Broker()
    try:
        asyncio.run(main(server, broker, [int(size) for size in sys.argv[1:]] or BATCHES))
    finally:
        broker.stop()
        server.stop()
