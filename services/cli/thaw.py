"""The thaw of a frozen stream: a person has compared both sides, and the producer's counts."""

from datetime import datetime
from getpass import getuser

from services.chassis import audit, outbox
from services.chassis.db import Connection, Pool, acquired, transaction
from services.chassis.envelope import Stream
from services.chassis.inbox import Inbox
from services.cli.databases import console, database


async def thaw_stream(pool: Pool, inbox: Inbox, stream: Stream, restored: datetime | None) -> bool:
    """Go on as the producer tells it now; False, and a sentence, when it cannot be known how.

    `restored`: a moment after the last event that a restored producer still has, and before its
    first new one.
    """
    async with acquired(pool) as conn:
        at, event_id = await cursor(conn, inbox.consumer, stream)
    async with database(stream.producer) as producer, acquired(producer) as conn:
        after = at if await has(conn, stream, at, event_id) else None
        if after is None and restored:
            after = await outbox.last_before(conn, stream.stream_id, restored)
        told = () if after is None else await outbox.events_after(conn, stream, after)
    name = f"{inbox.consumer} ← {stream.producer} {stream.stream_id}"
    if after is None:
        console.print(f"{name}: its producer was restored; say when, with --restored")
        return False
    async with transaction(pool) as conn:
        access = audit.Access(getuser(), "waypost thaw", 200, [f"stream/{stream.stream_id}"])
        await audit.record(conn, access)
    outcome = await inbox.thaw(pool, stream, after=after, told=told)
    console.print(f"{name}: goes on after number {after}, applied {outcome.applied}")
    return not outcome.refused


async def cursor(conn: Connection, consumer: str, stream: Stream) -> tuple[int, object]:
    row = await conn.fetchrow(
        """
        SELECT last_sequence, last_event_id
          FROM inbox_cursor
         WHERE consumer = $1 AND stream_id = $2 AND producer = $3
        """,
        *(consumer, *stream),
    )
    assert row  # noqa: S101 (a cursor is kept for ever)
    return row["last_sequence"], row["last_event_id"]


async def has(conn: Connection, stream: Stream, number: int, event_id: object) -> bool:
    """Whether the producer has, under this number, the event that we applied."""
    if not number:
        return True
    found = await outbox.events_after(conn, stream, number - 1, limit=1)
    return [event.event_id for event in found] == [event_id]
