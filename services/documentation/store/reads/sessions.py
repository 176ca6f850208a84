"""Sessions as they stand, and as they stood before they were corrected."""

from contracts.codes import PlaceOfService
from services.chassis.db import Connection, Record
from services.documentation.domain.notes import NoteState
from services.documentation.domain.views import Reader, SessionView
from services.documentation.store.reads.page import (
    DAY_OF_SESSION,
    Asked,
    Page,
    reader,
    rows_of,
    view,
)

COLUMNS = """s.session_id, s.version, s.mentor_id, s.starts_at, s.ends_at, s.place_of_service,
               s.state"""
IN_FORCE = Page(
    COLUMNS,
    "session s",
    row="s",
    id_="s.session_id",
    where="s.state IN ('final', 'voided')",
    reads_on=DAY_OF_SESSION,
    more=("s.ends_at > {}::timestamptz", "s.starts_at < {}::timestamptz"),
    by_child=True,
)
EVER = Page(
    COLUMNS,
    "session s",
    row="s",
    id_="s.session_id",
    where="s.state IN ('final', 'voided', 'superseded')",
    reads_on=DAY_OF_SESSION,
)


async def list_sessions(conn: Connection, asked: Asked) -> list[tuple[SessionView, Reader]]:
    """Sessions that are final or void, in the order of (updated_at, id).

    `begins` to `ends` is overlapped.
    """
    rows = await rows_of(conn, IN_FORCE, asked, asked.begins, asked.ends)
    return [session(row) for row in rows]


async def list_session_versions(conn: Connection, asked: Asked) -> list[tuple[SessionView, Reader]]:
    """A session in all versions that were ever in force, the first one first."""
    return [session(row) for row in await rows_of(conn, EVER, asked)]


def session(row: Record) -> tuple[SessionView, Reader]:
    codes = {"place_of_service": PlaceOfService, "state": NoteState}
    minutes = int((row["ends_at"] - row["starts_at"]).total_seconds() // 60)
    return view(SessionView, row, codes, minutes=minutes), reader(row)
