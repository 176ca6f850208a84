"""Waiting for a condition with a deadline, instead of sleeping."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

T = TypeVar("T")
PATIENCE_SECONDS = 180


async def until(
    measure: Callable[[], Awaitable[T]], wanted: T, *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Measure again and again until it gives what is wanted; says what it gave last if never."""
    have: T | None = None
    try:
        async with asyncio.timeout(seconds):
            while (have := await measure()) != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{have!r} is not {wanted!r} after {seconds} s") from None


async def at_once(*asks: Callable[[], Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """All of these at the same moment. Who is told 503, not now, asks again, as the contract says:
    who waits in a queue for a row does so for a second.
    """

    async def insist(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (answer := await ask()).status_code == 503:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return answer

    return await asyncio.gather(*map(insist, asks))
