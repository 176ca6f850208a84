"""Register mentors and their supervisors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.errors import Conflict, Refused
from services.scheduling.commands import standing
from services.scheduling.domain.people import Mentor, Paper, StaffMember, StaffRole
from services.scheduling.store import people as store


@dataclass(frozen=True, slots=True)
class MentorEntry:
    """A mentor as an administrator enters one; `supervised_from` is the supervisor's first day."""

    person: StaffMember
    mentor: Mentor
    degree: str
    interests: Sequence[str]
    supervisor_id: UUID
    supervised_from: date


async def register_supervisor(
    conn: Connection, person: StaffMember, papers: Sequence[Paper]
) -> None:
    """Add a licensed clinician, or renew what is known of one; the same again changes nothing."""
    await add_person(conn, person, papers, role=StaffRole.SUPERVISOR)
    for mentor_id in await store.list_supervised(conn, person.staff_id):
        await standing.tell_soon(conn, mentor_id)


async def register_mentor(conn: Connection, entry: MentorEntry) -> None:
    """Add a mentor, or renew what is known of one; the same again changes nothing.

    Another supervisor counts from `supervised_from` on, and what was before stays. Refuses a
    supervisor who is not registered, or who is the mentor. Source: DOMAIN.md 3.3
    (`supervision.linkage`).
    """
    mentor_id = entry.person.staff_id
    if entry.supervisor_id == mentor_id:
        raise Refused("supervises-self", "Nobody supervises himself or herself.")
    if await store.role_by_id(conn, entry.supervisor_id) != StaffRole.SUPERVISOR:
        raise Refused("supervisor-unknown", "Register the mentor's supervisor first.")
    await add_person(conn, entry.person, entry.mentor.papers, role=StaffRole.MENTOR)
    await store.add_mentor(conn, entry.mentor, degree=entry.degree, interests=entry.interests)
    if await supervise(conn, mentor_id, entry.supervisor_id, begins=entry.supervised_from):
        await standing.tell_on(conn, mentor_id, entry.supervised_from)
    await standing.tell_soon(conn, mentor_id)


async def supervise(
    conn: Connection, mentor_id: UUID, supervisor_id: UUID, *, begins: date
) -> bool:
    """Let a supervisor take over on a day; True if another had it. Her own day changes nothing."""
    before = await store.supervisor_on(conn, mentor_id, begins)
    if before == supervisor_id:
        return False
    await store.remove_supervision_from(conn, mentor_id, begins)
    await store.update_supervision_end(conn, mentor_id, begins)
    await store.add_supervision(conn, mentor_id, supervisor_id, begins=begins)
    return before is not None


async def add_person(
    conn: Connection, person: StaffMember, papers: Sequence[Paper], *, role: StaffRole
) -> None:
    if await store.role_by_id(conn, person.staff_id) not in (None, role):
        raise Conflict("other-role", f"This person is registered, but not as a {role}.")
    owner = await store.id_by_staff_number(conn, person.staff_number)
    if owner not in (None, person.staff_id):
        raise Conflict("staff-number-taken", "Somebody else has this staff number.")
    await store.add_staff_member(conn, person, role=role)
    await store.remove_papers(conn, person.staff_id)
    await store.add_papers(conn, person.staff_id, papers)
