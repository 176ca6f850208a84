"""The router of this door, who may do what, and what several of its routes need."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fastapi import Request

from contracts.codes import Role
from services.chassis.auth import Staff
from services.chassis.db import Connection
from services.chassis.staff import StaffRouter
from services.scheduling.store import reads
from services.scheduling.store.reads import StaffFilter

staff = StaffRouter(prefix="/api/scheduling")

LISTS = frozenset({Role.SCHEDULER, Role.COORDINATOR})
BOOKS = frozenset({Role.SCHEDULER, Role.MENTOR})
SEES = frozenset({Role.SCHEDULER, Role.MENTOR, Role.SUPERVISOR})
ENDS = frozenset({Role.COORDINATOR, Role.SUPERVISOR})


def now_of(request: Request) -> datetime:
    now: datetime = request.app.state.context.clock.now()
    return now


def own(caller: Staff) -> UUID | None:
    """A mentor who is no scheduler acts on own episodes only: whose these are; None for all."""
    return None if Role.SCHEDULER in caller.roles else caller.staff_id


async def names_of(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    found = await reads.list_staff(conn, StaffFilter(ids=ids, limit=len(ids) or 1))
    return {
        entry.person.staff_id: " ".join((*entry.person.given, entry.person.family))
        for entry in found
    }
