"""A consumer cut off from its database, reset, stalled or slowed: each event counts once."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest

from services.chassis.db import Pool, open_pool
from services.chassis.envelope import Envelope
from tests.chassis.rig import STREAMS, Rig, applied, noted
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


async def put_through(rig: Rig, batch: list[Envelope]) -> None:
    """As the consumer does: what was not applied for certain comes again; no try hangs."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with asyncio.timeout(LONG_SECONDS):
                    return await rig.receive(batch)
            except Exception:
                await asyncio.sleep(0.05)
