"""Loops begin again whatever happens, and what is added is not left to the next poll."""

import asyncio
from contextlib import suppress

import detangle
import pytest

from services.chassis import loops, outbox, work
from services.chassis.clock import SystemClock
from services.chassis.db import Connection, Pool, on_commit, transaction
from services.chassis.health import Health
from services.chassis.work import Item, Worker
from tests.chassis.rig import NOW, STREAMS, Noted, Rig, applied, noted
from tests.chassis.waiting import until


async def test_a_part_that_fails_or_ends_begins_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loops, "PAUSE_SECONDS", 0.01)
    begun: list[int] = []

    async def part() -> None:
        begun.append(len(begun))
        if len(begun) == 1:
            raise ValueError("with a name in it")
        if len(begun) == 2:
            raise asyncio.CancelledError  # as aiokafka does, when it stops without its broker
        if len(begun) > 3:
            await asyncio.Event().wait()

    async def begins() -> int:
        return len(begun)

    status = Health()
    group = loops.Group(status, {"part": part})
    await until(begins, 4)
    assert status.parts == {"part": "running"}
    await group.stop()

    reasons = [getattr(record, "reason", "") for record in caplog.records]
    assert reasons == ["ValueError", "CancelledError", "ended"]
    assert "with a name in it" not in caplog.text


def test_a_part_works_for_most_of_the_time_between_outages_that_come_again_and_again() -> None:
    detangle.explore(four_seconds_there_and_two_away, runs=20, seed=1, database=False)


async def four_seconds_there_and_two_away() -> None:
    """PostgreSQL goes every six seconds, for two: as where something is broken for long."""
    loop, worked = asyncio.get_running_loop(), 0

    async def part() -> None:
        nonlocal worked
        while loop.time() % 6 < 4:
            await asyncio.sleep(0.1)
            worked += 1
        raise ConnectionError

    group = loops.Group(Health(), {"part": part})
    await asyncio.sleep(120)
    await group.stop()
    assert worked > 0.6 * 120 * 4 / 6 / 0.1, worked


async def test_an_event_wakes_the_relay_when_it_commits_and_not_before(pool: Pool) -> None:
    woken: list[str] = []
    event = Noted(youth_id=STREAMS[0].stream_id, n=1)
    with on_commit(pool, "event", lambda: woken.append("event")):
        async with transaction(pool) as conn:
            await outbox.append(conn, event, at=NOW)
            assert woken == []
        assert woken == ["event"]
        with suppress(ZeroDivisionError):
            async with transaction(pool) as conn:
                await outbox.append(conn, event, at=NOW)
                raise ZeroDivisionError
        async with transaction(pool) as conn:
            await conn.execute("SELECT 1")

    assert woken == ["event"]


async def test_an_event_that_met_a_lock_is_tried_again_before_the_next_poll(
    pool: Pool, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "RETRY_POLL_SECONDS", 1000)
    rig.deadlocks[(STREAMS[0], 1)] = 2  # with its batch, and by itself
    group = loops.Group(Health(), {"retry": lambda: loops.retry_due(pool, rig.inbox)})
    try:
        await asyncio.sleep(0.2)  # the loop has looked, found nothing and waits
        await rig.receive([noted(STREAMS[0], 1)])
        await until(lambda: applied(pool), {STREAMS[0]: [1]})
    finally:
        await group.stop()


async def test_work_that_is_added_is_done_at_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "WORK_POLL_SECONDS", 1000)
    done = asyncio.Event()

    async def remind(conn: Connection, item: Item) -> None:
        done.set()

    worker = Worker(pool)
    worker.inside["remind"] = remind
    group = loops.Group(Health(), loops.work_parts(worker, SystemClock()))
    try:
        await asyncio.sleep(0.2)  # the loop has looked, found nothing and waits
        async with transaction(pool) as conn:
            await work.add(conn, "remind", {}, due_at=SystemClock().now(), lane=None)
        async with asyncio.timeout(60):
            await done.wait()
    finally:
        await group.stop()
