"""A mentor's times: windows and hours, time off, and what is booked."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection
from services.scheduling.domain.appointments import Slot
from services.scheduling.domain.availability import Availability, TimeOff
from services.scheduling.domain.people import Window
from services.scheduling.store.people import as_json, windows_of


async def share_mentor(conn: Connection, mentor_id: UUID) -> bool:
    """Keep a mentor as she is until the transaction ends; others may do so, too."""
    return (
        await conn.fetchval("SELECT true FROM mentor WHERE mentor_id = $1 FOR SHARE", mentor_id)
        is True
    )


async def availability(conn: Connection, mentor_id: UUID, span: Slot) -> Availability:
    """What a mentor has, and when she is away, at any time within a span."""
    row = await conn.fetchrow(
        """
        SELECT m.windows, m.max_hours, m.leaves_on,
               ARRAY (SELECT during FROM time_off
                       WHERE mentor_id = $1 AND during && tstzrange($2, $3)) AS away,
               ARRAY (SELECT during FROM appointment
                       WHERE mentor_id = $1 AND during && tstzrange($2, $3)
                         AND state IN ('booked', 'frozen', 'completed')) AS taken
          FROM mentor m
         WHERE m.mentor_id = $1
        """,
        *(mentor_id, span.start, span.end),
    )
    assert row is not None  # noqa: S101 (an episode's mentor is registered)
    return Availability(
        windows_of(row["windows"]),
        row["max_hours"],
        leaves_on=row["leaves_on"],
        away=tuple(Slot(during.lower, during.upper) for during in row["away"]),
        taken=tuple(Slot(during.lower, during.upper) for during in row["taken"]),
    )


async def update_windows(
    conn: Connection, mentor_id: UUID, windows: Iterable[Window], *, max_hours: float
) -> None:
    await conn.execute(
        "UPDATE mentor SET windows = $2, max_hours = $3 WHERE mentor_id = $1",
        *(mentor_id, as_json(windows), max_hours),
    )


async def add_time_off(
    conn: Connection, time_off: TimeOff, *, entered_by: UUID, entered_at: datetime
) -> bool:
    """False if she is away at that time already."""
    added = await conn.fetchval(
        """
        INSERT INTO time_off (time_off_id, mentor_id, during, entered_by, entered_at)
        VALUES ($1, $2, tstzrange($3, $4), $5, $6)
            ON CONFLICT DO NOTHING
        RETURNING true
        """,
        *(time_off.time_off_id, time_off.mentor_id, time_off.slot.start, time_off.slot.end),
        *(entered_by, entered_at),
    )
    return added is True


async def time_off_by_id(conn: Connection, time_off_id: UUID) -> TimeOff | None:
    row = await conn.fetchrow(
        """
        SELECT time_off_id, mentor_id, lower(during) AS begins, upper(during) AS ends
          FROM time_off
         WHERE time_off_id = $1
        """,
        time_off_id,
    )
    if row is None:
        return None
    return TimeOff(row["time_off_id"], row["mentor_id"], Slot(row["begins"], row["ends"]))


async def list_time_off(conn: Connection, mentor_id: UUID, span: Slot) -> list[TimeOff]:
    rows = await conn.fetch(
        """
        SELECT time_off_id, mentor_id, lower(during) AS begins, upper(during) AS ends
          FROM time_off
         WHERE mentor_id = $1 AND during && tstzrange($2, $3)
         ORDER BY lower(during)
        """,
        *(mentor_id, span.start, span.end),
    )
    return [
        TimeOff(row["time_off_id"], row["mentor_id"], Slot(row["begins"], row["ends"]))
        for row in rows
    ]


async def remove_time_off(conn: Connection, time_off_id: UUID) -> None:
    await conn.execute("DELETE FROM time_off WHERE time_off_id = $1", time_off_id)
