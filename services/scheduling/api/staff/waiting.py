"""Staff look at who waits for a mentor, and at the mentors for a youth."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from contracts.codes import Role
from services.chassis.clock import agency_day
from services.chassis.staff import Caller, Conn, touch
from services.scheduling.api.bodies import (
    MatchView,
    PointsView,
    ReasonView,
    SkippedView,
    WaitingView,
)
from services.scheduling.api.staff.door import LISTS, names_of, now_of, staff
from services.scheduling.commands import assign as assign_commands
from services.scheduling.commands.assign import Waiting
from services.scheduling.domain.episodes import WaitState
from services.scheduling.domain.matching import Match
from services.scheduling.domain.waitlist import Entry, explained


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
    return waiting_views(waiting, now=now)


@staff.get("/waitlist/{referral_id}/matches", roles=LISTS)
async def list_matches(
    referral_id: UUID, conn: Conn, caller: Caller, request: Request
) -> list[MatchView]:
    """Every mentor for a referral, the best first and the excluded last, each with its reasons."""
    found = await assign_commands.matches(conn, referral_id, now=now_of(request))
    touch(request, f"ServiceRequest/{referral_id}")
    names = await names_of(conn, [match.mentor_id for match in found])
    return [match_view(match, names[match.mentor_id]) for match in found]


@staff.get("/reassignments", roles=LISTS)
async def list_reassignments(conn: Conn, caller: Caller, request: Request) -> list[WaitingView]:
    """Who is in service without a mentor, by need: urgent, longest gap, longest on our books."""
    now = now_of(request)
    waiting = await assign_commands.reassignments(conn, now=now)
    touch(request, *(f"ServiceRequest/{entry.referral_id}" for entry in waiting.entries))
    return waiting_views(waiting, now=now)


@staff.get("/waitlist/passed-over", roles={Role.COORDINATOR, Role.SUPERVISOR, Role.ADMIN})
async def list_passed_over(
    conn: Conn,
    caller: Caller,
    request: Request,
    days: Annotated[int, Query(ge=1, le=3660)] = 365,
) -> list[SkippedView]:
    """Who could have had a mentor and was passed over by one who waited less, and why."""
    found = await assign_commands.skipped(conn, days=days, now=now_of(request))
    touch(request, *(f"ServiceRequest/{one.referral_id}" for one in found))
    return [
        SkippedView(
            referral_id=one.referral_id,
            times=one.times,
            days_waiting=one.days_waiting,
            reasons=one.reasons,
            languages=one.languages,
            area=one.area,
            still_waiting=one.still_waiting,
        )
        for one in found
    ]


# --- Views ---------------------------------------------------------------------------------------


def waiting_views(waiting: Waiting, *, now: datetime) -> list[WaitingView]:
    whys = explained(waiting.entries, urgent=waiting.urgent)
    return [
        waiting_view(entry, place, why, urgent=entry.priority in waiting.urgent, now=now)
        for place, (entry, why) in enumerate(zip(waiting.entries, whys, strict=True), 1)
    ]


def waiting_view(entry: Entry, place: int, why: str, *, urgent: bool, now: datetime) -> WaitingView:
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
        gap_since=entry.gap_since,
        because=why,
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
