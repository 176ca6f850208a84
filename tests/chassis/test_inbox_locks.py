"""Cursors are locked in one order by everybody, whatever order a batch has: so none deadlocks."""

import asyncio
from uuid import UUID

from services.chassis import inbox_store
from services.chassis.db import Pool
from services.chassis.envelope import Stream
from tests.chassis.rig import STREAMS
from tests.chassis.waiting import until

FIRST, LAST = STREAMS[0], STREAMS[-1]
AT = """
    SELECT last_sequence FROM inbox_cursor
     WHERE consumer = 'scheduling' AND stream_id = $1 FOR UPDATE NOWAIT
"""


async def test_a_batch_takes_the_cursors_in_order_though_its_events_come_in_another(
    pool: Pool,
) -> None:
    """Who waits for the first cursor must not hold the last one: another may hold the first and
    want the last, and then neither could go on."""
    await lock(pool, [FIRST, LAST])
    async with pool.acquire() as holder, holder.transaction():
        await holder.fetchval(AT, FIRST.stream_id)
        other = asyncio.create_task(lock(pool, [LAST, FIRST]))
        await until(lambda: waits_for_a_lock(pool), True)

        found = await holder.fetchval(AT, LAST.stream_id)

    assert found == 0
    await other


async def test_two_consumers_in_opposite_order_never_deadlock(pool: Pool) -> None:
    streams = [Stream(UUID(int=n), "referral") for n in range(1, 201)]
    await lock(pool, streams)

    for _ in range(10):
        await asyncio.gather(lock(pool, streams), lock(pool, streams[::-1]))


async def lock(pool: Pool, streams: list[Stream]) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL lock_timeout = '20s'")  # a deadlock is found after one
        await inbox_store.lock_cursors(conn, "scheduling", streams)


async def waits_for_a_lock(pool: Pool) -> bool:
    found: bool = await pool.fetchval(
        """
        SELECT EXISTS (SELECT FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock')
        """
    )
    return found
