"""`waypost story <referral>`: one referral's journey, read from the four databases."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from services.chassis.db import Connection, Record
from services.chassis.telemetry import trace_of
from services.cli.databases import SERVICES, database
from services.cli.inboxes import table_of

console = Console()


@dataclass
class Journey:
    """What the four services know of one youth's streams; ids, codes and times only."""

    streams: set[UUID]
    told: list[tuple[str, Record]] = field(default_factory=list)
    heard: dict[tuple[str, str, UUID], Record] = field(default_factory=dict)
    waiting: list[tuple[str, Record]] = field(default_factory=list)
    work: list[tuple[str, Record]] = field(default_factory=list)


def story(
    referral: Annotated[UUID, typer.Argument(help="A referral's id, or a youth's.")],
) -> None:
    """Everything that was told of a referral's youth, who has heard it, and what is still due."""
    journey = asyncio.run(read(referral))
    if not journey.told:
        console.print("No service tells of it.")
        raise typer.Exit(1)
    for table in (told(journey), waits(journey), due(journey)):
        if table.row_count:
            console.print(table)


async def read(about: UUID) -> Journey:
    async with database("referral") as pool, pool.acquire() as conn:
        journey = Journey(await streams_of(conn, about))
    for service in SERVICES:
        await read_service(journey, service, about)
    journey.told.sort(key=lambda one: (one[1]["stored_at"], one[1]["position"]))
    return journey


async def read_service(journey: Journey, service: str, about: UUID) -> None:
    mentioned = [str(id_) for id_ in {about, *journey.streams}]
    async with database(service) as pool, pool.acquire() as conn:
        journey.told += [(service, row) for row in await events(conn, journey.streams)]
        for row in await cursors(conn, service, journey.streams):
            journey.heard[service, row["producer"], row["stream_id"]] = row
        waits = await waiting(conn, service, journey.streams)
        journey.waiting += [(service, row) for row in waits]
        journey.work += [(service, row) for row in await work(conn, mentioned)]


# --- Showing -------------------------------------------------------------------------------------


def told(journey: Journey) -> Table:
    table = table_of("Told", "day", "stored", "by", "no.", "event", "about", "heard by", "trace")
    for service, row in journey.told:
        table.add_row(
            *(f"{row['occurred_at']:%Y-%m-%d %H:%M}", f"{row['stored_at']:%H:%M:%S.%f}"[:-3]),
            *(service, str(row["sequence"]), row["event_type"]),
            *(row["headers"].get("ce_subject", "-"), heard_by(journey, service, row)),
            trace_of(row["headers"]) or "-",
        )
    return table


def heard_by(journey: Journey, producer: str, row: Record) -> str:
    """Consumers whose cursor has reached the event; a mark where it is not even published."""
    have = [
        consumer
        for (consumer, of, stream), cursor in journey.heard.items()
        if (of, stream) == (producer, row["stream_id"])
        and cursor["last_sequence"] >= row["sequence"]
    ]
    if row["published_at"] is None:
        return "not published"
    return ", ".join(have) or "nobody yet"


def waits(journey: Journey) -> Table:
    table = table_of("Waits", "in", "from", "no.", "event", "reason", "tries", "again at")
    for service, row in journey.waiting:
        again = f"{row['retry_at']:%H:%M:%S}" if row["retry_at"] else "-"
        reason = row["reason"] or "its predecessor"
        table.add_row(
            *(service, row["producer"], str(row["sequence"]), row["event_type"], reason),
            *(str(row["attempts"]), again),
        )
    return table


def due(journey: Journey) -> Table:
    table = table_of("Work", "in", "kind", "due", "state", "tries", "reason", "trace")
    for service, row in journey.work:
        table.add_row(
            *(service, row["kind"], f"{row['due_at']:%Y-%m-%d %H:%M}", row["outcome"] or "due"),
            *(str(row["attempts"]), row["reason"] or "-", trace_of(row["headers"]) or "-"),
        )
    return table


# --- Reading -------------------------------------------------------------------------------------


async def streams_of(conn: Connection, about: UUID) -> set[UUID]:
    """The streams that tell of a referral; a youth's id is its stream."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT stream_id
          FROM event
         WHERE stream_id = $1
            OR headers ->> 'ce_subject' = $1::text
        """,
        about,
    )
    return {row["stream_id"] for row in rows}


async def events(conn: Connection, streams: set[UUID]) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT position, event_id, event_type, stream_id, sequence, headers, occurred_at, stored_at,
               published_at
          FROM event
         WHERE stream_id = ANY ($1::uuid[])
        """,
        list(streams),
    )


async def cursors(conn: Connection, consumer: str, streams: set[UUID]) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT stream_id, producer, last_sequence
          FROM inbox_cursor
         WHERE consumer = $1 AND stream_id = ANY ($2::uuid[])
        """,
        *(consumer, list(streams)),
    )


async def waiting(conn: Connection, consumer: str, streams: set[UUID]) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT producer, sequence, event_type, reason, attempts, retry_at
          FROM inbox_waiting
         WHERE consumer = $1 AND stream_id = ANY ($2::uuid[])
         ORDER BY producer, sequence
        """,
        *(consumer, list(streams)),
    )


async def work(conn: Connection, mentioned: Sequence[str]) -> Sequence[Record]:
    """Work of which a value, or a part of its lane, is one of these ids."""
    return await conn.fetch(
        """
        SELECT kind, due_at, outcome, attempts, reason, headers
          FROM work
         WHERE EXISTS (SELECT FROM jsonb_each_text(payload) AS p WHERE p.value = ANY ($1::text[]))
            OR string_to_array(lane, '/') && $1::text[]
         ORDER BY id
        """,
        list(mentioned),
    )
