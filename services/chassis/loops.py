"""The loops of a service's process. Each begins again after an error, with one log line."""

import asyncio
import contextlib
import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from aiokafka import AIOKafkaProducer

from services.chassis import consumer
from services.chassis.catch_up import CatchUp
from services.chassis.clock import Clock
from services.chassis.db import Pool, connect, on_commit
from services.chassis.health import Health
from services.chassis.inbox import Inbox
from services.chassis.metrics import Metrics
from services.chassis.redact import redacted
from services.chassis.relay import Producer, Relay
from services.chassis.work import Worker

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 3.0
MOST_CALLS = 4  # at once: a partner that answers slowly holds one of them for thirty seconds
WORK_POLL_SECONDS = 0.2
LANES_SECONDS = 1.0
RETRY_POLL_SECONDS = 1.0
RETRY_SOON_SECONDS = 0.2  # the first pause of an event that the clock tries again
ROUND_SECONDS = 2.0
NEXT_ROUND_SECONDS = 0.2  # while there is something to ask for, at a pace that leaves room
# With the ten seconds of patience and two rounds this is well below the minute within which a
# consumer must have caught up when Kafka has lost something (RELIABILITY.md, P9).
LOOK_SECONDS = 20.0
START_SECONDS = 30.0
TOPIC_SECONDS = 10.0

T = TypeVar("T")
Part = Callable[[], Awaitable[None]]


class Group:
    """Runs parts until told to stop; a part that fails or ends is begun again."""

    def __init__(self, status: Health, parts: Mapping[str, Part]) -> None:
        self.status = status
        self.tasks = [
            asyncio.create_task(self.keep(name, part), name=name) for name, part in parts.items()
        ]

    async def keep(self, name: str, part: Part) -> None:
        loop, pause = asyncio.get_running_loop(), PAUSE_SECONDS / 2
        while True:
            begun = loop.time()
            self.status.parts[name] = "running"
            try:
                await part()
                reason = "ended"
            except CancelledError:
                # aiokafka cancels its caller when it is stopped without a broker (STACK.md §3):
                # only a cancellation that was asked for ends this loop.
                if asyncio.current_task() is None or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise
                reason = "CancelledError"
            except Exception as error:
                reason = redacted(error)
            self.status.parts[name] = reason
            log.warning("part-begins-again", extra={"part": name, "reason": reason})
            if loop.time() - begun > pause:
                pause = PAUSE_SECONDS  # it worked for a while: what it needs comes and goes
            else:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


async def patiently(what: str, open_: Callable[[], Awaitable[T]]) -> T:
    """Open what may not be there yet; one log line for each attempt that failed."""
    while True:
        try:
            return await open_()
        except Exception as error:
            log.warning("not-there-yet", extra={"part": what, "reason": redacted(error)})
            await asyncio.sleep(PAUSE_SECONDS)


# --- Told and telling ----------------------------------------------------------------------------


def producer_opener(servers: Sequence[str]) -> Callable[[], Awaitable[Producer]]:
    async def open_producer() -> Producer:
        producer = AIOKafkaProducer(
            bootstrap_servers=list(servers),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=262_144,
            request_timeout_ms=5_000,
            metadata_max_age_ms=5_000,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer  # type: ignore[no-any-return]

    return open_producer


async def relay(dsn: str, pool: Pool, relay: Relay) -> None:
    """Publish over a connection of its own: with it go the lock and the right to publish."""
    conn = await connect(dsn)
    try:
        with on_commit(pool, "event", relay.wake.set):
            await relay.run(conn)
    finally:
        conn.terminate()


async def consume(
    servers: Sequence[str],
    instance: str,
    pool: Pool,
    inbox: Inbox,
    topics: Sequence[str],
    metrics: Metrics,
) -> None:
    """Hear these topics until something ends; missing topics are waited for, by name."""
    async with asyncio.timeout(TOPIC_SECONDS):
        await consumer.require_topics(servers, topics)
    broker = consumer.open_broker(servers)
    subscriber = consumer.subscribe(broker, pool, inbox, *topics, instance=instance)
    try:
        async with asyncio.timeout(START_SECONDS):
            await broker.start()
        with metrics.lag_of(lambda: subscriber.consumer):
            while any(not task.done() for task in subscriber.tasks):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)
    finally:
        # The batch in hand is finished first; its offsets are committed.
        with contextlib.suppress(Exception, CancelledError):
            await asyncio.wait_for(broker.stop(), consumer.END_SECONDS)


async def retry_due(pool: Pool, inbox: Inbox) -> None:
    """The clock's part of the inbox; types that were unknown are tried once, as we start."""
    await inbox.retry_due(pool, upgraded=True)
    wake = asyncio.Event()
    with on_commit(pool, "refused", wake.set):
        while True:
            if await until_set(wake, RETRY_POLL_SECONDS):
                wake.clear()
                await asyncio.sleep(RETRY_SOON_SECONDS)
            await inbox.retry_due(pool)


async def catch_up(catch_up: CatchUp) -> None:
    loop = asyncio.get_running_loop()
    look_at = loop.time()
    while True:
        if loop.time() >= look_at:
            await catch_up.look()
            look_at = loop.time() + LOOK_SECONDS
        asked = await catch_up.round()
        await asyncio.sleep(NEXT_ROUND_SECONDS if asked else ROUND_SECONDS)


# --- Due -----------------------------------------------------------------------------------------


def work_parts(worker: Worker, clock: Clock, most_calls: int = MOST_CALLS) -> dict[str, Part]:
    """One loop for what stays inside the database, one that begins calls, which may be slow."""
    parts: dict[str, Part] = {}
    if worker.inside or worker.calls:
        parts["work-lanes"] = lambda: lanes(worker)
    if worker.inside:
        parts["work-inside"] = lambda: work(worker, worker.run_inside, clock)
    if worker.calls:
        parts["work-calls"] = lambda: calls(worker, clock, most_calls)
    return parts


async def lanes(worker: Worker) -> None:
    """Bring forward whom two transactions missed: those of this process at once, others' soon."""
    wake = asyncio.Event()
    with on_commit(worker.pool, "behind", wake.set):
        while True:
            wake.clear()
            await worker.bring_forward()
            await until_set(wake, LANES_SECONDS)


async def calls(worker: Worker, clock: Clock, most: int) -> None:
    """Begin every call that is due, `most` at once, and wait for none of them to begin another.

    Who has a lane in hand goes on with it until others may be waiting for a place.
    """
    wake, running = asyncio.Event(), set[asyncio.Task[None]]()

    def more() -> datetime | None:
        return clock.now() if len(running) < most else None

    def ended(task: asyncio.Task[None]) -> None:
        running.discard(task)
        wake.set()
        if not task.cancelled() and (error := task.exception()):
            # PostgreSQL was away when the outcome was to be noted. If this loop ends by that, too,
            # it takes back what it had when it begins again; else the lease brings it back.
            log.warning("call-left", extra={"reason": redacted(error)})

    await worker.take_back()
    try:
        with on_commit(worker.pool, "work", wake.set):
            while True:
                wake.clear()
                if len(running) < most and (item := await worker.claim_call(clock.now())):
                    task = asyncio.create_task(worker.run_lane(item, more))
                    running.add(task)
                    task.add_done_callback(ended)
                    continue
                await until_set(wake, WORK_POLL_SECONDS)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def work(worker: Worker, run: Callable[..., Awaitable[bool]], clock: Clock) -> None:
    wake = asyncio.Event()
    with on_commit(worker.pool, "work", wake.set):
        while True:
            wake.clear()
            if not await run(clock.now()):
                await until_set(wake, WORK_POLL_SECONDS)


async def until_set(wake: asyncio.Event, seconds: float) -> bool:
    """Until somebody says that there is work, or for as long as a poll may take; which it was."""
    # Not wait_for: before Python 3.12 it forgets that it was cancelled when both come at once.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
    return wake.is_set()
