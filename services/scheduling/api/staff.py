"""The door for staff: mentors, the waiting list, assignments, episodes, appointments (DOMAIN 9)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query, Request

from contracts.codes import Role
from services.chassis.auth import Staff, staff_id
from services.chassis.clock import AGENCY, agency_day
from services.chassis.db import Connection
from services.chassis.doors import Forbidden
from services.chassis.errors import Refused
from services.chassis.staff import Caller, Conn, StaffRouter, touch
from services.scheduling.api.bodies import (
    AppointmentView,
    AssignmentView,
    Cancellation,
    EpisodeEnd,
    EpisodeView,
    MatchView,
    MentorView,
    NewAppointment,
    NewAssignment,
    NewMentor,
    NewSupervisor,
    PointsView,
    ReasonView,
    WaitingView,
)
from services.scheduling.commands import appointments as appointment_commands
from services.scheduling.commands import assign as assign_commands
from services.scheduling.commands import close, people
from services.scheduling.domain.appointments import Appointment, NoSuchTime, Plan, Slot, instant
from services.scheduling.domain.episodes import CLINICAL, WaitState
from services.scheduling.domain.matching import Match
from services.scheduling.domain.waitlist import Entry
from services.scheduling.store import reads
from services.scheduling.store.reads import StaffFilter

staff = StaffRouter(prefix="/api/scheduling")

LISTS = frozenset({Role.SCHEDULER, Role.COORDINATOR})
BOOKS = frozenset({Role.SCHEDULER, Role.MENTOR})
ENDS = frozenset({Role.COORDINATOR, Role.SUPERVISOR})


def now_of(request: Request) -> datetime:
    now: datetime = request.app.state.context.clock.now()
    return now


@staff.post("/mentors", roles={Role.ADMIN}, status_code=201)
async def register_mentor(
    body: NewMentor, conn: Conn, caller: Caller, request: Request
) -> MentorView:
    """Register a mentor, or renew what is known of one; the same sub is the same person."""
    view = await register(conn, body, issuer=request.app.state.context.settings.staff_issuer)
    touch(request, f"PractitionerRole/{view.mentor_id}")
    return view


async def register(conn: Connection, body: NewMentor, *, issuer: str) -> MentorView:
    """The same for the seed file, whose sections have this shape."""
    if isinstance(body.supervisor, NewSupervisor):
        await register_supervisor(conn, body.supervisor, issuer=issuer)
    mentor_id = staff_id(issuer, body.sub)
    entry = people.MentorEntry(
        person=body.as_staff_member(mentor_id),
        mentor=body.as_mentor(mentor_id),
        degree=body.degree,
        interests=body.interests,
        supervisor_id=staff_id(issuer, body.supervisor_sub),
        supervised_from=body.supervised_from,
    )
    await people.register_mentor(conn, entry)
    return MentorView(mentor_id=mentor_id, supervisor_id=entry.supervisor_id)


async def register_supervisor(conn: Connection, body: NewSupervisor, *, issuer: str) -> UUID:
    supervisor_id = staff_id(issuer, body.sub)
    person = body.as_staff_member(supervisor_id)
    await people.register_supervisor(conn, person, body.papers())
    return supervisor_id


@staff.get("/waitlist", roles=LISTS)
async def list_waitlist(
    conn: Conn,
    caller: Caller,
    request: Request,
    state: Annotated[tuple[WaitState, ...], Query()] = (WaitState.WAITING,),
) -> list[WaitingView]:
    """Who waits, in the order in which they are to be served; `state` asks for others, too."""
    now = now_of(request)
    waiting = await assign_commands.waitlist(conn, states=state, now=now)
    touch(request, *(f"ServiceRequest/{entry.referral_id}" for entry in waiting.entries))
    return [
        waiting_view(entry, place, urgent=entry.priority in waiting.urgent, now=now)
        for place, entry in enumerate(waiting.entries, 1)
    ]


@staff.get("/waitlist/{referral_id}/matches", roles=LISTS)
async def list_matches(
    referral_id: UUID, conn: Conn, caller: Caller, request: Request
) -> list[MatchView]:
    """Every mentor for a referral, the best first and the excluded last, each with its reasons."""
    found = await assign_commands.matches(conn, referral_id, now=now_of(request))
    touch(request, f"ServiceRequest/{referral_id}")
    names = await names_of(conn, [match.mentor_id for match in found])
    return [match_view(match, names[match.mentor_id]) for match in found]


@staff.post("/assignments", roles={Role.SCHEDULER}, status_code=201)
async def assign_mentor(
    body: NewAssignment, conn: Conn, caller: Caller, request: Request
) -> AssignmentView:
    """Give a waiting youth a mentor; the episode opens as soon as nothing else is missing."""
    done = await assign_commands.assign(
        conn,
        body.referral_id,
        body.mentor_id,
        assignment_id=uuid4(),
        assigned_by=caller.staff_id,
        passed_reason=body.passed_reason,
        now=now_of(request),
    )
    touch(request, f"ServiceRequest/{body.referral_id}")
    assignment = done.assignment
    return AssignmentView(
        assignment_id=assignment.assignment_id,
        referral_id=assignment.referral_id,
        youth_id=assignment.youth_id,
        mentor_id=assignment.mentor_id,
        supervisor_id=assignment.supervisor_id,
        standing_until=assignment.standing_until,
        score=assignment.score,
        reasons=assignment.reasons,
        passed_over=done.passed_over,
        episode_id=done.episode_id,
        episode_state=done.episode,
    )


@staff.post("/episodes/{episode_id}/close", roles=ENDS)
async def close_episode(
    episode_id: UUID, body: EpisodeEnd, conn: Conn, caller: Caller, request: Request
) -> EpisodeView:
    """End an episode today; what the youth needs is for a licensed supervisor to judge."""
    if body.reason in CLINICAL and Role.SUPERVISOR not in caller.roles:
        raise Forbidden
    touch(request, f"EpisodeOfCare/{episode_id}")
    end = close.End(body.reason, closed_by=caller.staff_id, attempts=body.attempts)
    episode = await close.close_episode(conn, episode_id, end, now=now_of(request))
    return EpisodeView(
        episode_id=episode.episode_id,
        referral_id=episode.referral_id,
        youth_id=episode.youth_id,
        state=episode.state,
        opened_on=episode.opened_on,
        closed_on=episode.closed_on,
        close_reason=episode.close_reason,
    )


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


def own(caller: Staff) -> UUID | None:
    """A mentor who is no scheduler acts on own episodes only: whose these are; None for all."""
    return None if Role.SCHEDULER in caller.roles else caller.staff_id


def plan_of(body: NewAppointment) -> Plan:
    try:
        slot = Slot(instant(body.start), instant(body.end))
    except NoSuchTime:
        sentence = "That time does not exist in New York: the clocks skip it."
        raise Refused("no-such-time", sentence) from None
    return Plan(slot, body.place_of_service, body.modality)


async def names_of(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    found = await reads.list_staff(conn, StaffFilter(ids=ids, limit=len(ids) or 1))
    return {
        entry.person.staff_id: " ".join((*entry.person.given, entry.person.family))
        for entry in found
    }


# --- Views ---------------------------------------------------------------------------------------


def waiting_view(entry: Entry, place: int, *, urgent: bool, now: datetime) -> WaitingView:
    return WaitingView(
        place=place,
        referral_id=entry.referral_id,
        youth_id=entry.youth_id,
        state=entry.state,
        wait_started=entry.wait_started,
        days_waiting=(agency_day(now) - entry.wait_started).days,
        urgent=urgent,
        priority=entry.priority,
        hub_service=entry.hub_service,
        languages=entry.wish.languages,
        interpreter_needed=entry.wish.interpreter_needed,
        area=entry.wish.area,
        hours_per_week=entry.wish.hours_per_week,
        mentor_id=entry.mentor_id,
        episode_id=entry.episode_id,
        episode_state=entry.episode_state,
    )


def match_view(match: Match, name: str) -> MatchView:
    return MatchView(
        mentor_id=match.mentor_id,
        name=name,
        fits=not match.excluded,
        score=match.score,
        points=tuple(
            PointsView(
                factor=part.factor,
                points=part.points,
                possible=part.possible,
                sentence=part.sentence,
            )
            for part in match.points
        ),
        excluded=tuple(ReasonView(code=p.code, sentence=p.sentence) for p in match.excluded),
        hours_left=match.hours_left,
    )


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
        warnings=warnings,
    )
