"""How fast the first thread is: `python -m tests.benchmarks.thread`. Ratios and one run's figures.

A whole stack on this machine: seconds of `up` when prepared, idle memory, referrals a second at 16
connections with full validation beside the floor (the raw body into PostgreSQL), and the time from
a hub's POST to its notification at 20 referrals a second. Load, database and broker share the
machine: compare within one run. Where the time goes is read from the rows: when the event was
stored, published, and first tried for the hub.
"""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from deploy.demo.actors import World
from deploy.demo.backlog import Backlog
from deploy.demo.cast import Cast
from deploy.demo.children import HubOffice, bundle, children, member_of
from deploy.local.agency import AGENCY
from deploy.local.seed import payer_identifier
from deploy.local.stack import SERVICES, Addresses, Stack
from deploy.simulators.hub_client import FhirClient
from deploy.simulators.serving import ec_key

CONNECTIONS = 16
REFERRALS = 600
RATES = (2, 20)  # a second: what an idle machine does, and what the goal names
SECONDS = 15
LEGS = (
    "POST to the event's transaction",  # its begin: what it writes counts to the next leg
    "until marked as published",
    "until numbered for the hub",
    "until in the hub's log",
)
DRAIN_SECONDS = 600
DUE = "SELECT EXISTS (SELECT FROM work WHERE outcome IS NULL AND due_at <= now())"
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="waypost-bench-"))
    stack = Stack(home / "stack")
    try:
        stack.up()
        stack.down()
        begin = time.perf_counter()
        addresses = stack.up()
        print(f"up, prepared: {time.perf_counter() - begin:.1f} s")
        time.sleep(10)  # what is idle shows only when left alone
        memory(stack)
        asyncio.run(measure(stack, addresses))
    finally:
        stack.remove()
        shutil.rmtree(home, ignore_errors=True)


async def measure(stack: Stack, addresses: Addresses) -> None:
    world = World(addresses, run=str(uuid4()))
    cast = Cast(world, int(time.time()))
    await cast.subscribe()
    await intake(stack, world, cast)
    for per_second in RATES:
        await until_quiet(world)
        await notified(world, cast, per_second)
    await world.http.aclose()


def memory(stack: Stack) -> None:
    """What is resident, and its fair share: a page that four processes share counts a quarter."""
    found = {part.name: shares(stack.pid(part.name)) for part in parts(stack)}
    for name, (resident, share) in found.items():
        print(f"  {name:15} {resident:6.0f} MB resident, {share:4.0f} MB its share")
    for what, names in (("four services", SERVICES), ("all parts", found)):
        resident, share = (sum(found[name][i] for name in names) for i in (0, 1))
        print(f"idle, {what}: {resident:.0f} MB resident, {share:.0f} MB their share")


def parts(stack: Stack) -> list[Any]:
    return [part for part in stack.everything() if stack.pid(part.name)]


def tree(pid: int | None) -> Iterator[int]:
    """A process and all that it started."""
    if pid is None:
        return
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def shares(pid: int | None) -> tuple[float, float]:
    """Megabytes resident and proportional of a process and all that it started."""
    resident = share = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name, _, size = line.partition(":")
            resident += int(size.split()[0]) if name == "Rss" else 0
            share += int(size.split()[0]) if name == "Pss" else 0
    return resident / 1024, share / 1024


def cpu_seconds(stack: Stack, *names: str) -> float:
    """User and system time of parts, with the processes that they started and buried."""
    total = 0
    for pid in (pid for name in names for pid in tree(stack.pid(name))):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
        if pid in {stack.pid(name) for name in names}:
            total += int(fields[13]) + int(fields[14])
    return total / TICK


def submissions(world: World, office: HubOffice, count: int, seed: int) -> Iterator[Any]:
    now, payer = world.now(), payer_identifier()
    for start in range(0, count, 1000):
        for child in children(seed + start, [office], min(count - start, 1000), now.date()):
            yield (
                child,
                bundle(child, agency_npi=AGENCY["AGENCY_NPI"], payer=payer, now=now),
            )


async def intake(stack: Stack, world: World, cast: Cast) -> None:
    """Referrals as fast as 16 connections carry them, and what each costs."""
    office = cast.offices[0]
    sent = list(submissions(world, office, REFERRALS, cast.seed))
    await world.payer("members", [member_of(child, world.now().date()) for child, _ in sent])
    bodies = [json.dumps(body).encode() for _, body in sent]
    floor = await raw_inserts(world, bodies)
    client = client_of(world, office.name)
    queue, times = list(bodies), list[float]()
    before = cpu_seconds(stack, "referral", "postgres")
    begin = time.perf_counter()

    async def send() -> None:
        while queue:
            body, start = queue.pop(), time.perf_counter()
            await insisted(client, body)
            times.append(time.perf_counter() - start)

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    seconds = time.perf_counter() - begin
    spent = cpu_seconds(stack, "referral", "postgres") - before
    size = sum(map(len, bodies)) / len(bodies) / 1024
    print(
        f"intake: {len(times) / seconds:.0f} referrals/s of {size:.1f} KiB, {percentiles(times)}; "
        f"{spent / len(times) * 1000:.1f} CPU-ms each, referral and PostgreSQL, all their work; "
        f"{len(times) / seconds / floor:.2f} of the floor of {floor:.0f}/s"
    )


async def until_quiet(world: World) -> None:
    """Wait until what was sent before has taken its effect, so that nothing queues behind it."""
    begin = time.perf_counter()
    async with Backlog(world.at.dsn) as backlog:
        if not await backlog.drained(seconds=DRAIN_SECONDS):
            raise SystemExit(f"The backlog was not drained within {DRAIN_SECONDS} s.")
        while any([await base.fetchval(DUE) for base in backlog.databases.values()]):
            await asyncio.sleep(0.5)
            if time.perf_counter() - begin > DRAIN_SECONDS:
                raise SystemExit(f"There was work left to do after {DRAIN_SECONDS} s.")
    print(f"(what was sent before took its effect {time.perf_counter() - begin:.0f} s later)")


async def insisted(client: FhirClient, body: bytes) -> Any:
    """Send until it is taken in, as a hub does that is told "not now"; the time counts."""
    while (answer := await client.ask("POST", "", body=body)).status == 503:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert answer.status == 200, answer
    return answer


async def raw_inserts(world: World, bodies: list[bytes]) -> float:
    """The floor: each body in a transaction of its own, over as many connections."""
    pool = await asyncpg.create_pool(world.at.dsn["notifications"], max_size=CONNECTIONS)
    await pool.execute("CREATE TABLE raw_body (id serial PRIMARY KEY, bytes bytea NOT NULL)")
    queue = list(bodies)

    async def put() -> None:
        while queue:
            await pool.execute("INSERT INTO raw_body (bytes) VALUES ($1)", queue.pop())

    begin = time.perf_counter()
    await asyncio.gather(*(put() for _ in range(CONNECTIONS)))
    seconds = time.perf_counter() - begin
    await pool.execute("DROP TABLE raw_body")
    await pool.close()
    return len(bodies) / seconds


async def notified(world: World, cast: Cast, per_second: int) -> None:
    """From the POST to the first notification of its Task in the hub's own log, and its legs."""
    office = cast.offices[1]
    seed = cast.seed + 50_000 * per_second
    sent = list(submissions(world, office, per_second * SECONDS, seed))
    await world.payer("members", [member_of(child, world.now().date()) for child, _ in sent])
    client, posted, answered = client_of(world, office.name), dict[str, float](), list[float]()

    async def post(body: Any, delay: float) -> None:
        await asyncio.sleep(delay)
        start = time.time()
        answer = await insisted(client, json.dumps(body).encode())
        answered.append(time.time() - start)
        for entry in answer.body["entry"]:
            kind, _, place = entry["response"].get("location", "").partition("/")
            if kind == "Task":
                posted[place.partition("/")[0]] = start

    await asyncio.gather(*(post(body, n / per_second) for n, (_, body) in enumerate(sent)))
    heard: dict[str, float] = {}
    while len(heard) < len(posted):
        await asyncio.sleep(1)
        for entry in await world.hub_log(office.name):
            at = datetime.fromisoformat(entry["at"]).timestamp()
            for event in entry.get("events", ()):
                task = event["focus"].rpartition("/")[2]
                if task in posted:
                    heard[task] = min(at, heard.get(task, at))
    times = [heard[task] - start for task, start in posted.items()]
    print(f"POST to notified, {per_second}/s: {percentiles(times)}; answer {percentiles(answered)}")
    for name, leg in (await legs(world, posted, heard)).items():
        print(f"  {name:32} {percentiles(leg)}")


async def legs(
    world: World, posted: Mapping[str, float], heard: Mapping[str, float]
) -> dict[str, list[float]]:
    """Of each referral, from one row to the next: what its first notification waited for."""
    tried = dict[str, tuple[UUID, float]]()
    notifications = await asyncpg.connect(world.at.dsn["notifications"])
    for row in await notifications.fetch(
        """
        SELECT DISTINCT ON (f.value ->> 'id') f.value ->> 'id' AS task, d.event_id,
               extract(epoch FROM d.tried_since)::float AS at
          FROM delivery d, jsonb_array_elements(d.focus) f
         WHERE d.tried_since IS NOT NULL
         ORDER BY 1, d.tried_since
        """
    ):
        tried[row["task"]] = row["event_id"], row["at"]
    await notifications.close()
    referral = await asyncpg.connect(world.at.dsn["referral"])
    rows = await referral.fetch(
        """
        SELECT event_id, extract(epoch FROM stored_at)::float AS stored,
               extract(epoch FROM published_at)::float AS published
          FROM event
        """
    )
    await referral.close()
    events = {row["event_id"]: (row["stored"], row["published"]) for row in rows}
    found: dict[str, list[float]] = {}
    for task, start in posted.items():
        event, first = tried[task]
        stored, published = events[event]
        moments = (start, stored, published, first, heard[task])
        for name, (since, until) in zip(LEGS, pairwise(moments), strict=True):
            found.setdefault(name, []).append(until - since)
    return found


def client_of(world: World, hub: str) -> FhirClient:
    folder = Path(world.at.home) / "hub" / hub
    configuration = json.loads((folder / "configuration.json").read_text())
    limits = httpx.Limits(max_connections=CONNECTIONS * 4)
    http = httpx.AsyncClient(timeout=60, trust_env=False, limits=limits)
    return FhirClient(http, ec_key(folder / "key.json"), configuration)


def percentiles(times: list[float]) -> str:
    cuts = quantiles(times, n=100)
    return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"


if __name__ == "__main__":
    main()
