"""What can be made anew from events: rows that say no more than the events do.

A projection is kept event by event (`Handlers.project`) and can be made again from the producers'
event tables, which keep everything. Nothing else happens again then: no delivery, no work, no
event, because only the projection sees the events. Source: RELIABILITY.md, P15.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.events import BY_TYPE, Event
from services.chassis.db import Connection
from services.chassis.envelope import Envelope, handling


@dataclass(frozen=True)
class Projection:
    """How rows follow from events. Order between producers must not matter to `note`."""

    name: str
    events: tuple[type[Event], ...]
    note: Callable[[Connection, Event], Awaitable[None]]
    clear: Callable[[Connection, UUID], Awaitable[None]]  # forget all that events said of a stream
    rows: Callable[[Connection, UUID], Awaitable[Sequence[Any]]]  # the same, to be compared


class Moved(Exception):
    """The stream went on since its events were fetched: fetch again."""


async def rebuild(
    conn: Connection,
    consumer: str,
    projection: Projection,
    stream_id: UUID,
    told: Mapping[str, Sequence[Envelope]],
) -> bool:
    """Make one stream's rows anew, in the caller's transaction; True if they were not right.

    `told`: by producer, all events that this consumer has applied. The cursors are locked, so that
    nothing is applied meanwhile; raises Moved when they stand elsewhere than `told` ends.
    """
    rows = await conn.fetch(
        """
        SELECT producer, last_sequence
          FROM inbox_cursor
         WHERE consumer = $1 AND stream_id = $2
         ORDER BY producer
           FOR UPDATE
        """,
        *(consumer, stream_id),
    )
    for row in rows:
        events = told.get(row["producer"], ())
        if row["last_sequence"] != (events[-1].sequence if events else 0):
            raise Moved
    before = await projection.rows(conn, stream_id)
    await projection.clear(conn, stream_id)
    known = {event.type: event for event in projection.events}
    for producer in sorted(told):
        for event in told[producer]:
            if event.type in known:
                token = handling.set(event)
                try:
                    await projection.note(conn, BY_TYPE[event.type].model_validate_json(event.body))
                finally:
                    handling.reset(token)
    return await projection.rows(conn, stream_id) != before
