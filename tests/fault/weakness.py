"""Weaknesses to plant into a process, each a mistake that somebody has made for real.

A harness that was never seen red proves nothing: with each of these it must end red, and with the
finding that belongs to it. Catch-up heals what the wire loses, so a weakness of the wire is planted
without catch-up; `wire-only` is that alone, and ends green as long as Kafka loses nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from faststream import AckPolicy

from services.chassis import consumer, db, loops, relay
from services.chassis.db import Connection, Pool, Record, transaction
from services.chassis.envelope import Envelope, to_headers
from services.chassis.inbox import Inbox
from services.chassis.outbox import envelope
from services.chassis.relay import BATCH, Producer, Relay


def no_catch_up() -> None:
    """Nobody asks the producer for what Kafka did not bring."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    loops.catch_up = never  # type: ignore[assignment]


def auto_commit() -> None:
    """Offsets are committed by the clock, whether or not a batch has reached PostgreSQL."""

    class Ack:
        NACK_ON_ERROR = AckPolicy.ACK_FIRST

    consumer.AckPolicy = Ack  # type: ignore[attr-defined, assignment]


def high_water() -> None:
    """The relay remembers the last position: what commits late below it is passed over."""
    at = 0

    async def behind(conn: Connection, *, but: Sequence[int] = ()) -> list[Record]:
        nonlocal at
        if not at:
            at = await conn.fetchval(
                "SELECT coalesce(max(position), 0) FROM event WHERE published_at IS NOT NULL"
            )
        rows = await conn.fetch(
            """
            SELECT position, event_id, event_type, stream_id, sequence, occurred_at, body, headers
              FROM event
             WHERE position > $1
             ORDER BY position
             LIMIT $2
            """,
            *(at, BATCH),
        )
        at = rows[-1]["position"] if rows else at
        return rows

    relay.unpublished = behind


def no_cursor() -> None:
    """Whatever arrives is applied: its number is not looked at."""

    async def receive(self: Inbox, pool: Pool, arrived: Sequence[Envelope]) -> None:
        async with transaction(pool) as conn:
            for event in arrived:
                await self.handlers.run(conn, event)

    Inbox.receive = receive  # type: ignore[method-assign]


def mark_before_ack() -> None:
    """An event counts as published as soon as it is in the producer's buffer."""

    async def send(self: Relay, producer: Producer, rows: Sequence[Record]) -> list[int]:
        for row in rows:
            event = envelope(row, self.source)
            key, headers = str(event.stream.stream_id).encode(), to_headers(event)
            answer: Any = await producer.send(self.topic, event.body, key=key, headers=headers)
            answer.add_done_callback(lambda done: done.exception())  # and nobody looks at it
        return [row["position"] for row in rows]

    Relay.send = send  # type: ignore[method-assign]


def late_commit() -> None:
    """PostgreSQL says that it has committed before that is on disk."""
    db.LIMITS["synchronous_commit"] = "off"


WEAKNESSES: dict[str, Sequence[Callable[[], None]]] = {
    "auto-commit": (auto_commit, no_catch_up),
    "high-water": (high_water, no_catch_up),
    "no-cursor": (no_cursor, no_catch_up),
    "late-commit": (late_commit,),
    "mark-before-ack": (mark_before_ack, no_catch_up),
    "no-catch-up": (no_catch_up,),
    "wire-only": (no_catch_up,),
}


def plant(name: str) -> None:
    for change in WEAKNESSES[name]:
        change()
