"""A database that goes away in the middle is "not now" (503), never a fault of ours (500)."""

import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from asyncpg.pool import PoolConnectionProxy

from services.chassis.db import AWAY, Pool, acquired, transaction


async def die_inside(pool: Pool) -> None:
    async with transaction(pool) as conn:
        conn.terminate()
        await conn.execute("SELECT 1")


async def die_before_the_commit(pool: Pool) -> None:
    async with transaction(pool) as conn:
        await conn.execute("SELECT 1")
        conn.terminate()


async def die_while_reading(pool: Pool) -> None:
    async with acquired(pool) as conn:
        conn.terminate()
        await conn.fetch("SELECT 1")


async def stand_still_too_long(pool: Pool) -> None:
    """As a process that is stopped, or has no CPU, in mid-transaction."""
    async with transaction(pool) as conn:
        await conn.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        time.sleep(0.1)  # noqa: ASYNC251 (the loop stands still: that is the case)
        await conn.execute("SELECT 1")


@pytest.mark.parametrize(
    "use", [die_inside, die_before_the_commit, die_while_reading, stand_still_too_long]
)
async def test_a_connection_that_dies_means_not_now(
    use: Callable[[Pool], Awaitable[None]], pool: Pool
) -> None:
    with pytest.raises(AWAY):
        await use(pool)


async def misuse(pool: Pool) -> None:
    async with transaction(pool) as conn:
        await conn.execute("SELECT $1::int", 1, 2)


async def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_away(pool: Pool) -> None:
    with pytest.raises(asyncpg.InterfaceError) as caught:
        await misuse(pool)

    assert not isinstance(caught.value, AWAY)


async def test_a_connection_that_cannot_be_used_again_hides_no_outcome(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg raises when it resets a connection whose last command was cut short."""
    release = asyncpg.Pool.release

    async def broken(pool: Pool, conn: "PoolConnectionProxy[asyncpg.Record]") -> None:
        await release(pool, conn)
        raise asyncpg.InternalClientError("another operation is in progress")

    monkeypatch.setattr(asyncpg.Pool, "release", broken)

    async with transaction(pool) as conn:
        await conn.execute("CREATE TABLE done ()")
    with pytest.raises(ZeroDivisionError):
        async with transaction(pool):
            raise ZeroDivisionError

    monkeypatch.undo()
    assert await pool.fetchval("SELECT to_regclass('done') IS NOT NULL")
