"""`waypost status | waiting | retry | skip`: what stands still, and a person's help for it."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getuser
from importlib import import_module
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from contracts.asyncapi import LISTENERS
from services.chassis import audit, metrics
from services.chassis.clock import SystemClock
from services.chassis.db import Connection, Pool, Record, transaction
from services.chassis.envelope import Stream
from services.chassis.errors import Refused
from services.chassis.inbox import Inbox
from services.cli import endpoints
from services.cli.databases import SERVICES, console, database
from services.cli.thaw import thaw_stream

ServiceName = Annotated[str, typer.Argument(help=f"Who hears: {', '.join(SERVICES)}.")]
Producer = Annotated[str, typer.Argument(help="Who told it.")]
StreamId = Annotated[UUID, typer.Argument(help="The stream that stands still (`waypost waiting`).")]


# --- Looking -------------------------------------------------------------------------------------


def status() -> None:
    """How each service stands, and each endpoint that is told: what is behind, waits, is tried."""
    asyncio.run(show_all())


async def show_all() -> None:
    await show_status()
    async with database("notifications") as pool:
        await endpoints.show(pool)


async def show_status() -> None:
    names = ("service", "told", "unpublished", "oldest", "behind")
    table = table_of("", *names, "waiting", "held", "due", "late")
    told: dict[str, int] = {}
    heard: dict[str, int] = {}
    rest = {}
    for service in SERVICES:
        async with database(service) as pool, pool.acquire() as conn:
            query = "SELECT coalesce(sum(last_sequence), 0)::bigint FROM inbox_cursor"
            heard[service] = await conn.fetchval(query)
            told[service] = await conn.fetchval("SELECT count(*) FROM event")
            (unpublished,) = await metrics.unpublished(conn)
            waits = await metrics.waiting(conn, service)
            held = await metrics.held(conn, service)
            due = await metrics.due(conn, SystemClock())
        rest[service] = (
            *(str(unpublished["events"]), f"{unpublished['oldest']:.0f} s"),
            *(counted(waits, "reason", "events"), counted(held, "by", "streams")),
            *(counted(due, "kind", "due"), counted(due, "kind", "late")),
        )
    for service, (events, oldest, *more) in rest.items():
        behind = sum(told[each] for each in heard_by(service)) - heard[service]
        table.add_row(service, str(told[service]), events, oldest, str(max(0, behind)), *more)
    console.print(table)


def heard_by(service: str) -> Sequence[str]:
    """Whose events a service hears."""
    return [topic.partition(".")[0] for topic, who in LISTENERS.items() if service in who]


def counted(rows: Sequence[Record], name: str, number: str) -> str:
    return ", ".join(f"{row[number]} {row[name]}" for row in rows if row[number]) or "-"


waiting = typer.Typer(help="What stands still: `list`, or one event with `show`.")


@waiting.callback(invoke_without_command=True)
def or_list(context: typer.Context) -> None:
    if not context.invoked_subcommand:
        list_waiting()


@waiting.command("list")
def list_waiting() -> None:
    """Every event that waits with a reason, every frozen stream, every unreadable record."""
    asyncio.run(show_waiting())


@waiting.command("show")
def show(service: ServiceName, producer: Producer, stream: StreamId) -> None:
    """The event at which a stream stands, its values masked: an operator needs no child's facts."""
    if not asyncio.run(show_one(one_of(service), Stream(stream, producer))):
        console.print("Nothing of this stream waits here.")
        raise typer.Exit(1)


async def show_waiting() -> None:
    names = ("service", "producer", "stream", "number", "type", "reason", "tries", "behind it")
    refused = table_of("Waiting with a reason, or frozen", *names)
    records = table_of("Unreadable records", "service", "topic", "partition", "offset", "reason")
    for service in SERVICES:
        async with database(service) as pool, pool.acquire() as conn:
            for row in await standing_still(conn, service):
                refused.add_row(service, *(str(part) for part in row))
            for row in await unreadable_records(conn, service):
                records.add_row(service, *(str(part) for part in row))
    for table in (refused, records):
        if table.row_count:
            console.print(table)
    if not refused.row_count and not records.row_count:
        console.print("Nothing waits.")


async def show_one(service: str, stream: Stream) -> bool:
    async with database(service) as pool, transaction(pool) as conn:
        row = await first_waiting(conn, service, stream)
        if row is None:
            return False
        access = audit.Access(getuser(), "waypost waiting show", 200, [f"event/{row['event_id']}"])
        await audit.record(conn, access)
    table = table_of(f"{row['event_type']} {row['event_id']}", "what", "is")
    for name in ("sequence", "reason", "attempts", "retry_at", "arrived_at", "occurred_at"):
        table.add_row(name, str(row[name]))
    for name, text in sorted(row["headers"].items()):
        table.add_row(name, str(text) if name in SHOWN else masked(text))
    for name, value in masked_fields(row["body"]):
        table.add_row(f"body.{name}", value)
    console.print(table)
    return True


# Of the headers: ids of ours, made for this.
SHOWN = ("ce_subject", "ce_causationid", "traceparent")


def masked_fields(body: bytes) -> Sequence[tuple[str, str]]:
    """The names of an event's fields, and of what kind each value is; ids as they are."""
    try:
        said = json.loads(body)
    except ValueError:
        return [("?", f"{len(body)} bytes that are no JSON")]
    if not isinstance(said, dict):
        return [("?", masked(said))]
    return [(name if NAME.fullmatch(name) else "?", masked(value)) for name, value in said.items()]


NAME = re.compile("[a-z][a-z0-9_]{0,60}")


def masked(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        try:
            return str(UUID(value))
        except ValueError:
            return f"text of {len(value)}"
    if isinstance(value, list | dict):
        return f"{'list' if isinstance(value, list) else 'object'} of {len(value)}"
    return "number"


async def first_waiting(conn: Connection, consumer: str, stream: Stream) -> Record | None:
    return await conn.fetchrow(
        """
        SELECT event_id, event_type, sequence, reason, attempts, retry_at, arrived_at, occurred_at,
               headers, body
          FROM inbox_waiting
         WHERE consumer = $1 AND stream_id = $2 AND producer = $3
         ORDER BY sequence
         LIMIT 1
        """,
        *(consumer, *stream),
    )


async def standing_still(conn: Connection, consumer: str) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT c.producer,
               c.stream_id,
               coalesce(w.sequence, c.last_sequence + 1) AS number,
               coalesce(w.event_type, '-') AS type,
               CASE WHEN c.frozen IS NULL THEN w.reason ELSE 'frozen: ' || c.frozen END AS reason,
               coalesce(w.attempts, 0) AS tries,
               (SELECT count(*)
                  FROM inbox_waiting b
                 WHERE b.consumer = c.consumer AND b.stream_id = c.stream_id
                   AND b.producer = c.producer AND b.sequence > c.last_sequence + 1) AS behind
          FROM inbox_cursor c
          LEFT JOIN inbox_waiting w
            ON w.consumer = c.consumer AND w.stream_id = c.stream_id
           AND w.producer = c.producer AND w.sequence = c.last_sequence + 1
         WHERE c.consumer = $1
           AND (w.reason IS NOT NULL OR c.frozen IS NOT NULL)
         ORDER BY 1, 2
        """,
        consumer,
    )


async def unreadable_records(conn: Connection, consumer: str) -> Sequence[Record]:
    return await conn.fetch(
        """
        SELECT topic, partition, record_offset, reason
          FROM unreadable
         WHERE consumer = $1
         ORDER BY arrived_at DESC
         LIMIT 50
        """,
        consumer,
    )


def table_of(title: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left")
    for column in columns:
        # Ids and names stay in one piece, on a narrow screen too: they go into the next command.
        whole, wide = column == "service", 36 if column == "stream" else None
        table.add_column(column, overflow="fold", no_wrap=whole, min_width=wide)
    return table


# --- Helping -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """How fast a retry of many goes, and when it stops by itself."""

    per_second: int = 20  # streams
    stop_after: int = 20  # that stood still again, one after the other


def retry(
    service: Annotated[str | None, typer.Option(help="Only what this service hears.")] = None,
    stream: Annotated[UUID | None, typer.Option(help="Only this stream.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Say how far it would go; change nothing.")] = False,
    thaw: Annotated[bool, typer.Option(help="Also go on with frozen streams.")] = False,
    restored: Annotated[
        datetime | None,
        typer.Option(help="With --thaw: when (UTC) a restored producer had not yet begun again."),
    ] = None,
    per_second: Annotated[int, typer.Option(help="At most so many streams.", min=1)] = 20,
    stop_after: Annotated[
        int, typer.Option(help="Stop when so many in a row still fail.", min=1)
    ] = 20,
) -> None:
    """Try refused events again, each with all that waits behind it, in order.

    Ctrl-C stops it between two streams: what is applied is applied, the rest waits as before.
    """
    if dry_run and thaw:
        raise typer.BadParameter("A thaw cannot be tried: it is a decision.")
    if restored and not thaw:
        raise typer.BadParameter("--restored says from when on a stream is thawed: give --thaw.")
    left, pace = 0, Pace(per_second, stop_after)
    since = restored.replace(tzinfo=UTC) if restored else None
    for name in [one_of(service)] if service else SERVICES:
        left += asyncio.run(
            retry_service(name, stream, dry_run=dry_run, thaw=thaw, restored=since, pace=pace)
        )
    raise typer.Exit(1 if left else 0)


async def retry_service(
    service: str,
    only: UUID | None,
    *,
    dry_run: bool,
    thaw: bool,
    restored: datetime | None = None,
    pace: Pace | None = None,
) -> int:
    """Returns how many streams still stand still, or would."""
    pace, inbox, left, in_a_row = pace or Pace(), inbox_of(service), 0, 0
    async with database(service) as pool:
        async with pool.acquire() as conn:
            found = await standing_still(conn, service)
        found = [row for row in found if only in (None, row["stream_id"])]
        for number, row in enumerate(found):
            begun = time.monotonic()
            stream = Stream(row["stream_id"], row["producer"])
            if thaw and row["reason"].startswith("frozen"):
                stands = not await thaw_stream(pool, inbox, stream, restored)
            else:
                stands = await retry_stream(pool, inbox, stream, dry_run=dry_run)
            left, in_a_row = left + stands, in_a_row + 1 if stands else 0
            rest = len(found) - number - 1
            if in_a_row == pace.stop_after and rest:
                console.print(
                    f"{service}: stopped, {in_a_row} in a row stand still; {rest} not tried."
                )
                return left + rest
            if rest:
                await asyncio.sleep(max(0.0, 1 / pace.per_second - (time.monotonic() - begun)))
    return left


async def retry_stream(pool: Pool, inbox: Inbox, stream: Stream, *, dry_run: bool) -> bool:
    """True when it stands still, or would."""
    outcome = await inbox.retry(pool, stream, dry_run=dry_run)
    stands = bool(outcome.refused) or not outcome.applied
    why = outcome.refused[0].reason if outcome.refused else "still frozen or missing"
    said = "would apply" if dry_run else "applied"
    console.print(
        f"{inbox.consumer} ← {stream.producer} {stream.stream_id}: "
        f"{said} {outcome.applied}{f'; then {why}' if stands else ''}"
    )
    return stands


def skip(
    service: ServiceName,
    producer: Producer,
    stream: StreamId,
    reason: Annotated[str, typer.Option(help="Why it may be given up; kept. Name nobody.")],
) -> None:
    """Give up one refused event for good. What waits behind it goes on."""
    if not reason.strip():
        raise typer.BadParameter("Say why.")
    asyncio.run(skip_one(one_of(service), Stream(stream, producer), reason))


async def skip_one(service: str, stream: Stream, reason: str) -> None:
    inbox, operator = inbox_of(service), getuser()
    async with database(service) as pool:
        try:
            await skip_and_record(pool, inbox, stream, operator, reason)
        except Refused as refusal:
            raise typer.BadParameter(str(refusal)) from None
        await inbox.retry(pool, stream)


async def skip_and_record(
    pool: Pool, inbox: Inbox, stream: Stream, operator: str, reason: str
) -> None:
    async with transaction(pool) as conn:
        event = await inbox.skip(conn, stream, by=operator, because=reason)
        access = audit.Access(operator, "waypost skip", 200, [f"event/{event.event_id}"])
        await audit.record(conn, access)
    console.print(f"Skipped number {event.sequence}, {event.type} {event.event_id}.")


def inbox_of(service: str) -> Inbox:
    """The service's own handlers: a retry here does what its process would do."""
    return Inbox(service, import_module(f"services.{service}.handlers").events)


def one_of(service: str) -> str:
    if service not in SERVICES:
        raise typer.BadParameter(f"There is no service {service}: {', '.join(SERVICES)}.")
    return service
