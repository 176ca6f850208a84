"""Staff look at what a mentor has, and keep when she can come."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query, Request
from starlette.responses import Response

from contracts.codes import Role
from contracts.events import Window
from services.chassis.auth import Staff
from services.chassis.clock import AGENCY, agency_day
from services.chassis.doors import Forbidden
from services.chassis.errors import Refused
from services.chassis.staff import KEY_HEADER, Caller, Conn, touch
from services.scheduling.api.bodies import (
    CalendarLinkView,
    CalendarView,
    NewTimeOff,
    NewWindows,
    TimeOffView,
    WeekView,
)
from services.scheduling.api.bodies.base import Day
from services.scheduling.api.feeds import MEDIA_TYPE
from services.scheduling.api.staff.appointments import appointment_view, slot_of
from services.scheduling.api.staff.door import BOOKS, SEES, now_of, own, staff
from services.scheduling.commands import availability as commands
from services.scheduling.commands import feeds
from services.scheduling.domain.appointments import Slot, start_of
from services.scheduling.domain.availability import TimeOff, hours_in_week, week_of
from services.scheduling.domain.people import Window as Weekly
from services.scheduling.mapping.calendar import feed

MOST_DAYS = 366


@staff.get("/mentors/{mentor_id}/calendar", roles=SEES)
async def show_calendar(
    mentor_id: UUID,
    conn: Conn,
    caller: Caller,
    request: Request,
    from_day: Day | None = None,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 28,
) -> CalendarView:
    """What a mentor has in the weeks of these days, her windows, hours a week and time off."""
    of_own(caller, mentor_id)
    first = week_of(from_day or agency_day(now_of(request)))
    weeks = -(-days // 7)
    span = Slot(start_of(first), start_of(first + timedelta(weeks=weeks)))
    found = await commands.calendar(conn, mentor_id, span)
    touch(request, f"PractitionerRole/{mentor_id}")
    mentor = found.availability
    mondays = [first + timedelta(weeks=week) for week in range(weeks)]
    return CalendarView(
        mentor_id=mentor_id,
        windows=tuple(as_window(window) for window in mentor.windows),
        weeks=tuple(
            WeekView(
                monday=monday,
                hours=hours_in_week(monday, mentor.taken),
                max_hours=mentor.max_hours,
            )
            for monday in mondays
        ),
        time_off=tuple(time_off_view(one) for one in found.time_off),
        appointments=tuple(appointment_view(one) for one in found.appointments),
    )


@staff.put("/mentors/{mentor_id}/availability", roles={Role.SCHEDULER, Role.ADMIN})
async def change_availability(
    mentor_id: UUID, body: NewWindows, conn: Conn, caller: Caller, request: Request
) -> NewWindows:
    """A mentor's weekly windows and hours, from now on; what is booked stays."""
    await commands.change_windows(conn, mentor_id, body.as_windows(), max_hours=body.max_hours)
    touch(request, f"PractitionerRole/{mentor_id}")
    return body


@staff.post("/mentors/{mentor_id}/time-off", roles=BOOKS, status_code=201)
async def take_time_off(
    mentor_id: UUID, body: NewTimeOff, conn: Conn, caller: Caller, request: Request
) -> TimeOffView:
    """Book nothing in that time; the answer names the sessions that stand in it already."""
    of_own(caller, mentor_id)
    time_off = TimeOff(uuid4(), mentor_id, slot_of(body.begins, body.ends))
    affected = await commands.take_time_off(
        conn, time_off, entered_by=caller.staff_id, now=now_of(request)
    )
    touch(request, f"PractitionerRole/{mentor_id}")
    return time_off_view(time_off, tuple(one.appointment_id for one in affected))


@staff.post("/time-off/{time_off_id}/end", roles=BOOKS, status_code=204)
async def end_time_off(time_off_id: UUID, conn: Conn, caller: Caller) -> None:
    """The mentor can come after all."""
    await commands.end_time_off(conn, time_off_id, only_mentor=own(caller))


@staff.get("/mentors/{mentor_id}/calendar.ics", roles=SEES)
async def read_feed(mentor_id: UUID, conn: Conn, caller: Caller, request: Request) -> Response:
    """The same sessions as an iCalendar file, for who has a token."""
    of_own(caller, mentor_id)
    found = await feeds.content(conn, mentor_id, now=now_of(request))
    touch(request, f"PractitionerRole/{mentor_id}")
    return Response(feed(found.appointments, found.time_off), media_type=MEDIA_TYPE)


@staff.post("/mentors/{mentor_id}/calendar-link", roles=BOOKS, status_code=201)
async def make_calendar_link(
    mentor_id: UUID, conn: Conn, caller: Caller, request: Request
) -> CalendarLinkView:
    """A secret address that a calendar program can follow; the one before answers no more."""
    of_own(caller, mentor_id)
    if KEY_HEADER in request.headers:  # its answer would be kept, and with it the secret
        raise Refused("no-key-here", "An address is made anew each time: send no Idempotency-Key.")
    secret = await feeds.make_link(conn, mentor_id, made_by=caller.staff_id, now=now_of(request))
    touch(request, f"PractitionerRole/{mentor_id}")
    base = request.app.state.context.settings.base_url.removesuffix("/fhir")
    return CalendarLinkView(url=f"{base}/api/scheduling/calendars/{secret}.ics")


@staff.post("/mentors/{mentor_id}/calendar-link/remove", roles=BOOKS, status_code=204)
async def remove_calendar_link(
    mentor_id: UUID, conn: Conn, caller: Caller, request: Request
) -> None:
    """Nobody follows the feed by an address any more."""
    of_own(caller, mentor_id)
    await feeds.remove_link(conn, mentor_id)
    touch(request, f"PractitionerRole/{mentor_id}")


def of_own(caller: Staff, mentor_id: UUID) -> None:
    """Raise Forbidden for a mentor who asks about another."""
    if caller.roles == {Role.MENTOR} and caller.staff_id != mentor_id:
        raise Forbidden


def as_window(window: Weekly) -> Window:
    return Window(
        weekday=window.weekday, begins=on_the_wall(window.begins), ends=on_the_wall(window.ends)
    )


def on_the_wall(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def time_off_view(time_off: TimeOff, affected: tuple[UUID, ...] = ()) -> TimeOffView:
    return TimeOffView(
        time_off_id=time_off.time_off_id,
        mentor_id=time_off.mentor_id,
        begins=time_off.slot.start.astimezone(AGENCY),
        ends=time_off.slot.end.astimezone(AGENCY),
        affected=affected,
    )
