"""What a service measures of its own machinery, counted at the moment it is asked."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from contracts import telemetry as names
from contracts.telemetry import Metric
from services.chassis import timings
from services.chassis.catch_up import CatchUp
from services.chassis.clock import Clock
from services.chassis.db import Connection, Pool, Record, acquired
from services.chassis.measures import Measures, nothing_more

POSITION_SECONDS = 0.2


class Metrics:
    """The page that Prometheus reads."""

    def __init__(
        self, service: str, pool: Pool, clock: Clock, own: Measures = nothing_more
    ) -> None:
        self.service, self.pool, self.clock, self.own = service, pool, clock, own
        self.catch_ups: list[CatchUp] = []
        self.kafka: Callable[[], Any] = lambda: None

    @contextmanager
    def lag_of(self, kafka: Callable[[], Any]) -> Iterator[None]:
        """Measure the lag of this aiokafka consumer while the block runs."""
        self.kafka = kafka
        try:
            yield
        finally:
            self.kafka = lambda: None

    async def lag(self) -> dict[str, int]:
        """Records of each topic between what was read and what Kafka has."""
        return await lag(self.kafka())

    async def page(self) -> bytes:
        # A registry for each page: a reason that is gone leaves no value behind.
        page = Page(self.service)
        async with acquired(self.pool) as conn:
            (told,) = await unpublished(conn)
            page.set(names.EVENTS_UNPUBLISHED, told["events"])
            page.set(names.EVENTS_UNPUBLISHED_AGE, told["oldest"])
            for row in await waiting(conn, self.service):
                page.set(names.INBOX_WAITING, row["events"], reason=row["reason"])
                page.set(names.INBOX_WAITING_AGE, row["oldest"], reason=row["reason"])
            for row in await held(conn, self.service):
                page.set(names.STREAMS_HELD, row["streams"], by=row["by"])
            page.set(names.RECORDS_UNREADABLE, await unreadable(conn, self.service))
            for row in await due(conn, self.clock):
                page.set(names.WORK_DUE, row["due"], kind=row["kind"])
                page.set(names.WORK_LATE, row["late"], kind=row["kind"])
            for metric, value, labels in await self.own(conn):
                page.set(metric, value, **labels)
        page.set(names.EVENTS_CAUGHT_UP, sum(each.fetched for each in self.catch_ups))
        page.set(names.POOL_IDLE, self.pool.get_idle_size())
        page.set(names.POOL_WAITS, timings.POOL_WAITS.times)
        page.set(names.POOL_WAIT_SECONDS, timings.POOL_WAITS.seconds)
        page.set(names.BATCHES, timings.BATCHES.times)
        page.set(names.BATCH_SECONDS, timings.BATCHES.seconds)
        for topic, records in (await self.lag()).items():
            page.set(names.CONSUMER_LAG, records, topic=topic)
        return generate_latest(page.registry)


class Page:
    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        self.known: dict[str, Gauge | Counter] = {}

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        if not (known := self.known.get(metric.name)):
            meaning = f"{metric.meaning} ({metric.unit})"
            kind = Counter if metric.counts else Gauge
            known = kind(metric.name, meaning, ("service", *metric.labels), registry=self.registry)
            self.known[metric.name] = known
        known.labels(service=self.service, **labels).inc(value)


async def lag(consumer: Any) -> dict[str, int]:
    """Records of each topic between what was read and what Kafka has, as last heard from it."""
    found: dict[str, int] = {}
    for partition in consumer.assignment() if consumer else ():
        if (end := consumer.highwater(partition)) is not None:
            async with asyncio.timeout(POSITION_SECONDS):
                behind = end - await consumer.position(partition)
            found[partition.topic] = found.get(partition.topic, 0) + max(0, behind)
    return found


async def unpublished(conn: Connection) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT count(*) AS events,
               coalesce(extract(epoch FROM now() - min(stored_at)), 0)::float AS oldest
          FROM event
         WHERE published_at IS NULL
        """
    )


async def waiting(conn: Connection, consumer: str) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT coalesce(reason, 'predecessor') AS reason,
               count(*) AS events,
               extract(epoch FROM now() - min(arrived_at))::float AS oldest
          FROM inbox_waiting
         WHERE consumer = $1
         GROUP BY 1
        """,
        consumer,
    )


async def held(conn: Connection, consumer: str) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT CASE WHEN c.frozen IS NULL THEN 'refused' ELSE 'frozen' END AS by,
               count(*) AS streams
          FROM inbox_cursor c
          LEFT JOIN inbox_waiting w
            ON w.consumer = c.consumer AND w.stream_id = c.stream_id
           AND w.producer = c.producer AND w.sequence = c.last_sequence + 1
           AND w.reason IS NOT NULL
         WHERE c.consumer = $1
           AND (c.frozen IS NOT NULL OR w.sequence IS NOT NULL)
         GROUP BY 1
        """,
        consumer,
    )


async def unreadable(conn: Connection, consumer: str) -> int:
    found: int = await conn.fetchval(
        "SELECT count(*) FROM unreadable WHERE consumer = $1", consumer
    )
    return found


async def due(conn: Connection, clock: Clock) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT kind, count(*) AS due, count(*) FILTER (WHERE attempts > 0) AS late
          FROM work
         WHERE outcome IS NULL AND due_at <= $1
         GROUP BY kind
        """,
        clock.now(),
    )
