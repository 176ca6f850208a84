"""How fast one endpoint is told: `python -m tests.benchmarks.lane [referrals a second …]`.

Notifications alone, in this process: events into its inbox, a hub's EHR as a process on a socket,
PostgreSQL with its fsync, no Kafka; referral is answered for. A referral is heard as three Task
versions. First what one lane bears (a backlog), of Tasks, one or up to twenty in a notification,
and of sessions, which ask for consent and go one by one; then how long each event takes at a rate,
from our hearing it to the hub's log, for a hub that takes twenty.
"""

import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import uvloop
from opentelemetry.sdk.trace import TracerProvider

from contracts.events import Event
from services.chassis import loops, telemetry
from services.chassis.db import Pool, open_pool
from services.chassis.health import Health
from services.chassis.migrate import migrate
from services.chassis.process import remember_missing, settle
from services.notifications.app import MOST_CALLS
from tests.benchmarks.meter import postgres_seconds, tree
from tests.benchmarks.thread import percentiles
from tests.conftest import run
from tests.notifications.rig import Child, Hub, Rig, session, task_changed
from tests.notifications.test_schedule import to
from tests.postgres import Server
from tests.simulators.rig import Simulator

BACKLOG = 300
RATES = (20,)  # referrals a second
SECONDS = 10
MOST = 20  # events in a notification, as hubs ask for
VERSIONS = 3  # of a Task, until its referral waits for a mentor
DEADLINE_SECONDS = 120
TICK = os.sysconf("SC_CLK_TCK")


class Bench:
    """One hub's lane, and what is spent on it."""

    def __init__(self, server: Server, pool: Pool, ehr: Simulator) -> None:
        self.server, self.pool, self.ehr = server, pool, ehr
        self.rig = Rig(pool, ehr)

    def spent(self) -> tuple[float, float, float]:
        """CPU-seconds of this process, of PostgreSQL, of the hub."""
        hub = 0
        for pid in tree(self.ehr.process.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            hub += sum(map(int, fields[11:13]))
        database = postgres_seconds(self.server.process.pid)
        return time.process_time(), database, hub / TICK

    async def subscribed(self, topic: str, most: int) -> Hub:
        hub = self.rig.hub()
        await self.rig.subscribed(hub, topic, **to(hub.endpoint, max_count=most))
        return hub

    async def told(self, many: int) -> None:
        """Wait until the hub has taken so many messages."""
        count = "SELECT count(*) FROM delivery WHERE state = 'delivered' AND event_id IS NOT NULL"
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await self.pool.fetchval(count) < many:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    def work(self) -> loops.Group:
        parts = loops.work_parts(self.rig.worker, self.rig.clock, MOST_CALLS)
        return loops.Group(Health(), parts)

    async def backlog(self, topic: str, most: int) -> str:
        """What is queued is told as fast as one lane bears."""
        hub = await self.subscribed(topic, most)
        before = await self.pool.fetchval("SELECT count(*) FROM delivery WHERE event_id NOTNULL")
        for _ in range(BACKLOG // VERSIONS):
            child = await self.rig.child(hub)
            await self.rig.hear(*events_of(child, topic))
        await self.rig.pool.execute("UPDATE work SET outcome = 'done' WHERE kind LIKE '%mail%'")
        spent, begin = self.spent(), time.perf_counter()
        group = self.work()
        await self.told(before + BACKLOG)
        seconds = time.perf_counter() - begin
        await group.stop()
        cpu = [(b - a) * 1000 / BACKLOG for a, b in zip(spent, self.spent(), strict=True)]
        assert hub.numbers() == list(range(1, BACKLOG + 1))
        return (
            f"{BACKLOG / seconds:.0f} events/s in {len(hub.told())} notifications; "
            f"CPU-ms an event: service {cpu[0]:.1f}, PostgreSQL {cpu[1]:.1f}, the hub {cpu[2]:.1f}"
        )

    async def rate(self, per_second: int) -> str:
        """So many referrals a second, each three Tasks: from the event to the hub's log."""
        hub = await self.subscribed("referral-progress", MOST)
        before = await self.pool.fetchval("SELECT count(*) FROM delivery WHERE event_id NOTNULL")
        count = per_second * SECONDS
        children = [await self.rig.child(hub) for _ in range(count)]
        heard: dict[str, float] = {}
        group = self.work()
        await asyncio.sleep(1)
        spent = self.spent()

        async def refer(child: Child, delay: float) -> None:
            await asyncio.sleep(delay)
            heard[str(child.task_id)] = time.time()
            for event in events_of(child, "referral-progress"):
                await self.rig.hear(event)

        begin = time.perf_counter()
        pace = enumerate(children)
        await asyncio.gather(*(refer(child, n / per_second) for n, child in pace))
        await self.told(before + count * VERSIONS)
        seconds = time.perf_counter() - begin
        await group.stop()
        cpu = [(b - a) * 1000 / count for a, b in zip(spent, self.spent(), strict=True)]
        first: dict[str, float] = {}
        for one in hub.told():
            at = datetime.fromisoformat(one["at"]).timestamp()
            for event in one["events"]:
                first.setdefault(event["focus"].rpartition("/")[2], at)
        times = [first[task] - at for task, at in heard.items()]
        return (
            f"{percentiles(times)} to the first of three, all told after {seconds:.1f} s in "
            f"{len(hub.told())} notifications; "
            f"CPU-ms of a referral: service {cpu[0]:.1f} with the hearing, "
            f"PostgreSQL {cpu[1]:.1f}, the hub {cpu[2]:.1f}"
        )


def events_of(child: Child, topic: str) -> list[Event]:
    if topic == "care-progress":
        return [session(child) for _ in range(VERSIONS)]
    return [task_changed(child, n) for n in range(1, VERSIONS + 1)]


async def main(server: Server, rates: tuple[int, ...]) -> None:
    async with AsyncExitStack() as stack:
        await run(server, "postgres", "CREATE DATABASE notifications")
        await migrate("notifications", server.dsn("notifications"))
        pool = await open_pool(server.dsn("notifications"))
        stack.callback(pool.terminate)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waypost-bench-")))
        bench = Bench(server, pool, stack.enter_context(Simulator("hub", home)))
        for topic, most in (
            ("referral-progress", 1),
            ("referral-progress", MOST),
            ("care-progress", 1),
        ):
            said = await bench.backlog(topic, most)
            print(f"{BACKLOG} waiting, {topic}, {most} at once: {said}", flush=True)
        for rate in rates:
            print(f"{rate} referrals a second: {await bench.rate(rate)}", flush=True)


if __name__ == "__main__":
    remember_missing("sniffio")  # as the service's process does
    settle()
    telemetry.provide(TracerProvider(), exported=False)
    server = Server(settings={})
    try:
        uvloop.run(main(server, tuple(map(int, sys.argv[1:])) or RATES))
    finally:
        server.stop()
