"""Waiting for a condition with a deadline, instead of sleeping."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(measure: Callable[[], Awaitable[T]], wanted: T, *, seconds: float = 180) -> None:
    """Measure again and again until it gives what is wanted; says what it gave last if never."""
    have: T | None = None
    try:
        async with asyncio.timeout(seconds):
            while (have := await measure()) != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{have!r} is not {wanted!r} after {seconds} s") from None
