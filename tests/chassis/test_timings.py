"""What a process sums up of its own waiting, on the page that Prometheus reads."""

import re

import pytest

from services.chassis import consumer, timings
from services.chassis.clock import SystemClock
from services.chassis.db import Pool, acquired
from services.chassis.metrics import Metrics
from services.chassis.timings import Timing
from tests.chassis.rig import STREAMS, Rig, noted, record


@pytest.fixture(autouse=True)
def counted_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timings, "BATCHES", Timing())
    monkeypatch.setattr(timings, "POOL_WAITS", Timing())


async def page(pool: Pool) -> dict[str, float]:
    text = (await Metrics("scheduling", pool, SystemClock()).page()).decode()
    found = re.findall(r'^(\w+)\{service="scheduling"\} (\S+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_a_batch_and_the_waits_for_a_connection_are_counted_and_timed(
    pool: Pool, rig: Rig
) -> None:
    await consumer.receive(pool, rig.inbox, [record(noted(STREAMS[0], 1))])
    async with acquired(pool):
        pass

    shown = await page(pool)

    assert shown["waypost_batches_total"] == 1
    assert shown["waypost_batch_seconds_total"] == timings.BATCHES.seconds > 0
    assert shown["waypost_pool_waits_total"] == 3  # the batch, the block above, the page itself
    assert shown["waypost_pool_wait_seconds_total"] == timings.POOL_WAITS.seconds > 0


async def test_a_batch_that_fails_counts_too(pool: Pool, rig: Rig) -> None:
    pool.terminate()

    with pytest.raises(Exception, match="The database does not answer"):
        await consumer.receive(pool, rig.inbox, [record(noted(STREAMS[0], 1))])

    assert (timings.BATCHES.times, timings.POOL_WAITS.times) == (1, 2)
