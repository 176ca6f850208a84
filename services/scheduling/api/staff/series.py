"""Staff book sessions that recur, and cancel what is left of them."""

from datetime import datetime
from uuid import UUID, uuid4

from fastapi import Request

from services.chassis.clock import AGENCY
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import (
    AppointmentView,
    NewSeries,
    ReasonView,
    SeriesCancellation,
    SeriesView,
    TurnView,
)
from services.scheduling.api.staff.appointments import appointment_view
from services.scheduling.api.staff.door import BOOKS, now_of, own, staff
from services.scheduling.commands import series as commands
from services.scheduling.commands.appointments import By
from services.scheduling.commands.series import Turn
from services.scheduling.domain.appointments import start_of


@staff.post("/appointments/series", roles=BOOKS, status_code=201)
async def book_series(body: NewSeries, conn: Conn, caller: Caller, request: Request) -> SeriesView:
    """Book the same time every week, all or as many as can be; each time says what became of it."""
    series_id = uuid4()
    turns = await commands.book_series(
        conn,
        body.episode_id,
        body.as_series(),
        rest=body.book == "rest",
        only_mentor=own(caller),
        by=By(caller.staff_id, now_of(request), series_id),
    )
    views = tuple(turn_view(turn) for turn in turns)
    booked = [view.appointment.appointment_id for view in views if view.appointment]
    touch(request, *(f"Appointment/{id_}" for id_ in booked))
    return SeriesView(
        series_id=series_id,
        booked=len(booked),
        refused=len(views) - len(booked),
        sessions=views,
    )


@staff.post("/appointments/series/{series_id}/cancel", roles=BOOKS)
async def cancel_series(
    series_id: UUID, body: SeriesCancellation, conn: Conn, caller: Caller, request: Request
) -> list[AppointmentView]:
    """Give back what is still to come of a series; cancelled again, nothing changes."""
    now = now_of(request)
    left = await commands.cancel_series(
        conn,
        series_id,
        cancelled_by=body.reason,
        after=max(now, start_of(body.from_day)) if body.from_day else now,
        only_mentor=own(caller),
        now=now,
    )
    touch(request, *(f"Appointment/{one.appointment_id}" for one in left))
    return [appointment_view(one) for one in left]


def turn_view(turn: Turn) -> TurnView:
    booked = turn.booked
    return TurnView(
        start=on_the_wall(turn.start),
        appointment=appointment_view(booked.appointment, booked.warnings) if booked else None,
        problems=tuple(ReasonView(code=p.code, sentence=p.sentence) for p in turn.problems),
    )


def on_the_wall(local: datetime) -> datetime:
    return local.replace(tzinfo=AGENCY)
