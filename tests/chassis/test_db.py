"""A database that goes away in the middle is "not now" (503), never a fault of ours (500)."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

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


@pytest.mark.parametrize("use", [die_inside, die_before_the_commit, die_while_reading])
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
