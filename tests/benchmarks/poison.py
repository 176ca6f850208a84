"""What the healthy notice of one poisoned event in a hundred: `-m tests.benchmarks.poison`.

A hundred youths, as many events a second as is said, without Kafka. First nobody is sick; then of
five youths every fifth event fails when it is first tried, as TypeError, TimeoutError,
FileNotFoundError, deadlock or a lock that is not had; then the row of the last is locked all the
while besides, and each try lasts as long as a lock may. The clock tries again as in a service, and
a person each second. `[seconds] [events a second]`.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.chassis import loops
from services.chassis.db import Connection, Pool, open_pool
from services.chassis.envelope import Envelope, Stream
from tests.chassis.rig import Rig, noted, refused_streams
from tests.chassis.test_poison import LOCK, POISON, SICK, YOUTHS, held, ids
from tests.conftest import make_template, run
from tests.postgres import Server

DATABASE = "template_kernel"
POLL_SECONDS = 0.02  # what arrives meanwhile is one batch
EVERY = 5  # of a sick youth's events one is poison
TRIES = 2  # that fail: with its batch, and once more behind a savepoint
LOCKED = next(stream for stream, kind in SICK.items() if kind == "LockNotAvailableError")
PHASES = {
    "nobody sick": (False, False),
    "1 % fail": (True, False),
    "and a locked row": (True, True),
}


@dataclass
class Phase:
    """One run of a consumer; `seconds` are those from an event's arrival to its commit."""

    pool: Pool
    poisoned: bool
    locked: bool
    seconds: list[float] = field(default_factory=list)
    tries: Counter[tuple[Stream, int]] = field(default_factory=Counter)
    told: int = 0

    def __post_init__(self) -> None:
        self.rig = Rig(self.pool)
        self.rig.touch = self.fail  # type: ignore[method-assign]
        self.at = dict.fromkeys(YOUTHS, 0)

    async def fail(self, conn: Connection, event: Envelope) -> None:
        place, kind = (event.stream, event.sequence), SICK.get(event.stream)
        if self.locked and event.stream == LOCKED:
            await conn.execute(LOCK, event.stream.stream_id)
        elif self.poisoned and kind and event.sequence % EVERY == 0 and self.tries[place] < TRIES:
            self.tries[place] += 1
            await POISON[kind](conn, event.stream)

    async def consume(self, seconds: float, per_second: float) -> None:
        chance, begin, arrived = random.Random(7), time.perf_counter(), list[Envelope]()
        came = list[float]()
        while (now := time.perf_counter()) < begin + seconds:
            while self.told < (now - begin) * per_second:
                stream = chance.choice(YOUTHS)
                self.at[stream] += 1
                arrived.append(noted(stream, self.at[stream]))
                came.append(begin + self.told / per_second)
                self.told += 1
            if arrived:
                await self.rig.receive(arrived)
                done = time.perf_counter()
                pairs = zip(arrived, came, strict=True)
                self.seconds += [done - at for event, at in pairs if event.stream not in SICK]
                arrived, came = [], []
            await asyncio.sleep(POLL_SECONDS)

    async def help(self) -> None:
        """A person who retries all that stands still."""
        while True:
            await asyncio.sleep(1)
            for stream in await refused_streams(self.pool):
                if not self.locked or stream != LOCKED:
                    await self.rig.inbox.retry(self.pool, stream)

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(loops.retry_due(self.pool, self.rig.inbox)),
            asyncio.create_task(self.help()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def of(self, share: float) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * share)] * 1000

    def __str__(self) -> str:
        return (
            f"{self.told} events, {len(self.tries)} poison: healthy p50 {self.of(0.5):.1f} ms,"
            f" p99 {self.of(0.99):.1f} ms, longest {max(self.seconds) * 1000:.0f} ms"
        )


async def main(server: Server, seconds: float, per_second: float) -> None:
    await make_template(server)
    await run(server, DATABASE, "CREATE TABLE chart (stream_id uuid)")
    pool = await open_pool(server.dsn(DATABASE))
    await pool.execute("INSERT INTO chart SELECT unnest($1::uuid[])", ids(YOUTHS))
    usual = 0.0
    for name, kinds in PHASES.items():
        await pool.execute("TRUNCATE inbox_cursor, inbox_waiting, effect")
        phase = Phase(pool, *kinds)
        async with held(server, ids(SICK), DATABASE), phase.beside():
            await phase.consume(seconds, per_second)
        usual = usual or phase.of(0.99)
        print(f"{name}: {phase}; p99 {phase.of(0.99) / usual:.2f} of the first", flush=True)
    await pool.close()


if __name__ == "__main__":
    given = [float(one) for one in sys.argv[1:]]
    server = Server()
    try:
        asyncio.run(main(server, *(given + [120.0, 200.0][len(given) :])))
    finally:
        server.stop()
