"""A session that was none: its appointment stands as if nobody had written of it."""

from uuid import UUID

from services.chassis.db import Connection
from services.scheduling.domain.appointments import AppointmentState
from services.scheduling.store import appointments as store
from services.scheduling.store import facts


async def reopen(conn: Connection, appointment_id: UUID, youth_id: UUID) -> None:
    """The note of a session was void: its appointment waits for a note, or for a no-show, again.

    One that we do not know, or that nobody completed, changes nothing.
    """
    await facts.lock_youth(conn, youth_id)
    found = await store.appointment_by_id(conn, appointment_id)
    if found and found.youth_id == youth_id and found.state == AppointmentState.COMPLETED:
        await store.update_appointment(conn, appointment_id, AppointmentState.BOOKED)
