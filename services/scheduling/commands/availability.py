"""Keep when a mentor can come: weekly windows, hours, and time off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.scheduling.domain.appointments import Appointment, AppointmentState, Slot
from services.scheduling.domain.availability import Availability, TimeOff
from services.scheduling.domain.people import Window
from services.scheduling.store import appointments as appointment_store
from services.scheduling.store import availability as store
from services.scheduling.store import people

PLANNED = (AppointmentState.BOOKED, AppointmentState.FROZEN)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a mentor has within a span, and when she could come."""

    availability: Availability
    time_off: tuple[TimeOff, ...]
    appointments: tuple[Appointment, ...]


async def change_windows(
    conn: Connection, mentor_id: UUID, windows: Sequence[Window], *, max_hours: float
) -> None:
    """From now on matched and warned by these; what is booked stays."""
    await held(conn, mentor_id)
    await store.update_windows(conn, mentor_id, windows, max_hours=max_hours)


async def take_time_off(
    conn: Connection, time_off: TimeOff, *, entered_by: UUID, now: datetime
) -> tuple[Appointment, ...]:
    """Keep a mentor free; gives the sessions that stand in it, for a person to move or cancel."""
    if time_off.slot.end <= time_off.slot.start:
        raise Refused("ends-before-start", "Time off ends after it begins.")
    await held(conn, time_off.mentor_id)
    if not await store.add_time_off(conn, time_off, entered_by=entered_by, entered_at=now):
        raise Conflict("away-already", "The mentor is away then already: end that time off first.")
    found = await appointment_store.list_of_mentor(conn, time_off.mentor_id, time_off.slot)
    return tuple(one for one in found if one.state in PLANNED)


async def end_time_off(conn: Connection, time_off_id: UUID, *, only_mentor: UUID | None) -> None:
    """She can come after all."""
    time_off = await store.time_off_by_id(conn, time_off_id)
    if time_off is None or only_mentor not in (None, time_off.mentor_id):
        raise NotFound("no-such-time-off", "There is no such time off among yours.")
    await store.remove_time_off(conn, time_off_id)


async def calendar(conn: Connection, mentor_id: UUID, span: Slot) -> Calendar:
    """What a mentor has between two moments, the cancelled sessions too."""
    if not await store.share_mentor(conn, mentor_id):
        raise NotFound("no-such-mentor", "There is no such mentor.")
    return Calendar(
        await store.availability(conn, mentor_id, span),
        tuple(await store.list_time_off(conn, mentor_id, span)),
        tuple(await appointment_store.list_of_mentor(conn, mentor_id, span)),
    )


async def held(conn: Connection, mentor_id: UUID) -> None:
    """The mentor, so that nothing is booked meanwhile."""
    if not await people.lock_mentor(conn, mentor_id):
        raise NotFound("no-such-mentor", "There is no such mentor.")
