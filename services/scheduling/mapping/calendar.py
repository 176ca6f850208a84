"""A mentor's appointments as an iCalendar feed that any calendar program can follow (RFC 5545).

It leaves our house and is read on telephones: no name, no place, nothing of what a session is
about. A youth is eight characters of its pseudonym, by which the mentor tells one from another.
"""

from collections.abc import Iterable
from datetime import timedelta

from icalendar import Calendar, Event
from icalendar.enums import CLASS, STATUS, TRANSP

from services.scheduling.domain.appointments import Appointment, AppointmentState
from services.scheduling.domain.availability import TimeOff

PRODUCT = "-//Waypost//Scheduling//EN"
REFRESH = timedelta(minutes=15)
DOMAIN = "waypost.example"
STATUSES = {
    AppointmentState.BOOKED: STATUS.CONFIRMED,
    AppointmentState.COMPLETED: STATUS.CONFIRMED,
    AppointmentState.FROZEN: STATUS.TENTATIVE,
    AppointmentState.NO_SHOW: STATUS.CANCELLED,
    AppointmentState.CANCELLED: STATUS.CANCELLED,
}


def feed(appointments: Iterable[Appointment], away: Iterable[TimeOff] = ()) -> bytes:
    """The feed. What is cancelled stays in it, so that a program that has it takes it out."""
    events = [*map(session, appointments), *map(time_off, away)]
    calendar = Calendar.new(
        prodid=PRODUCT,
        name="Mentoring sessions",
        refresh_interval=REFRESH,
        subcomponents=events,
    )
    calendar.add("X-PUBLISHED-TTL", REFRESH)
    text: bytes = calendar.to_ical()
    return text


def session(appointment: Appointment) -> Event:
    """One session: its id stays, its SEQUENCE grows with each change (RFC 5545, 3.8.7.4)."""
    slot = appointment.plan.slot
    cancelled = STATUSES[appointment.state] == STATUS.CANCELLED
    return Event.new(
        uid=f"{appointment.appointment_id}@{DOMAIN}",
        sequence=appointment.version - 1,
        stamp=appointment.updated_at,
        created=appointment.booked_at,
        last_modified=appointment.updated_at,
        start=slot.start,
        end=slot.end,
        summary=f"Session {str(appointment.youth_id)[:8]}",
        status=STATUSES[appointment.state],
        classification=CLASS.PRIVATE,
        transparency=TRANSP.TRANSPARENT if cancelled else TRANSP.OPAQUE,
    )


def time_off(away: TimeOff) -> Event:
    return Event.new(
        uid=f"{away.time_off_id}@{DOMAIN}",
        stamp=away.slot.start,
        start=away.slot.start,
        end=away.slot.end,
        summary="Time off",
        status=STATUS.CONFIRMED,
        classification=CLASS.PRIVATE,
        transparency=TRANSP.OPAQUE,
    )
