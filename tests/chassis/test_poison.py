"""One event in a hundred fails, each in its own way (P7): the others never notice."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from services.chassis.db import Connection, Pool
from services.chassis.envelope import Envelope, Stream
from services.cli import inboxes
from tests.chassis.rig import Rig, applied, noted
from tests.postgres import Server

YOUTHS = [Stream(UUID(int=i + 1), "referral") for i in range(100)]
EACH = 5  # events of each youth, of which the second may be poison
LINES = 12  # of log, for one event that goes on failing
LOCK = "SELECT FROM chart WHERE stream_id = $1 FOR UPDATE"

Poison = Callable[[Connection, Stream], Awaitable[object]]


async def wrong_call(conn: Connection, stream: Stream) -> object:
    return noted(stream)  # type: ignore[call-arg]


async def too_late(conn: Connection, stream: Stream) -> object:
    raise TimeoutError


async def no_file(conn: Connection, stream: Stream) -> object:
    return Path("/nowhere").read_text()  # noqa: ASYNC240 (it is not there)


async def locked_row(conn: Connection, stream: Stream) -> object:
    return await conn.execute(LOCK, stream.stream_id)


async def deadlock(conn: Connection, stream: Stream) -> object:
    return await conn.execute("DO $$BEGIN RAISE USING ERRCODE = 'deadlock_detected'; END$$")


# By the class that stands as the reason; the clock tries the second part again.
FOR_PEOPLE: dict[str, Poison] = {"TypeError": wrong_call, "FileNotFoundError": no_file}
FOR_THE_CLOCK: dict[str, Poison] = {
    "TimeoutError": too_late,
    "LockNotAvailableError": locked_row,
    "DeadlockDetectedError": deadlock,
}
POISON = FOR_PEOPLE | FOR_THE_CLOCK
SICK = dict(zip(YOUTHS[::20], POISON, strict=True))
HEALTHY = [stream for stream in YOUTHS if stream not in SICK]
ALL = list(range(1, EACH + 1))


@pytest.fixture
async def sick(pool: Pool, server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """Scheduling, which five youths make fail; a machine that has other work is no failure."""
    monkeypatch.setenv("WAYPOST_SCHEDULING_DSN", server.dsn("one"))
    monkeypatch.setattr("services.chassis.db.TRANSACTION_SECONDS", 60.0)
    monkeypatch.setattr("services.chassis.inbox.EVENT_SECONDS", 30.0)
    await pool.execute("CREATE TABLE chart AS SELECT unnest($1::uuid[]) AS stream_id", ids(YOUTHS))
    rig = Rig(pool)
    monkeypatch.setattr(inboxes, "inbox_of", lambda _: rig.inbox)

    async def fail(conn: Connection, event: Envelope) -> None:
        if event.sequence == 2 and (kind := SICK.get(event.stream)):
            await POISON[kind](conn, event.stream)

    rig.touch = fail  # type: ignore[method-assign]
    async with held(server, ids(SICK)):
        yield rig


@asynccontextmanager
async def held(server: Server, rows: list[UUID], database: str = "one") -> AsyncIterator[None]:
    """Somebody keeps these rows for as long as the test likes."""
    conn = await asyncpg.connect(server.dsn(database))
    try:
        async with conn.transaction():
            await conn.execute("SELECT FROM chart WHERE stream_id = ANY ($1) FOR UPDATE", rows)
            yield
    finally:
        await conn.close()


async def test_one_poisoned_event_in_a_hundred_holds_its_own_youth_only(
    sick: Rig, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):  # each batch comes again
        for n in ALL:
            await sick.receive(noted(stream, n) for stream in YOUTHS)
    for _ in range(LINES):
        await pool.execute("UPDATE inbox_waiting SET retry_at = now() WHERE retry_at IS NOT NULL")
        await sick.inbox.retry_due(pool)

    assert await applied(pool) == {youth: [1] if youth in SICK else ALL for youth in YOUTHS}
    assert await refused(pool) == SICK
    assert await waiting(pool) == len(SICK) * (EACH - 1)
    rows = await pool.fetch("SELECT reason, attempts FROM inbox_waiting WHERE reason <> ''")
    tries = {row["reason"]: row["attempts"] for row in rows}
    assert tries == dict.fromkeys(FOR_PEOPLE, 1) | dict.fromkeys(FOR_THE_CLOCK, LINES + 1)
    assert len(caplog.records) <= LINES * len(SICK)


async def test_after_the_mending_the_clock_and_a_person_apply_the_rest_in_order(
    sick: Rig, pool: Pool
) -> None:
    for n in ALL:
        await sick.receive(noted(stream, n) for stream in YOUTHS)
    sick.touch = Rig.touch.__get__(sick)  # type: ignore[method-assign]

    await pool.execute("UPDATE inbox_waiting SET retry_at = now() WHERE retry_at IS NOT NULL")
    assert await sick.inbox.retry_due(pool) == len(FOR_THE_CLOCK)
    assert set((await refused(pool)).values()) == set(FOR_PEOPLE)
    assert await inboxes.retry_service("scheduling", None, dry_run=False, thaw=False) == 0

    assert await applied(pool) == dict.fromkeys(YOUTHS, ALL)
    assert await waiting(pool) == 0


def ids(streams: Iterable[Stream]) -> list[UUID]:
    return [stream.stream_id for stream in streams]


async def refused(pool: Pool) -> dict[Stream, str]:
    rows = await pool.fetch(
        "SELECT stream_id, producer, reason FROM inbox_waiting WHERE reason <> ''"
    )
    return {Stream(row[0], row[1]): row[2] for row in rows}


async def waiting(pool: Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM inbox_waiting")
    return found
