"""Who has a lane in hand goes on with it; nobody waits for a poll, and nobody loses a place."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.chassis import lanes, loops, work
from services.chassis.clock import SystemClock
from services.chassis.db import Connection, Pool, transaction
from services.chassis.health import Health
from services.chassis.work import Call, Item, Worker
from tests.chassis.rig import NOW

OPEN = "SELECT count(*) FROM work WHERE outcome IS NULL"


class Partner:
    """Another system, and what came of asking it; rows named in `refused` are to be asked again."""

    def __init__(self, pool: Pool) -> None:
        self.worker = Worker(pool, "a")
        self.worker.calls["tell"] = Call(self.read, self.ask, self.record)
        self.asked: list[Any] = []
        self.done: list[int] = []
        self.refused: set[int] = set()
        self.along: dict[int, list[int]] = {}  # by row: what is done with it, fixed when first read
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def read(self, conn: Connection, item: Item) -> Mapping[str, Any]:
        return item.payload

    async def read_along(self, conn: Connection, item: Item) -> Mapping[str, Any]:
        """As `read`, for who does up to three at once."""
        behind = await lanes.list_behind(conn, item, now=NOW, most=2)
        self.along.setdefault(item.payload["n"], [one.payload["n"] for one in behind])
        return item.payload

    async def ask(self, facts: Any) -> int:
        self.asked.append(facts["n"])
        await self.go_on.wait()
        return int(facts["n"])

    async def record(self, conn: Connection, item: Item, n: int) -> None:
        if n in self.refused:
            await work.again(conn, item, after=timedelta(minutes=1), reason="refused")
            return
        self.done.append(n)
        if along := self.along.get(n):
            self.done += along
            await lanes.finish_behind(conn, item, "n", list(map(str, along)))

    def takes_along(self) -> "Partner":
        self.worker.calls["tell"] = Call(self.read_along, self.ask, self.record)
        return self

    async def run_lane(self, item: Item | None) -> None:
        assert item
        async with asyncio.timeout(120):
            await self.worker.run_lane(item, lambda: NOW)


@pytest.fixture
def partner(pool: Pool) -> Partner:
    return Partner(pool)


async def add(
    pool: Pool, n: int, *, lane: str | None = "hub/1", kind: str = "tell", at: datetime = NOW
) -> None:
    async with transaction(pool) as conn:
        await work.add(conn, kind, {"n": n}, due_at=at, lane=lane)


@asynccontextmanager
async def running(worker: Worker, *, most: int = 4) -> AsyncIterator[None]:
    group = loops.Group(Health(), loops.work_parts(worker, SystemClock(), most))
    try:
        yield
    finally:
        await group.stop()


async def until(found: list[int], wanted: list[int]) -> None:
    async with asyncio.timeout(120):
        while found != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_lane_is_gone_on_with_until_its_end(pool: Pool, partner: Partner) -> None:
    for n in range(1, 5):
        await add(pool, n)
    await add(pool, 9, lane="hub/2")

    await partner.run_lane(await partner.worker.claim_call(NOW))

    assert partner.done == [1, 2, 3, 4]
    assert await pool.fetchval("SELECT max(attempts) FROM work") == 1


async def test_what_is_in_no_lane_has_nothing_behind_it(pool: Pool, partner: Partner) -> None:
    await add(pool, 1, lane=None)
    await add(pool, 2, lane=None)

    await partner.run_lane(await partner.worker.claim_call(NOW))

    assert partner.done == [1]


async def test_a_row_that_is_to_be_asked_again_holds_its_lane(pool: Pool, partner: Partner) -> None:
    for n in (1, 2, 3):
        await add(pool, n)
    partner.refused = {2}

    await partner.run_lane(await partner.worker.claim_call(NOW))

    assert partner.asked == [1, 2]
    assert not await partner.worker.run_one(now=NOW)


@pytest.mark.parametrize("why", ["later", "of another kind", "in hand", "locked"])
async def test_a_row_that_may_not_be_taken_now_ends_it(
    pool: Pool, partner: Partner, why: str
) -> None:
    later = why == "later"
    await add(pool, 1)
    await add(
        *(pool, 2),
        at=NOW + timedelta(hours=1) if later else NOW,
        kind="other" if why == "of another kind" else "tell",
    )
    await add(pool, 3)
    if why == "in hand":
        lease = "UPDATE work SET lease_until = now() + interval '1 minute' WHERE payload @> $1"
        await pool.execute(lease, {"n": 2})
    item = await partner.worker.claim_call(NOW)
    async with transaction(pool) as other:
        if why == "locked":  # and not marked, as it may be: else `finish` would wait for it, too
            await pool.execute("UPDATE work SET behind = false WHERE payload @> $1", {"n": 2})
            await other.execute("SELECT FROM work WHERE payload @> $1 FOR UPDATE", {"n": 2})
        await partner.run_lane(item)

    assert partner.done == [1]
    assert await pool.fetchval(OPEN) == 2
    assert await pool.fetchval("SELECT sum(attempts) FROM work") == 1


async def test_a_worker_killed_in_the_middle_of_a_lane_repeats_one_and_loses_none(
    pool: Pool, partner: Partner
) -> None:
    for n in (1, 2, 3):
        await add(pool, n)
    item = await partner.worker.claim_call(NOW)
    task = asyncio.create_task(partner.run_lane(item))
    await until(partner.done, [1, 2, 3])
    await task
    for n in (4, 5, 6):
        await add(pool, n)
    partner.go_on.clear()
    item = await partner.worker.claim_call(NOW)
    task = asyncio.create_task(partner.run_lane(item))
    await until(partner.asked, [1, 2, 3, 4])
    partner.go_on.set()
    partner.go_on.clear()
    await until(partner.asked, [1, 2, 3, 4, 5])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    partner.go_on.set()

    assert not await partner.worker.run_one(now=NOW)  # the lease of the fifth
    await partner.worker.take_back()
    await partner.run_lane(await partner.worker.claim_call(NOW))

    assert partner.done == [1, 2, 3, 4, 5, 6]
    assert partner.asked == [1, 2, 3, 4, 5, 5, 6]


async def test_what_was_answered_counts_though_the_next_cannot_be_read(
    pool: Pool, partner: Partner
) -> None:
    for n in (1, 2):
        await add(pool, n)
    readable = partner.read

    async def unreadable(conn: Connection, item: Item) -> Mapping[str, Any]:
        if item.payload["n"] == 2:
            await conn.execute("SELECT no_such_column")
        return await readable(conn, item)

    partner.worker.calls["tell"] = Call(unreadable, partner.ask, partner.record)
    await partner.run_lane(await partner.worker.claim_call(NOW))
    assert await pool.fetchval(OPEN) == 1
    assert await partner.worker.run_one(now=NOW)  # it is found and put off by itself

    assert partner.asked == [1]
    assert await pool.fetchval("SELECT reason FROM work WHERE outcome IS NULL") == (
        "UndefinedColumnError"
    )


async def test_an_answer_after_the_lease_takes_nothing_further(
    pool: Pool, partner: Partner
) -> None:
    for n in (1, 2):
        await add(pool, n)
    partner.go_on.clear()
    task = asyncio.create_task(partner.run_lane(await partner.worker.claim_call(NOW)))
    await until(partner.asked, [1])
    await pool.execute("UPDATE work SET lease_until = now() - interval '1 second'")
    successor = Partner(pool)
    await successor.run_lane(await successor.worker.claim_call(NOW))
    partner.go_on.set()
    await task

    assert (partner.done, successor.done) == ([], [1, 2])


async def test_one_place_serves_lanes_in_turn(pool: Pool, partner: Partner) -> None:
    """A hub with a long backlog does not keep a place while another waits for one."""
    for n in (1, 2, 3):
        await add(pool, n, lane="hub/1", at=NOW + timedelta(seconds=n * 10))
        await add(pool, -n, lane="hub/2", at=NOW + timedelta(seconds=n * 10 + 1))

    async with running(partner.worker, most=1):
        await until(partner.done, [1, -1, 2, -2, 3, -3])


async def test_nobody_waits_for_a_poll_while_a_lane_has_more(
    pool: Pool, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "WORK_POLL_SECONDS", 1000)
    monkeypatch.setattr(loops, "LANES_SECONDS", 1000)
    for n in range(1, 4):
        await add(pool, n)

    async with running(partner.worker):
        await until(partner.done, [1, 2, 3])


async def test_a_row_that_was_added_while_its_predecessor_ended_is_done_at_once(
    pool: Pool, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was marked as behind of what is over by now; no look once a second has to find it."""
    monkeypatch.setattr(loops, "WORK_POLL_SECONDS", 1000)
    monkeypatch.setattr(loops, "LANES_SECONDS", 1000)
    partner.go_on.clear()
    async with running(partner.worker):
        await add(pool, 1)
        await until(partner.asked, [1])
        async with transaction(pool) as conn:
            await work.add(conn, "tell", {"n": 2}, due_at=NOW, lane="hub/1")
            partner.go_on.set()
            await until(partner.done, [1])  # in a transaction that does not see the second
            async with asyncio.timeout(120):
                while await pool.fetchval(OPEN):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await until(partner.done, [1, 2])


async def test_a_row_whose_mark_was_late_is_done_at_once(
    pool: Pool, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the row is there before its predecessor's end is committed."""
    monkeypatch.setattr(loops, "WORK_POLL_SECONDS", 1000)
    monkeypatch.setattr(loops, "LANES_SECONDS", 1000)
    second_is_there, looked = asyncio.Event(), list[int]()
    record, bring_forward = partner.record, partner.worker.bring_forward

    async def slowly(conn: Connection, item: Item, n: int) -> None:
        await record(conn, item, n)
        if n == 1:
            await second_is_there.wait()

    async def look() -> int:
        looked.append(await bring_forward())
        return looked[-1]

    monkeypatch.setattr(partner.worker, "calls", {"tell": Call(partner.read, partner.ask, slowly)})
    monkeypatch.setattr(partner.worker, "bring_forward", look)
    async with running(partner.worker, most=1):  # so that the lane is not gone on with
        await add(pool, 1)
        await until(partner.done, [1])
        looked.clear()
        await add(pool, 2)  # `finish` has looked for it already
        await until(looked, [0])  # and so have they who look after what is behind
        second_is_there.set()
        await until(partner.done, [1, 2])
