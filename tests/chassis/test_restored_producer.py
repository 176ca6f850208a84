"""A producer restored from an older copy: what it says waits until a person has looked."""

from uuid import UUID

import pytest

from services.chassis.catch_up import CatchUp
from services.chassis.db import Pool
from services.chassis.envelope import Stream
from tests.chassis.rig import STREAMS, Rig, applied, noted, retold, waiting
from tests.chassis.story import Owner
from tests.conftest import OpenDatabase

FIRST, SECOND = STREAMS[:2]


@pytest.fixture
async def owner(open_database: OpenDatabase) -> Owner:
    return Owner(await open_database("two"))


async def frozen(pool: Pool) -> dict[UUID, str]:
    rows = await pool.fetch("SELECT * FROM inbox_cursor WHERE frozen IS NOT NULL")
    return {row["stream_id"]: row["frozen"] for row in rows}


async def test_a_repeat_is_no_reused_number(pool: Pool, rig: Rig) -> None:
    await rig.receive([noted(FIRST, 1), noted(FIRST, 3)])
    await rig.receive([noted(FIRST, 1), noted(FIRST, 3)])

    assert await frozen(pool) == {}


async def test_a_number_reused_at_the_cursor_freezes_its_stream_only(
    pool: Pool, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.receive([noted(FIRST, 1)])

    await rig.receive([retold(noted(FIRST, 1)), noted(FIRST, 2), noted(SECOND, 1)])

    assert await frozen(pool) == {FIRST.stream_id: "number-reused"}
    assert caplog.messages == ["stream-frozen"]
    assert await applied(pool) == {FIRST: [1], SECOND: [1]}
    assert await waiting(pool) == [(2, None)]


async def test_a_number_reused_by_a_waiting_event_freezes_its_stream(pool: Pool, rig: Rig) -> None:
    await rig.receive([noted(FIRST, 3)])

    await rig.receive([retold(noted(FIRST, 3))])

    assert await frozen(pool) == {FIRST.stream_id: "number-reused"}


async def test_a_number_told_twice_in_one_batch_freezes_before_either_is_applied(
    pool: Pool, rig: Rig
) -> None:
    await rig.receive([noted(FIRST, 1), retold(noted(FIRST, 1))])

    assert await frozen(pool) == {FIRST.stream_id: "number-reused"}
    assert await applied(pool) == {}


async def test_the_clock_and_a_retry_leave_a_frozen_stream_alone_and_a_thaw_goes_on(
    pool: Pool, rig: Rig
) -> None:
    await rig.receive([noted(FIRST, 1), retold(noted(FIRST, 1))])
    await rig.receive([noted(FIRST, 2)])

    assert await rig.inbox.retry_due(pool) == 0
    await rig.inbox.retry(pool, FIRST)
    assert await applied(pool) == {}

    await rig.inbox.thaw(pool, FIRST, after=0, told=[noted(FIRST, 1), noted(FIRST, 2)])
    assert await applied(pool) == {FIRST: [1, 2]}


async def test_a_thaw_goes_on_from_where_both_histories_part_and_forgets_what_waits_of_the_other(
    pool: Pool, rig: Rig
) -> None:
    await rig.receive([noted(FIRST, n) for n in (1, 2, 3, 6)])
    await rig.receive([retold(noted(FIRST, 3))])

    await rig.inbox.thaw(pool, FIRST, after=1, told=[retold(noted(FIRST, 2))])
    await rig.receive([noted(FIRST, n) for n in (1, 2)])  # what Kafka may bring again

    assert await applied(pool) == {FIRST: [1, 2, 3, 2]}
    assert await waiting(pool) == []


async def test_a_thaw_never_takes_a_cursor_beyond_what_was_applied(pool: Pool, rig: Rig) -> None:
    await rig.receive([noted(FIRST, 1), retold(noted(FIRST, 1))])

    await rig.inbox.thaw(pool, FIRST, after=3, told=[])
    await rig.receive([noted(FIRST, 1)])

    assert await applied(pool) == {FIRST: [1]}


async def test_what_comes_again_after_a_thaw_is_no_reused_number(pool: Pool, rig: Rig) -> None:
    await rig.receive([noted(FIRST, 1), noted(FIRST, 2)])
    await rig.receive([retold(noted(FIRST, 2))])

    await rig.inbox.thaw(pool, FIRST, after=1, told=[])
    await rig.receive([noted(FIRST, 1)])

    assert await frozen(pool) == {}


async def test_a_cursor_ahead_of_its_head_freezes(
    pool: Pool, rig: Rig, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    await owner.append(FIRST)
    await owner.append(SECOND)
    await rig.receive([noted(FIRST, 1), noted(FIRST, 2), noted(SECOND, 1)])

    await CatchUp(pool, rig.inbox, "referral", owner).look()

    assert await frozen(pool) == {FIRST.stream_id: "cursor-ahead"}
    assert caplog.messages == ["stream-frozen"]


async def test_a_stream_that_its_producer_lost_from_its_first_event_on_freezes(
    pool: Pool, rig: Rig, owner: Owner
) -> None:
    await owner.append(SECOND)
    await rig.receive([noted(FIRST, 1), noted(SECOND, 1)])

    await CatchUp(pool, rig.inbox, "referral", owner).look()

    assert await frozen(pool) == {FIRST.stream_id: "cursor-ahead"}


async def test_many_streams_that_were_lost_are_asked_for_together(
    pool: Pool, rig: Rig, owner: Owner
) -> None:
    lost = [Stream(UUID(int=n), "referral") for n in range(100, 130)]
    await rig.receive([noted(stream, 1) for stream in lost])

    await CatchUp(pool, rig.inbox, "referral", owner).look()

    assert set(await frozen(pool)) == {stream.stream_id for stream in lost}
    assert owner.asked == 2  # questions, of twenty streams each


async def test_what_was_told_anew_beyond_a_cursor_is_not_put_on_top_of_what_is_gone(
    pool: Pool, rig: Rig, owner: Owner
) -> None:
    """The restored producer has overtaken us, and Kafka did not bring what would have shown it."""
    await rig.receive([noted(FIRST, 1), noted(FIRST, 2)])
    for _ in range(3):
        await owner.append(FIRST)
    catch_up = CatchUp(pool, rig.inbox, "referral", owner, patience=0)

    await catch_up.look()
    await catch_up.round()

    assert await applied(pool) == {FIRST: [1, 2]}
    assert await frozen(pool) == {FIRST.stream_id: "number-reused"}


async def test_a_frozen_stream_is_said_once_and_keeps_its_first_reason(
    pool: Pool, rig: Rig, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    await owner.append(FIRST)
    await rig.receive([noted(FIRST, 1), noted(FIRST, 2)])
    catch_up = CatchUp(pool, rig.inbox, "referral", owner)

    for _ in range(3):
        await catch_up.look()
        await rig.receive([retold(noted(FIRST, 2))])

    assert caplog.messages == ["stream-frozen"]
    assert await frozen(pool) == {FIRST.stream_id: "cursor-ahead"}


async def test_a_stream_that_moved_on_while_we_asked_is_not_frozen(
    pool: Pool, rig: Rig, owner: Owner
) -> None:
    class Slow(Owner):
        async def heads(self, since: int) -> tuple[int, dict[UUID, int]]:
            answer = await super().heads(since)
            await self.append(FIRST)
            await rig.receive(await self.events({FIRST: 0}))
            return answer

    await owner.append(FIRST)

    await CatchUp(pool, rig.inbox, "referral", Slow(owner.pool)).look()

    assert await applied(pool) == {FIRST: [1, 2]}
    assert await frozen(pool) == {}


async def test_a_log_that_became_shorter_is_compared_whole(
    pool: Pool, rig: Rig, owner: Owner
) -> None:
    class Time:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    clock = Time()
    catch_up = CatchUp(pool, rig.inbox, "referral", owner, clock=clock)
    for _ in range(3):
        await owner.append(FIRST)
    await rig.receive(await owner.events({FIRST: 0}))
    for _ in range(3):  # until its bound is settled
        await catch_up.look()
        clock.now += 40

    await owner.pool.execute("DELETE FROM event WHERE sequence > 1")
    await owner.pool.execute("UPDATE stream SET last_sequence = 1")
    await catch_up.look()

    assert await frozen(pool) == {FIRST.stream_id: "cursor-ahead"}
