"""A youth's goals, for who works with her."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from services.chassis.clock import agency_day
from services.chassis.errors import NotFound
from services.chassis.staff import Caller, Conn, touch
from services.documentation.api.staff.router import NOTE_READERS, staff
from services.documentation.api.staff.views import GoalsView, goal_view
from services.documentation.commands import plan
from services.documentation.store import facts


@staff.get("/youths/{youth_id}/goals", roles=NOTE_READERS)
async def list_goals(
    youth_id: UUID,
    conn: Conn,
    caller: Caller,
    request: Request,
    on: Annotated[date | None, Query()] = None,
) -> GoalsView:
    """The goals that a session of a day may cite: those active in the plan of that day."""
    touch(request, f"Patient/{youth_id}")
    day = on or agency_day(request.app.state.context.clock.now())
    if not await facts.works_with(conn, youth_id, caller.staff_id):
        raise NotFound("youth-unknown", "There is no such youth of yours.")
    found = await plan.citable_goals(conn, youth_id, on=day)
    return GoalsView(on=day, goals=[goal_view(goal) for goal in found])
