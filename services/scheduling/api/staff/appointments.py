"""Staff book a session, cancel it, or note that nobody came."""

from datetime import datetime
from uuid import UUID, uuid4

from fastapi import Request

from services.chassis.clock import AGENCY
from services.chassis.errors import Refused
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import AppointmentView, Cancellation, NewAppointment
from services.scheduling.api.staff.door import BOOKS, now_of, own, staff
from services.scheduling.commands import appointments as appointment_commands
from services.scheduling.domain.appointments import Appointment, NoSuchTime, Plan, Slot, instant


@staff.post("/appointments", roles=BOOKS, status_code=201)
async def book_appointment(
    body: NewAppointment, conn: Conn, caller: Caller, request: Request
) -> AppointmentView:
    """Book a session of an open episode; a time that is taken is a conflict."""
    booked = await appointment_commands.book(
        conn,
        body.episode_id,
        plan_of(body),
        appointment_id=uuid4(),
        booked_by=caller.staff_id,
        only_mentor=own(caller),
        now=now_of(request),
    )
    touch(request, f"Appointment/{booked.appointment.appointment_id}")
    return appointment_view(booked.appointment, warnings=booked.warnings)


@staff.post("/appointments/{appointment_id}/cancel", roles=BOOKS)
async def cancel_appointment(
    appointment_id: UUID, body: Cancellation, conn: Conn, caller: Caller, request: Request
) -> AppointmentView:
    """Give the time back; cancelled again, nothing changes."""
    appointment = await appointment_commands.cancel(
        conn,
        appointment_id,
        cancelled_by=body.reason,
        only_mentor=own(caller),
        now=now_of(request),
    )
    touch(request, f"Appointment/{appointment_id}")
    return appointment_view(appointment)


@staff.post("/appointments/{appointment_id}/no-show", roles=BOOKS)
async def note_no_show(
    appointment_id: UUID, conn: Conn, caller: Caller, request: Request
) -> AppointmentView:
    """The youth did not come; said again, nothing changes."""
    appointment = await appointment_commands.note_no_show(
        conn, appointment_id, only_mentor=own(caller), now=now_of(request)
    )
    touch(request, f"Appointment/{appointment_id}")
    return appointment_view(appointment)


def plan_of(body: NewAppointment) -> Plan:
    return Plan(slot_of(body.start, body.end), body.place_of_service, body.modality)


def slot_of(start: datetime, end: datetime) -> Slot:
    """A time as staff give it; one without an offset is New York's."""
    try:
        return Slot(instant(start), instant(end))
    except NoSuchTime:
        sentence = "That time does not exist in New York: the clocks skip it."
        raise Refused("no-such-time", sentence) from None


def appointment_view(appointment: Appointment, warnings: tuple[str, ...] = ()) -> AppointmentView:
    slot = appointment.plan.slot
    return AppointmentView(
        appointment_id=appointment.appointment_id,
        episode_id=appointment.episode_id,
        referral_id=appointment.referral_id,
        youth_id=appointment.youth_id,
        mentor_id=appointment.mentor_id,
        start=slot.start.astimezone(AGENCY),
        end=slot.end.astimezone(AGENCY),
        place_of_service=appointment.plan.place,
        modality=appointment.plan.modality,
        planned_units=appointment.planned_units,
        state=appointment.state,
        cancelled_by=appointment.cancelled_by,
        series_id=appointment.series_id,
        warnings=warnings,
    )
