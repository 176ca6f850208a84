"""What follows a row in hand in its lane may be done, and ends, along with it; never otherwise."""

import asyncio
from datetime import timedelta

import pytest

from services.chassis import loops, work
from services.chassis.db import Connection, Pool, transaction
from services.chassis.work import Call, Item
from tests.chassis.rig import NOW
from tests.chassis.test_lanes import OPEN, Partner, add, running, until


@pytest.fixture
def partner(pool: Pool) -> Partner:
    return Partner(pool).takes_along()


async def test_what_is_done_along_ends_with_the_row_in_hand_and_the_next_is_taken(
    pool: Pool, partner: Partner
) -> None:
    for n in range(1, 8):
        await add(pool, n)
    await add(pool, 9, lane="hub/2")

    await partner.run_lane(await partner.worker.claim_call(NOW))

    assert partner.asked == [1, 4, 7]
    assert partner.done == [1, 2, 3, 4, 5, 6, 7]
    assert await pool.fetchval(OPEN) == 1
    attempted = "SELECT array_agg(attempts ORDER BY id) FROM work"
    assert await pool.fetchval(attempted) == [1, 0, 0, 1, 0, 0, 1, 0]


async def test_the_next_after_what_was_done_along_is_found_by_who_looks_for_it(
    pool: Pool, partner: Partner
) -> None:
    for n in range(1, 5):
        await add(pool, n)

    await partner.worker.run_one(now=NOW)
    assert await pool.fetch("SELECT FROM work WHERE outcome IS NULL AND behind") == []
    await partner.worker.run_one(now=NOW)

    assert partner.asked == [1, 4]
    assert partner.done == [1, 2, 3, 4]


@pytest.mark.parametrize("why", ["later", "of another kind", "backing off", "in another lane"])
async def test_what_could_not_be_done_at_once_goes_along_with_nothing(
    pool: Pool, partner: Partner, why: str
) -> None:
    await add(pool, 1)
    await add(
        *(pool, 2),
        at=NOW + timedelta(seconds=1) if why == "later" else NOW,
        kind="other" if why == "of another kind" else "tell",
        lane="hub/2" if why == "in another lane" else "hub/1",
    )
    if why != "in another lane":
        await add(pool, 3)  # nor what is behind it
    if why == "backing off":
        pause = "UPDATE work SET lease_until = now() + interval '1 minute' WHERE payload @> $1"
        await pool.execute(pause, {"n": 2})

    assert await partner.worker.run_call(NOW)

    assert partner.done == [1]


async def test_nobody_takes_what_goes_along_while_its_leader_is_in_hand_or_backs_off(
    pool: Pool, partner: Partner
) -> None:
    for n in (1, 2, 3):
        await add(pool, n)
    other = Partner(pool).takes_along()
    partner.refused = {1}
    partner.go_on.clear()
    task = asyncio.create_task(partner.run_lane(await partner.worker.claim_call(NOW)))
    await until(partner.asked, [1])

    assert not await other.worker.run_one(now=NOW)
    partner.go_on.set()
    await task
    assert not await other.worker.run_one(now=NOW)  # it is to be asked again

    assert (partner.done, other.asked) == ([], [])


async def test_an_answer_after_the_lease_ends_nothing_of_what_went_along(
    pool: Pool, partner: Partner
) -> None:
    """The successor has the same rows; whose answer comes too late has none of them."""
    for n in (1, 2, 3, 4):
        await add(pool, n)
    partner.go_on.clear()
    task = asyncio.create_task(partner.run_lane(await partner.worker.claim_call(NOW)))
    await until(partner.asked, [1])
    await pool.execute("UPDATE work SET lease_until = now() - interval '1 second'")
    successor = Partner(pool).takes_along()
    successor.along = partner.along  # as it is kept with the rows
    successor.go_on.clear()
    second = asyncio.create_task(successor.run_lane(await successor.worker.claim_call(NOW)))
    await until(successor.asked, [1])
    partner.go_on.set()
    await task
    assert await pool.fetchval(OPEN) == 4
    successor.go_on.set()
    await second

    assert (partner.done, successor.done) == ([], [1, 2, 3, 4])
    assert successor.asked == [1, 4]


async def test_what_went_along_ends_in_the_lane_to_which_it_was_moved_meanwhile(
    pool: Pool, partner: Partner
) -> None:
    await add(pool, 9, lane="hub/2")
    for n in (1, 2, 3, 4):
        await add(pool, n)
    await pool.execute("UPDATE work SET outcome = 'done' WHERE payload @> $1", {"n": 9})
    partner.go_on.clear()
    task = asyncio.create_task(partner.run_lane(await partner.worker.claim_call(NOW)))
    await until(partner.asked, [1])
    async with transaction(pool) as conn:
        await work.move(conn, "hub/1", "hub/2", having={})
    partner.go_on.set()
    await task

    assert partner.done == [1, 2, 3, 4]
    assert await pool.fetchval(OPEN) == 0


async def test_a_row_whose_mark_was_late_is_done_at_once_after_what_went_along(
    pool: Pool, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "WORK_POLL_SECONDS", 1000)
    monkeypatch.setattr(loops, "LANES_SECONDS", 1000)
    third_is_there, looked = asyncio.Event(), list[int]()
    record, bring_forward = partner.record, partner.worker.bring_forward

    async def slowly(conn: Connection, item: Item, n: int) -> None:
        await record(conn, item, n)
        if n == 1:
            await third_is_there.wait()

    async def look() -> int:
        looked.append(await bring_forward())
        return looked[-1]

    calls = {"tell": Call(partner.read_along, partner.ask, slowly)}
    monkeypatch.setattr(partner.worker, "calls", calls)
    monkeypatch.setattr(partner.worker, "bring_forward", look)
    await add(pool, 1)
    await add(pool, 2)
    async with running(partner.worker, most=1):  # so that the lane is not gone on with
        await until(partner.done, [1, 2])
        looked.clear()
        await add(pool, 3)  # `finish_behind` has looked for it already
        await until(looked, [0])  # and so have they who look after what is behind
        third_is_there.set()
        await until(partner.done, [1, 2, 3])


async def test_another_lanes_rows_end_by_themselves_however_they_are_called(
    pool: Pool, partner: Partner
) -> None:
    await add(pool, 1)
    await add(pool, 2, lane="hub/2", at=NOW + timedelta(seconds=1))
    await add(pool, 2)

    assert await partner.worker.run_call(NOW)

    assert partner.done == [1, 2]
    assert await pool.fetchval("SELECT lane FROM work WHERE outcome IS NULL") == "hub/2"
