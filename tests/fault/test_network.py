"""A consumer cut off from its database, reset, stalled or slowed: each event counts once."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from services.chassis.db import AWAY, Connection, Pool, open_pool
from services.chassis.envelope import Envelope
from services.chassis.inbox import EVENT_SECONDS
from tests.chassis.rig import STREAMS, Noted, Rig, applied, noted, waiting
from tests.chassis.waiting import until
from tests.fault.proxy import Proxy, proxy_to
from tests.postgres import Server

BATCHES = 30
LONG_SECONDS = 10.0  # what a call may take at most: acquire, transaction, and a loaded machine

Fault = Callable[[Proxy], None]


def slow(proxy: Proxy) -> None:
    proxy.delay_seconds = 0.05


@pytest.fixture
async def proxied(server: Server, pool: Pool) -> AsyncIterator[tuple[Proxy, Pool]]:
    """The database of `pool` behind a proxy, and a pool that goes through it."""
    async with proxy_to(server.port) as proxy:
        dsn = re.sub(r":\d+/", f":{proxy.port}/", server.dsn("one"))
        through = await open_pool(dsn)
        yield proxy, through
        proxy.heal()
        through.terminate()


@pytest.mark.parametrize("fault", [Proxy.reset, Proxy.cut, Proxy.stall, slow])
async def test_a_consumer_whose_database_is_out_of_reach_applies_each_event_once(
    pool: Pool, proxied: tuple[Proxy, Pool], fault: Fault
) -> None:
    proxy, through = proxied
    rig = Rig(through)
    history = [[noted(s, n) for s in STREAMS] for n in range(1, BATCHES + 1)]

    async def trouble() -> None:
        for _ in range(3):
            await asyncio.sleep(0.1)
            fault(proxy)
            await asyncio.sleep(0.5)
            proxy.heal()

    troubled = asyncio.create_task(trouble())
    for batch in history:
        await put_through(rig, batch)
    await troubled

    assert await applied(pool) == {s: list(range(1, BATCHES + 1)) for s in STREAMS}


class StallsOnce(Rig):
    """After its handler has done its part, nothing comes through for longer than it may take."""

    stalled: Proxy | None = None

    async def note(self, conn: Connection, event: Noted) -> None:
        await super().note(conn, event)
        if proxy := self.stalled:
            self.stalled = None
            proxy.stall()
            asyncio.get_running_loop().call_later(EVENT_SECONDS * 1.5, proxy.heal)


async def test_an_event_that_was_done_in_time_is_not_done_again_because_its_savepoint_was_late(
    pool: Pool, proxied: tuple[Proxy, Pool]
) -> None:
    proxy, through = proxied
    rig, stream = StallsOnce(through), STREAMS[0]
    rig.poison.add((stream, 1))
    await rig.receive([noted(stream, 1)])  # refused: from now on it is tried behind a savepoint
    rig.poison.clear()

    rig.stalled = proxy
    with suppress(*AWAY):
        await rig.inbox.retry(through, stream)

    async def left() -> int:
        """Try whatever is left to do, as the clock would."""
        with suppress(*AWAY):
            await rig.inbox.retry(through, stream)
        return len(await waiting(pool))

    await until(left, 0)
    assert await applied(pool) == {stream: [1]}


async def put_through(rig: Rig, batch: list[Envelope]) -> None:
    """As the consumer does: what was not applied for certain comes again; no try hangs."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with asyncio.timeout(LONG_SECONDS):
                    return await rig.receive(batch)
            except Exception:
                await asyncio.sleep(0.05)
