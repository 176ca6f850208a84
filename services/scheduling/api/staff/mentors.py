"""Staff register mentors and their supervisors, and say when a mentor leaves."""

from uuid import UUID

from fastapi import Request

from contracts.codes import Role
from services.chassis.auth import staff_id
from services.chassis.db import Connection
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import (
    LeavingView,
    MentorLeave,
    MentorView,
    NewMentor,
    NewSupervisor,
)
from services.scheduling.api.staff.door import now_of, staff
from services.scheduling.commands import leaving, people
from services.scheduling.domain.episodes import EndOfAssignment


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


@staff.post("/mentors/{mentor_id}/leave", roles={Role.ADMIN, Role.SUPERVISOR})
async def leave(
    mentor_id: UUID, body: MentorLeave, conn: Conn, caller: Caller, request: Request
) -> LeavingView:
    """A mentor leaves: from that day on nothing is booked, and the youths are reassigned."""
    told = await leaving.leave(
        conn,
        mentor_id,
        EndOfAssignment(body.reason),
        leaves_on=body.leaves_on,
        now=now_of(request),
    )
    touch(request, f"PractitionerRole/{mentor_id}")
    return LeavingView(
        mentor_id=mentor_id,
        leaves_on=told.leaves_on,
        reason=told.reason,
        referrals=told.referrals,
    )


@staff.post("/mentors/{mentor_id}/return", roles={Role.ADMIN, Role.SUPERVISOR}, status_code=204)
async def come_back(mentor_id: UUID, conn: Conn, caller: Caller, request: Request) -> None:
    """A mentor stays, or works again: youths who have been reassigned stay so."""
    await leaving.come_back(conn, mentor_id)
    touch(request, f"PractitionerRole/{mentor_id}")
