"""Book a session, cancel it, note that nobody came or that it took place."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.events import AppointmentBooked, AppointmentCancelled, AppointmentNoShow
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.scheduling.domain import policy
from services.scheduling.domain.appointments import (
    Appointment,
    AppointmentState,
    Booking,
    CancelledBy,
    Plan,
    Slot,
    booking_problems,
    booking_warnings,
    planned_units,
    start_of,
)
from services.scheduling.domain.availability import (
    Availability,
    availability_problems,
    availability_warnings,
    week_of,
)
from services.scheduling.domain.people import Problem
from services.scheduling.store import appointments as store
from services.scheduling.store import availability as store_availability
from services.scheduling.store import facts as fact_store

STILL_AHEAD = (AppointmentState.BOOKED, AppointmentState.FROZEN)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booked session, and what looks odd about it."""

    appointment: Appointment
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class By:
    """Who books, when, and in which series."""

    staff_id: UUID
    now: datetime
    series_id: UUID | None = None


async def book(
    conn: Connection,
    episode_id: UUID,
    plan: Plan,
    *,
    appointment_id: UUID,
    booked_by: UUID,
    only_mentor: UUID | None,
    now: datetime,
) -> Booked:
    """Book a session of an open episode with its mentor.

    `only_mentor` limits it to that mentor's own episodes. Refuses with every guard that is
    broken; a time that mentor or youth no longer has is a conflict, and the database is the judge
    (DOMAIN.md 5.7, 5.8; RELIABILITY.md B-132).
    """
    booking = await held_booking(conn, episode_id, only_mentor)
    day = plan.slot.day
    mentor = await store_availability.availability(conn, booking.mentor_id, weeks(day, day))
    if problems := problems_of(plan, booking, mentor):
        sentences = " ".join(problem.sentence for problem in problems)
        raise Refused(problems[0].code, sentences)
    booked = await take(conn, appointment_id, plan, booking, mentor, By(booked_by, now))
    if isinstance(booked, Problem):
        raise Conflict(booked.code, booked.sentence)
    return booked


def problems_of(plan: Plan, booking: Booking, mentor: Availability) -> tuple[Problem, ...]:
    """Every guard that a booking breaks, of the service and of the mentor's times."""
    session_rules = policy.session_rules(in_force(), on=plan.slot.day)
    found = booking_problems(plan, booking, session_rules)
    return (*found, *availability_problems(plan.slot, mentor))


async def take(
    conn: Connection,
    appointment_id: UUID,
    plan: Plan,
    booking: Booking,
    mentor: Availability,
    by: By,
) -> Booked | Problem:
    """Take a time that breaks no guard and tell of it; a Problem when somebody has it already."""
    session_rules = policy.session_rules(in_force(), on=plan.slot.day)
    units = planned_units(plan.slot, session_rules)
    if not await store.add_appointment(
        conn,
        appointment_id,
        booking,
        plan,
        planned_units=units,
        booked_at=by.now,
        booked_by=by.staff_id,
        series_id=by.series_id,
    ):
        return await clash(conn, booking, plan)
    event = appointment_booked(appointment_id, booking, plan, units)
    await outbox.append(conn, event, at=by.now)
    appointment = await appointment_of(conn, appointment_id, None)
    odd = availability_warnings(plan.slot, mentor)
    return Booked(appointment, (*booking_warnings(plan, session_rules), *odd))


async def held_booking(conn: Connection, episode_id: UUID, only_mentor: UUID | None) -> Booking:
    """The episode; its youth held, and its mentor as she is, until the transaction ends."""
    booking = await booking_of(conn, episode_id, only_mentor)
    await fact_store.lock_youth(conn, booking.youth_id)
    booking = await booking_of(conn, episode_id, only_mentor)
    await store_availability.share_mentor(conn, booking.mentor_id)
    return booking


def weeks(first: date, last: date) -> Slot:
    """The whole weeks from one day to another."""
    return Slot(start_of(week_of(first)), start_of(week_of(last) + timedelta(weeks=1)))


async def cancel(
    conn: Connection,
    appointment_id: UUID,
    *,
    cancelled_by: CancelledBy,
    only_mentor: UUID | None,
    now: datetime,
) -> Appointment:
    """Give the time back; cancelled again, nothing changes."""
    appointment = await held(conn, appointment_id, only_mentor)
    if appointment.state == AppointmentState.CANCELLED:
        return appointment
    if appointment.state not in STILL_AHEAD:
        raise Conflict("not-booked", f"The appointment is {said(appointment.state)}.")
    await store.update_appointment(
        conn, appointment_id, AppointmentState.CANCELLED, cancelled_by=cancelled_by
    )
    event = AppointmentCancelled(
        youth_id=appointment.youth_id,
        referral_id=appointment.referral_id,
        appointment_id=appointment_id,
        episode_id=appointment.episode_id,
        mentor_id=appointment.mentor_id,
        reason=cancelled_by,
    )
    await outbox.append(conn, event, at=now)
    return await appointment_of(conn, appointment_id, None)


async def cancel_missed(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """What was frozen when its time came did not take place; said once the hold is over."""
    for appointment_id in await store.list_missed(conn, referral_id, before=now):
        await cancel(
            conn, appointment_id, cancelled_by=CancelledBy.AGENCY, only_mentor=None, now=now
        )


async def note_no_show(
    conn: Connection, appointment_id: UUID, *, only_mentor: UUID | None, now: datetime
) -> Appointment:
    """The youth did not come; said again, nothing changes. Nobody misses what has not begun."""
    appointment = await held(conn, appointment_id, only_mentor)
    if appointment.state == AppointmentState.NO_SHOW:
        return appointment
    if appointment.state not in STILL_AHEAD:
        raise Conflict("not-booked", f"The appointment is {said(appointment.state)}.")
    if now < appointment.plan.slot.start:
        raise Refused("not-begun", "The session has not begun yet: cancel it instead.")
    await store.update_appointment(conn, appointment_id, AppointmentState.NO_SHOW)
    event = AppointmentNoShow(
        youth_id=appointment.youth_id,
        referral_id=appointment.referral_id,
        appointment_id=appointment_id,
        episode_id=appointment.episode_id,
        mentor_id=appointment.mentor_id,
    )
    await outbox.append(conn, event, at=now)
    return await appointment_of(conn, appointment_id, None)


async def complete(conn: Connection, appointment_id: UUID, youth_id: UUID) -> None:
    """The session was held. One that we do not know, or that has this state, changes nothing."""
    await fact_store.lock_youth(conn, youth_id)
    appointment = await store.appointment_by_id(conn, appointment_id)
    if appointment and appointment.youth_id == youth_id and appointment.state in STILL_AHEAD:
        await store.update_appointment(conn, appointment_id, AppointmentState.COMPLETED)


async def booking_of(conn: Connection, episode_id: UUID, only_mentor: UUID | None) -> Booking:
    booking = await store.booking_by_episode(conn, episode_id)
    if booking is None or only_mentor not in (None, booking.mentor_id):
        raise NotFound("no-such-episode", "There is no such episode among yours.")
    return booking


async def held(conn: Connection, appointment_id: UUID, only_mentor: UUID | None) -> Appointment:
    """The appointment, its youth held until the transaction ends."""
    appointment = await appointment_of(conn, appointment_id, only_mentor)
    await fact_store.lock_youth(conn, appointment.youth_id)
    return await appointment_of(conn, appointment_id, only_mentor)


async def appointment_of(
    conn: Connection, appointment_id: UUID, only_mentor: UUID | None
) -> Appointment:
    appointment = await store.appointment_by_id(conn, appointment_id)
    if appointment is None or only_mentor not in (None, appointment.mentor_id):
        raise NotFound("no-such-appointment", "There is no such appointment among yours.")
    return appointment


async def clash(conn: Connection, booking: Booking, plan: Plan) -> Problem:
    if await store.is_mentor_busy(conn, booking.mentor_id, plan.slot):
        return Problem("mentor-busy", "The mentor has another appointment at that time.")
    return Problem("youth-busy", "The youth has another appointment at that time.")


def said(state: AppointmentState) -> str:
    return state.replace("_", " ")


def appointment_booked(
    appointment_id: UUID, booking: Booking, plan: Plan, units: int
) -> AppointmentBooked:
    return AppointmentBooked(
        youth_id=booking.youth_id,
        referral_id=booking.referral_id,
        appointment_id=appointment_id,
        episode_id=booking.episode_id,
        mentor_id=booking.mentor_id,
        start=plan.slot.start,
        end=plan.slot.end,
        place_of_service=plan.place,
        modality=plan.modality,
        planned_units=units,
    )
