"""A mentor serves a youth no more, and another one is sought (DOMAIN.md 5.4, S24)."""

from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.events import MentorUnavailable, ReassignmentNeeded
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound
from services.scheduling.commands import appointments
from services.scheduling.commands.ends import end_assignment
from services.scheduling.commands.settle import settle
from services.scheduling.domain.appointments import CancelledBy
from services.scheduling.domain.episodes import (
    Assignment,
    EndOfAssignment,
    EpisodeState,
    WaitState,
)
from services.scheduling.store import appointments as appointment_store
from services.scheduling.store import assignments as store
from services.scheduling.store import episodes, facts
from services.scheduling.store.assignments import Made

# What staff say of one youth's mentor. A mentor who leaves leaves all of them at once.
BY_STAFF = (
    EndOfAssignment.FAMILY_REQUEST,
    EndOfAssignment.YOUTH_REQUEST,
    EndOfAssignment.CLINICAL,
    EndOfAssignment.CAPACITY,
    EndOfAssignment.SAFETY,
)
SIDES = {
    EndOfAssignment.FAMILY_REQUEST: CancelledBy.FAMILY,
    EndOfAssignment.YOUTH_REQUEST: CancelledBy.YOUTH,
    EndOfAssignment.MENTOR_LEFT: CancelledBy.MENTOR,
    EndOfAssignment.MENTOR_LEAVE: CancelledBy.MENTOR,
}


async def change_mentor(
    conn: Connection, assignment_id: UUID, reason: EndOfAssignment, *, now: datetime
) -> Made:
    """End an assignment today and seek another mentor; the same reason again changes nothing."""
    made = await held(conn, assignment_id)
    if made.ended is not None:
        if made.end_reason != reason:
            raise Conflict("assignment-ended", "This assignment ended for another reason.")
        return made
    await replace(conn, made.assignment, reason, last_day=agency_day(now), now=now)
    return await held(conn, assignment_id)


async def lose_mentor(
    conn: Connection,
    assignment_id: UUID,
    reason: EndOfAssignment,
    *,
    effective: date,
    now: datetime,
) -> None:
    """The mentor cannot come from `effective` on, the first day without; told once per youth."""
    made = await held(conn, assignment_id)
    if made.ended is not None:
        return
    gone = made.assignment
    event = MentorUnavailable(
        youth_id=gone.youth_id,
        referral_id=gone.referral_id,
        assignment_id=assignment_id,
        mentor_id=gone.mentor_id,
        reason=reason,
        effective=effective,
    )
    await outbox.append(conn, event, at=now)
    await replace(conn, gone, reason, last_day=effective - timedelta(days=1), now=now)


async def replace(
    conn: Connection, gone: Assignment, reason: EndOfAssignment, *, last_day: date, now: datetime
) -> None:
    """End an assignment; who is in service is on the list of those to be reassigned, with a gap,
    and who has not begun waits again from the day of receipt."""
    referral_id, youth_id = gone.referral_id, gone.youth_id
    await end_assignment(conn, referral_id, reason, last_day=last_day, now=now)
    episode = await episodes.episode_by_referral(conn, referral_id)
    assert episode  # noqa: S101 (made with the assignment)
    in_service = episode.state in (EpisodeState.OPEN, EpisodeState.ON_HOLD)
    wait = WaitState.REASSIGN if in_service else WaitState.HELD
    await episodes.update_waitlist_entry(conn, referral_id, wait)
    # Held before its sessions are cancelled, so that the hub's Task changes once.
    await settle(conn, referral_id, youth_id, now=now)
    for appointment_id in await appointment_store.list_ahead(conn, referral_id, after=now):
        side = SIDES.get(reason, CancelledBy.AGENCY)
        await appointments.cancel(
            conn, appointment_id, cancelled_by=side, only_mentor=None, now=now
        )
    if in_service:
        event = ReassignmentNeeded(
            youth_id=youth_id,
            referral_id=referral_id,
            assignment_id=gone.assignment_id,
            mentor_id=gone.mentor_id,
            reason=reason,
        )
        await outbox.append(conn, event, at=now)


async def held(conn: Connection, assignment_id: UUID) -> Made:
    """The assignment, its youth held until the transaction ends."""
    made = await assignment_of(conn, assignment_id)
    await facts.lock_youth(conn, made.assignment.youth_id)
    return await assignment_of(conn, assignment_id)


async def assignment_of(conn: Connection, assignment_id: UUID) -> Made:
    made = await store.assignment_by_id(conn, assignment_id)
    if made is None:
        raise NotFound("no-such-assignment", "There is no such assignment.")
    return made
