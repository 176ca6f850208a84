"""Who may read a youth: one home for the rule, kept from the owner's events (DOMAIN section 4).

A hub reads while it is an active hub of the youth and the release to it stands; a payer reads
what lies in its coverage. Each read and search joins the rows:

    JOIN reader r ON r.stream_id = x.youth_id AND r.organisation_id = $1
                 AND r.kind = 'hub' AND r.released AND r.reads @> $2::date         -- today
    JOIN reader r ON … AND r.kind = 'payer' AND r.reads @> x.day                    -- the session's
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol
from uuid import UUID

from contracts.codes import ConsentKind, PartnerKind
from contracts.events import (
    ConsentGranted,
    ConsentRevoked,
    CoverageChanged,
    CoverageLapsed,
    EligibilityConfirmed,
    Event,
    HubDisengaged,
    HubEngaged,
)
from services.chassis import work as due
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.projections import Projection
from services.chassis.work import Call, Item

EVENTS: tuple[type[Event], ...] = (
    HubEngaged,
    HubDisengaged,
    EligibilityConfirmed,
    CoverageLapsed,
    CoverageChanged,
    ConsentGranted,
    ConsentRevoked,
)
ASK_NUMBER = "reader-number"
COVERED = "covered"  # a payer's days have one part; a hub's have one for each service


async def note(conn: Connection, event: Event) -> None:
    """Keep the rows in step with one event, and ask for the number that a new reader goes by."""
    await note_days(conn, event)
    if row := row_of(event):
        await ask_number(conn, row)


def row_of(event: Event) -> "Row | None":
    """The reader whom an event lets read, if it lets anybody."""
    match event:
        case HubEngaged():
            return event.youth_id, event.organisation_id, PartnerKind.HUB
        case EligibilityConfirmed():
            return event.youth_id, event.payer, PartnerKind.PAYER
        case ConsentGranted(kind=ConsentKind.ROI_HUB, organisation_id=UUID() as organisation):
            return event.youth_id, organisation, PartnerKind.HUB
    return None


async def note_days(conn: Connection, event: Event) -> None:
    """Keep the rows in step with one event; the same event again changes nothing."""
    youth, hub, payer = event.youth_id, PartnerKind.HUB, PartnerKind.PAYER
    match event:
        case HubEngaged():
            key = (youth, event.organisation_id, hub)
            await set_days(conn, key, event.hub_service, since=event.effective, until=None)
        case HubDisengaged():
            key = (youth, event.organisation_id, hub)
            await clear_days(conn, key, event.hub_service, since=event.effective)
        case EligibilityConfirmed():
            key = (youth, event.payer, payer)
            until = event.valid_to + timedelta(days=1)
            await set_days(conn, key, COVERED, since=event.valid_from, until=until)
        case CoverageLapsed():
            await clear_days(conn, (youth, event.payer, payer), COVERED, since=event.effective)
        case CoverageChanged() if event.payer != event.new_payer:
            # The new one's days come with the EligibilityConfirmed that follows.
            await clear_days(conn, (youth, event.payer, payer), COVERED, since=event.effective)
        case ConsentGranted(kind=ConsentKind.ROI_HUB, organisation_id=UUID() as organisation):
            # A release to nobody in particular opens nothing.
            await release(conn, youth, organisation)
        case ConsentRevoked(kind=ConsentKind.ROI_HUB):
            await withdraw_release(conn, youth, event.organisation_id)


Row = tuple[UUID, UUID, PartnerKind]  # youth, organisation, kind


async def set_days(
    conn: Connection, row: Row, part: str, *, since: date, until: date | None
) -> None:
    """The newest word on a part counts for all days from `since` on."""
    await conn.execute(
        """
        INSERT INTO reader_part (stream_id, organisation_id, kind, part, reads)
        VALUES ($1, $2, $3, $4, datemultirange(daterange($5, $6)))
            ON CONFLICT (stream_id, organisation_id, kind, part) DO UPDATE
           SET reads = reader_part.reads - datemultirange(daterange($5, NULL)) + EXCLUDED.reads
        """,
        *(*row, part, since, until),
    )
    await sum_up(conn, row)


async def clear_days(conn: Connection, row: Row, part: str, *, since: date) -> None:
    """From a day on this part gives no right to read."""
    await conn.execute(
        """
        UPDATE reader_part
           SET reads = reads - datemultirange(daterange($5, NULL))
         WHERE stream_id = $1
           AND organisation_id = $2
           AND kind = $3
           AND part = $4
        """,
        *(*row, part, since),
    )
    await sum_up(conn, row)


async def sum_up(conn: Connection, row: Row) -> None:
    """A reader's days are those of all its parts. A payer needs no release."""
    await conn.execute(
        """
        INSERT INTO reader (stream_id, organisation_id, kind, reads, released)
        SELECT $1, $2, $3, coalesce(range_agg(reads), '{}'), $3 = 'payer'
          FROM reader_part
         WHERE stream_id = $1
           AND organisation_id = $2
           AND kind = $3
            ON CONFLICT (stream_id, organisation_id, kind) DO UPDATE SET reads = EXCLUDED.reads
        """,
        *row,
    )


async def release(conn: Connection, youth_id: UUID, organisation_id: UUID) -> None:
    """The family lets this hub know; it may come before the hub is an active one."""
    row = (youth_id, organisation_id, PartnerKind.HUB)
    await conn.execute(
        """
        INSERT INTO reader (stream_id, organisation_id, kind, released)
        VALUES ($1, $2, $3, true)
            ON CONFLICT (stream_id, organisation_id, kind) DO UPDATE SET released = true
        """,
        *row,
    )


async def withdraw_release(conn: Connection, youth_id: UUID, organisation_id: UUID | None) -> None:
    """Nothing more is shown to this hub; to no hub at all when none is named."""
    await conn.execute(
        """
        UPDATE reader
           SET released = false
         WHERE stream_id = $1
           AND kind = 'hub'
           AND (organisation_id = $2 OR $2 IS NULL)
        """,
        *(youth_id, organisation_id),
    )


# --- Making them anew ----------------------------------------------------------------------------


async def clear(conn: Connection, youth_id: UUID) -> None:
    """Forget what events said of a youth's readers; their own numbers for it are no events'."""
    await conn.execute("DELETE FROM reader_part WHERE stream_id = $1", youth_id)
    await conn.execute(
        "UPDATE reader SET reads = '{}', released = (kind = 'payer') WHERE stream_id = $1", youth_id
    )


async def told(conn: Connection, youth_id: UUID) -> Sequence[Any]:
    """Who may read, when; a row that opens nothing is as good as none."""
    rows = await conn.fetch(
        """
        SELECT organisation_id, kind, reads::text, released
          FROM reader
         WHERE stream_id = $1
           AND (NOT isempty(reads) OR (released AND kind = 'hub'))
         ORDER BY organisation_id, kind
        """,
        youth_id,
    )
    return [tuple(row) for row in rows]


PROJECTION = Projection("readers", EVENTS, note, clear, told)
NUMBERLESS = Projection("readers", EVENTS, note_days, clear, told)  # where no number is shown


# --- The number under which a reader knows the youth: no part of an event, asked of the owner ---


class Peers(Protocol):
    async def get(self, service: str, path: str) -> Any: ...


class Asks(Protocol):
    """What of a process's context is needed here."""

    @property
    def peers(self) -> Peers: ...


async def ask_number(conn: Connection, row: Row) -> None:
    """Add the work that fetches it, unless the number is known or already being asked for."""
    youth_id, organisation_id, kind = row
    lane = f"number/{youth_id}/{organisation_id}"
    payload = {"youth_id": str(youth_id), "organisation_id": str(organisation_id), "kind": kind}
    due_at = await conn.fetchval(
        """
        SELECT now()
          FROM reader
         WHERE stream_id = $1
           AND organisation_id = $2
           AND kind = $3
           AND value IS NULL
           AND NOT EXISTS (SELECT FROM work WHERE lane = $4 AND outcome IS NULL)
        """,
        *(*row, lane),
    )
    if due_at:
        await due.add(conn, ASK_NUMBER, payload, due_at=due_at, lane=lane)


def work(context: Asks) -> Call:
    """The due work that fetches a number; every service with readers runs it as "reader-number".

    An owner that knows none is asked again with the next event about this reader.
    """

    async def read(conn: Connection, item: Item) -> Mapping[str, str]:
        return item.payload

    async def call(asked: Mapping[str, str]) -> Mapping[str, str] | None:
        path = f"/internal/youths/{asked['youth_id']}/identifiers/{asked['organisation_id']}"
        try:
            found: Mapping[str, str] = await context.peers.get("referral", path)
        except NotFound:
            return None
        return found

    async def record(conn: Connection, item: Item, number: Mapping[str, str] | None) -> None:
        if number:
            await conn.execute(
                """
                UPDATE reader
                   SET system = $4, value = $5
                 WHERE stream_id = $1
                   AND organisation_id = $2
                   AND kind = $3
                """,
                *(UUID(item.payload["youth_id"]), UUID(item.payload["organisation_id"])),
                *(item.payload["kind"], number["system"], number["value"]),
            )

    return Call(read, call, record)


@dataclass(frozen=True)
class Number:
    """What a reader calls the youth: its own MRN, a payer's member id."""

    system: str
    value: str


def number_of(system: str | None, value: str | None) -> Number | None:
    """The number in `reader.system` and `reader.value`, once it is known."""
    return Number(system, value) if system and value else None


def patient_reference(youth_id: UUID, number: Number | None) -> dict[str, Any]:
    """The youth as this reader knows it; until its number is known the reference stands alone."""
    reference: dict[str, Any] = {"reference": f"Patient/{youth_id}"}
    if number:
        reference["identifier"] = {"system": number.system, "value": number.value}
    return reference
