"""How much has been told and not yet applied, sample by sample, and a chart of it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import asyncpg

from deploy.demo.account.streams import HEARD_BY

EVERY_SECONDS = 0.4
LEVELS = " ▁▂▃▄▅▆▇█"
ROWS, COLUMNS = 6, 90


@dataclass(frozen=True)
class Sample:
    """One look: seconds since the first, events not yet on Kafka, and events not yet applied."""

    at: float
    unpublished: int
    behind: int


@dataclass
class Backlog:
    """Looks at four databases every so often while it is open; what happens is marked in it."""

    dsn: Mapping[str, str]
    samples: list[Sample] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.begun = time.monotonic()
        self.databases = {name: await asyncpg.connect(dsn) for name, dsn in self.dsn.items()}
        self.changed = asyncio.Condition()
        self.watching = asyncio.create_task(self.watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.watching.cancel()
        await asyncio.gather(self.watching, return_exceptions=True)
        for database in self.databases.values():
            await database.close()

    def now(self) -> float:
        return time.monotonic() - self.begun

    def mark(self, what: str) -> None:
        self.marks.append((self.now(), what))

    async def watch(self) -> None:
        while True:
            sample = Sample(self.now(), *await measure(self.databases))
            async with self.changed:
                self.samples.append(sample)
                self.changed.notify_all()
            await asyncio.sleep(EVERY_SECONDS)  # the pace of looking, not a wait for anything

    async def drained(self, *, seconds: float) -> bool:
        """Wait until a look from now on finds nothing left; False when that takes too long.

        Raises what has made the looking end, if it has ended.
        """
        waiting = asyncio.create_task(self.empty_after(self.now()))
        both = {waiting, self.watching}
        done, _ = await asyncio.wait(both, timeout=seconds, return_when="FIRST_COMPLETED")
        waiting.cancel()
        if self.watching in done:
            self.watching.result()
        return waiting in done

    async def look_on(self, looks: int = 8) -> None:
        """Some looks more, so that a chart shows how it was afterwards."""
        last = len(self.samples) + looks
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.samples) >= last or self.watching.done())

    async def empty_after(self, since: float) -> None:
        def empty() -> bool:
            last = self.samples[-1] if self.samples else None
            return last is not None and last.at > since and not last.behind

        async with self.changed:
            await self.changed.wait_for(empty)


async def measure(databases: Mapping[str, Any]) -> tuple[int, int]:
    """Unpublished events, and events times listeners that have not applied them.

    Cursors first: what is told in between counts as not yet applied, never as less than nothing.
    """
    heard = 0
    for database in databases.values():
        heard += await database.fetchval("SELECT coalesce(sum(last_sequence), 0) FROM inbox_cursor")
    unpublished = told = 0
    for producer, listeners in HEARD_BY.items():
        row = await databases[producer].fetchrow(
            """
            SELECT (SELECT coalesce(sum(last_sequence), 0) FROM stream) AS told,
                   (SELECT count(*) FROM event WHERE published_at IS NULL) AS unpublished
            """
        )
        told += row["told"] * len(listeners)
        unpublished += row["unpublished"]
    return unpublished, int(told - heard)


def chart(
    samples: Sequence[Sample], marks: Sequence[tuple[float, str]], *, columns: int = COLUMNS
) -> str:
    """The backlog over time as text: one bar a column, its highest value in that time."""
    end = max((sample.at for sample in samples), default=0.0) or 1.0
    heights = [0] * columns
    for sample in samples:
        column = column_of(sample.at, end, columns)
        heights[column] = max(heights[column], sample.behind)
    looked = {column_of(sample.at, end, columns) for sample in samples}
    for column in range(1, columns):  # between two looks nothing is known: the last one stands
        if column not in looked:
            heights[column] = heights[column - 1]
    top = max(heights) or 1
    lines = [
        f"{label(row, top):>6} ┤{''.join(block(height, row, top) for height in heights)}".rstrip()
        for row in reversed(range(ROWS))
    ]
    letters = [" "] * columns
    told = []
    for letter, (at, what) in zip("abcdefgh", marks, strict=False):
        letters[column_of(at, end, columns)] = letter
        told.append(f"{letter} {at:.1f} s {what}")
    lines.append(f"     0 ┼{'─' * columns} {end:.0f} s")
    lines.append(f"        {''.join(letters)}".rstrip())
    lines += [f"        {line}" for line in told]
    return "\n".join(lines)


def column_of(at: float, end: float, columns: int) -> int:
    return min(columns - 1, int(at / end * columns))


def label(row: int, top: int) -> str:
    return str(round(top * (row + 1) / ROWS)) if row in (ROWS - 1, ROWS // 2 - 1) else ""


def block(height: int, row: int, top: int) -> str:
    """What of a bar stands in one row: an eighth at least where there is anything at all."""
    eighths = -(-height * ROWS * 8 // top) - row * 8
    return LEVELS[max(0, min(8, eighths))]
