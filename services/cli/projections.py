"""`waypost rebuild`, `verify`, `replay`: is what services derived right, and what if it is not?

Read from the producers' event tables, which are the log; Kafka need not have anything.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from getpass import getuser
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import Progress

from services.chassis import audit, outbox
from services.chassis.audit import Access
from services.chassis.db import Connection, Pool, acquired, transaction
from services.chassis.envelope import Envelope, Stream
from services.chassis.inbox import DryRun
from services.chassis.projections import Moved, Projection, rebuild
from services.cli.databases import SERVICES, console, database
from services.cli.inboxes import inbox_of, one_of, table_of

TRIES = 5  # a stream that goes on faster than it can be read is left for the next run

ServiceName = Annotated[str, typer.Argument(help="referral, scheduling, documentation …")]


@dataclass
class Found:
    """What a look at one service came to."""

    streams: int = 0
    differed: list[tuple[str, UUID]] = field(default_factory=list)
    busy: list[UUID] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not (self.differed or self.busy)


def rebuild_command(
    service: ServiceName,
    dry_run: Annotated[bool, typer.Option(help="Say what differs; change nothing.")] = False,
) -> None:
    """Make a service's projections anew from the producers' events; nothing is sent again.

    Stream by stream while the service runs: its readers see the old rows or the new ones. Exit
    status 1 if a dry run found a difference, or a stream would not stand still.
    """
    found = asyncio.run(rebuild_service(one_of(service), dry_run=dry_run))
    did = "would change" if dry_run else "changed"
    console.print(f"{service}: {found.streams} streams, {len(found.differed)} {did}.")
    for name, stream in found.differed:
        console.print(f"  {name} {stream}")
    for stream in found.busy:
        console.print(f"  {stream} went on while it was read: run this again.")
    raise typer.Exit(1 if found.busy or (dry_run and found.differed) else 0)


def verify() -> None:
    """Compare every service with what its producers told it; changes nothing, exit 1 if not equal.

    Numbers without a gap in each event table, no cursor ahead of its producer, every projection
    equal to what the events say.
    """
    wrong = asyncio.run(verify_all())
    raise typer.Exit(1 if wrong else 0)


def replay(
    producer: ServiceName,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit. Name nobody.")],
    stream: Annotated[UUID | None, typer.Option(help="Only this stream.")] = None,
    per_second: Annotated[int, typer.Option(help="At most so many events.", min=1)] = 200,
) -> None:
    """Publish stored events once more, for a consumer outside that lost its own copy.

    Our services drop what they have. Stop it with Ctrl-C at any time: what is published is
    published, the rest stays as it was, and a second run begins anew.
    """
    if not reason.strip():
        raise typer.BadParameter("Say why.")
    count = asyncio.run(replay_service(one_of(producer), stream, reason, per_second=per_second))
    console.print(f"{producer}: {count} events are published once more.")


# --- Rebuilding ----------------------------------------------------------------------------------


async def rebuild_service(service: str, *, dry_run: bool) -> Found:
    found = Found()
    projections = inbox_of(service).handlers.projections
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(database(service))
        by_producer = await producers_of(pool, service, stack)
        streams = await streams_of(pool, service)
        with Progress(console=console, transient=True) as progress:
            for stream in progress.track(streams, description=service):
                found.streams += 1
                for projection in projections:
                    args = (pool, by_producer, service, projection, stream)
                    await rebuild_patiently(*args, found, dry_run=dry_run)
        if not dry_run:
            async with transaction(pool) as conn:
                await audit.record(conn, Access(getuser(), "waypost rebuild", 200, []))
    return found


async def rebuild_patiently(
    pool: Pool,
    producers: Mapping[str, Pool],
    service: str,
    projection: Projection,
    stream: UUID,
    found: Found,
    *,
    dry_run: bool,
) -> None:
    for _ in range(TRIES):
        told = await applied_events(pool, producers, service, stream)
        try:
            if await rebuild_one(pool, service, projection, stream, told, dry_run=dry_run):
                found.differed.append((projection.name, stream))
        except Moved:
            continue
        return
    found.busy.append(stream)


async def rebuild_one(
    pool: Pool,
    service: str,
    projection: Projection,
    stream: UUID,
    told: Mapping[str, Sequence[Envelope]],
    *,
    dry_run: bool,
) -> bool:
    differed = False
    with suppress(DryRun):
        async with transaction(pool) as conn:
            differed = await rebuild(conn, service, projection, stream, told)
            if dry_run:
                raise DryRun
    return differed


async def applied_events(
    pool: Pool, producers: Mapping[str, Pool], service: str, stream: UUID
) -> dict[str, list[Envelope]]:
    """All events of a stream up to this consumer's cursors, by producer."""
    rows = await pool.fetch(
        """
        SELECT producer, last_sequence
          FROM inbox_cursor
         WHERE consumer = $1 AND stream_id = $2 AND last_sequence > 0
        """,
        *(service, stream),
    )
    told: dict[str, list[Envelope]] = {}
    for row in rows:
        events = told[row["producer"]] = []
        async with acquired(producers[row["producer"]]) as conn:
            while len(events) < row["last_sequence"]:
                more = await outbox.events_after(conn, Stream(stream, row["producer"]), len(events))
                if not more:
                    break
                events += more
        del events[row["last_sequence"] :]
    return told


async def producers_of(pool: Pool, service: str, stack: AsyncExitStack) -> dict[str, Pool]:
    rows = await pool.fetch(
        "SELECT DISTINCT producer FROM inbox_cursor WHERE consumer = $1", service
    )
    names = sorted(row["producer"] for row in rows)
    return {name: await stack.enter_async_context(database(name)) for name in names}


async def streams_of(pool: Pool, service: str) -> list[UUID]:
    rows = await pool.fetch(
        "SELECT DISTINCT stream_id FROM inbox_cursor WHERE consumer = $1 ORDER BY 1", service
    )
    return [row["stream_id"] for row in rows]


# --- Verifying -----------------------------------------------------------------------------------


async def verify_all() -> int:
    """Print a line for each service; gives how many things are wrong."""
    table = table_of("", "service", "events", "gaps", "cursors ahead", "behind", "projections")
    wrong = 0
    for service in SERVICES:
        async with database(service) as pool:
            events, gaps = await numbers(pool)
            ahead, behind = await cursors(pool, service)
        found = await rebuild_service(service, dry_run=True)
        wrong += gaps + ahead + len(found.differed) + len(found.busy)
        said = (
            "equal" if found.is_right else f"{len(found.differed)} differ, {len(found.busy)} busy"
        )
        table.add_row(service, str(events), str(gaps), str(ahead), str(behind), said)
    console.print(table)
    return wrong


async def numbers(pool: Pool) -> tuple[int, int]:
    """How many events there are, and how many numbers below their streams' last are missing."""
    row = await pool.fetchrow(
        """
        SELECT (SELECT count(*) FROM event) AS events,
               (SELECT coalesce(sum(last_sequence), 0)::bigint FROM stream) AS given
        """
    )
    assert row  # noqa: S101 (an aggregate has a row)
    return row["events"], row["given"] - row["events"]


async def cursors(pool: Pool, service: str) -> tuple[int, int]:
    """Cursors beyond what their producer gave out, which is wrong, and behind it, which is not."""
    ahead = behind = 0
    async with AsyncExitStack() as stack:
        for name, producer in (await producers_of(pool, service, stack)).items():
            rows = await producer.fetch("SELECT stream_id, last_sequence FROM stream")
            heads = {row["stream_id"]: row["last_sequence"] for row in rows}
            at = await pool.fetch(
                """
                SELECT stream_id, last_sequence
                  FROM inbox_cursor
                 WHERE consumer = $1 AND producer = $2
                """,
                *(service, name),
            )
            ahead += sum(row["last_sequence"] > heads.get(row["stream_id"], 0) for row in at)
            behind += sum(row["last_sequence"] < heads.get(row["stream_id"], 0) for row in at)
    return ahead, behind


# --- Replaying -----------------------------------------------------------------------------------


async def replay_service(
    producer: str, stream: UUID | None, reason: str, *, per_second: int
) -> int:
    done = 0
    async with database(producer) as pool:
        last = await pool.fetchval("SELECT coalesce(max(position), 0) FROM event")
        async with transaction(pool) as conn:
            named = [f"stream/{stream}"] if stream else []
            act = f"waypost replay: {reason}"
            await audit.record(conn, Access(getuser(), act, 200, named))
        position = 0
        while True:
            begun = time.monotonic()
            async with transaction(pool) as conn:
                marked = await unpublish(conn, stream, position, last, per_second)
            if not marked:
                return done
            done, position = done + len(marked), marked[-1]
            # A wave of repeats must not hold up what is new: the relay sends in order of storing.
            await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))


async def unpublish(
    conn: Connection, stream: UUID | None, after: int, last: int, limit: int
) -> list[int]:
    """Have the relay send the next so many published events again; gives their positions."""
    rows = await conn.fetch(
        """
        WITH next AS (
            SELECT position
              FROM event
             WHERE position > $2 AND position <= $3
               AND published_at IS NOT NULL
               AND ($1::uuid IS NULL OR stream_id = $1)
             ORDER BY position
             LIMIT $4
        )
        UPDATE event SET published_at = NULL
          FROM next
         WHERE event.position = next.position
        RETURNING event.position
        """,
        *(stream, after, last, limit),
    )
    return sorted(row["position"] for row in rows)
