"""Staff register mentors and their supervisors."""

from uuid import UUID

from fastapi import Request

from contracts.codes import Role
from services.chassis.auth import staff_id
from services.chassis.db import Connection
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import MentorView, NewMentor, NewSupervisor
from services.scheduling.api.staff.door import staff
from services.scheduling.commands import people


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
