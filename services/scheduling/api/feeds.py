"""The door for calendar programs, which send no token: whoever knows a mentor's secret address."""

from fastapi import Request
from starlette.responses import Response

from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.db import transaction
from services.chassis.doors import PublicRouter
from services.scheduling.commands import feeds
from services.scheduling.mapping import calendar as mapping

router = PublicRouter()

MEDIA_TYPE = "text/calendar; charset=utf-8"
# The secret is part of the address, so the record of an access does not repeat the address.
ACT = "GET /api/scheduling/calendars"


@router.get("/api/scheduling/calendars/{secret}.ics", include_in_schema=False)
async def read_feed(secret: str, request: Request) -> Response:
    """A mentor's sessions, the cancelled ones too, without anything about a child."""
    context = request.app.state.context
    async with transaction(context.pool) as conn:
        mentor_id = await feeds.mentor_of(conn, secret)
        found = await feeds.content(conn, mentor_id, now=context.clock.now())
        named = [f"PractitionerRole/{mentor_id}"]
        await audit.record(conn, Access(None, ACT, 200, named))
    return Response(mapping.feed(found.appointments, found.time_off), media_type=MEDIA_TYPE)
