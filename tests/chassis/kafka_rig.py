"""A producer and a consumer on real Kafka, in one loop, made of the parts of a real process."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.chassis import loops
from services.chassis.catch_up import CatchUp
from services.chassis.clock import SystemClock
from services.chassis.db import Pool
from services.chassis.envelope import Stream
from services.chassis.health import Health
from services.chassis.metrics import Metrics
from services.chassis.relay import Relay
from tests.chassis.rig import Rig, applied
from tests.chassis.story import Owner

TOPIC = "referral.v1"
PARTITIONS = [TopicPartition(TOPIC, number) for number in range(12)]


class World:
    """`tells` appends and relays; `hears` consumes under its own group and catches up."""

    def __init__(self, address: str, dsn: str, tells: Pool, hears: Rig) -> None:
        self.servers = self.consumes_from = address.split(",")
        self.dsn, self.tells, self.hears = dsn, tells, hears
        self.owner = Owner(tells)
        self.streams = [Stream(uuid4(), "referral") for _ in range(8)]
        # Tests share a broker: what others committed must not decide where this one begins.
        self.hears.inbox = type(hears.inbox)(f"c-{uuid4()}", hears.inbox.handlers)
        self.groups: dict[str, loops.Group] = {}
        self.metrics = Metrics("test", hears.pool, SystemClock())

    async def __aenter__(self) -> "World":
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in list(self.groups):
            await self.stop(part)

    def start(self, *parts: str) -> None:
        for part in parts:
            act = {"relay": self.relay, "consumer": self.consume, "catch-up": self.catch_up}[part]
            self.groups[part] = loops.Group(Health(), {part: act})

    async def stop(self, part: str) -> None:
        await self.groups.pop(part).stop()

    # --- The parts, as a process wires them ------------------------------------------------------

    async def relay(self) -> None:
        relay = Relay(TOPIC, loops.producer_opener(self.servers))
        await loops.relay(self.dsn, self.tells, relay)

    async def consume(self) -> None:
        pool, inbox = self.hears.pool, self.hears.inbox
        await loops.consume(self.consumes_from, "a", pool, inbox, [TOPIC], self.metrics)

    async def catch_up(self) -> None:
        catch_up = CatchUp(self.hears.pool, self.hears.inbox, "referral", self.owner, patience=0.5)
        while True:
            await catch_up.look()
            await catch_up.round()
            await asyncio.sleep(0.2)

    # --- What a test does and sees ---------------------------------------------------------------

    async def append(self, each: int, streams: Sequence[Stream] | None = None) -> None:
        for _ in range(each):
            for stream in streams or self.streams:
                await self.owner.append(stream)

    async def numbers(self) -> set[tuple[int, ...]]:
        """The numbers applied, per stream, in order: one element when all streams are alike."""
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            found = await applied(self.hears.pool)
            return {tuple(found.get(stream, ())) for stream in self.streams}
        return set()

    async def unpublished(self) -> int:
        found: int = await self.tells.fetchval(
            "SELECT count(*) FROM event WHERE published_at IS NULL"
        )
        return found

    async def records(self) -> int:
        return sum((await self.offsets())[1])

    async def lag(self) -> int:
        """Records that the group has not committed; all of them while it has committed none."""
        committed, ends = await self.offsets()
        return sum(max(0, end - at) for at, end in zip(committed, ends, strict=True))

    async def offsets(self) -> tuple[list[int], list[int]]:
        """Of each partition: what the group has committed, and where the log ends."""
        probe = AIOKafkaConsumer(
            bootstrap_servers=self.servers,
            group_id=self.hears.inbox.consumer,
            enable_auto_commit=False,
        )
        await probe.start()
        try:
            probe.assign(PARTITIONS)
            ends = await probe.end_offsets(PARTITIONS)
            committed = [await probe.committed(partition) or 0 for partition in PARTITIONS]
            return committed, [ends[partition] for partition in PARTITIONS]
        finally:
            await probe.stop()

    async def put(self, key: bytes | None, value: bytes | None) -> None:
        """Put a record on the topic that no producer of ours would write."""
        producer = AIOKafkaProducer(bootstrap_servers=self.servers)
        await producer.start()
        try:
            await producer.send_and_wait(TOPIC, value, key=key)
        finally:
            await producer.stop()


def upto(number: int) -> set[tuple[int, ...]]:
    """What `numbers` gives when every stream has been applied up to this number, in order."""
    return {tuple(range(1, number + 1))}
