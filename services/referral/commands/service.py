"""What the other services told: waiting, mentor, episode, visits. The Task follows each."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.codes import ReferralState
from services.chassis import work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.referral.commands.tasks import show
from services.referral.commands.triage import start_of_day
from services.referral.domain.states import ENDED, Business
from services.referral.store import standings
from services.referral.store.standings import Progress

State = ReferralState

BEFORE_A_MENTOR = (State.ELIGIBLE, State.WAITLISTED, State.OFFERED)


async def join_waitlist(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Eligible becomes waitlisted; a referral that is further on stays there."""
    await step(conn, referral_id, {State.ELIGIBLE}, State.WAITLISTED, now=now)


async def assign_mentor(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """A mentor is found; the payer is asked again (`clock.eligibility_recheck`)."""
    await step(conn, referral_id, set(BEFORE_A_MENTOR), State.ACCEPTED, now=now, has_mentor=True)
    await add_recheck(conn, referral_id, due_at=now)


async def open_episode(
    conn: Connection, referral_id: UUID, episode_id: UUID, *, now: datetime
) -> None:
    """Service may begin."""
    from_ = {*BEFORE_A_MENTOR, State.ACCEPTED}
    await step(conn, referral_id, from_, State.ADMITTED, now=now, episode_id=episode_id)


async def hold_episode(conn: Connection, referral_id: UUID, reason: str, *, now: datetime) -> None:
    """Nothing new is booked until the reason is gone."""
    state, progress = await standing(conn, referral_id)
    if state in ENDED or state is State.ON_HOLD:
        return
    await standings.update_state(conn, referral_id, State.ON_HOLD)
    progress = replace(progress, held_from=state, hold_reason=reason)
    await standings.update_progress(conn, progress)
    await show(conn, referral_id, now=now)


async def resume_episode(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Service goes on from where it was; what gate 1 holds stays held until gate 1 lets it go."""
    state, progress = await standing(conn, referral_id)
    if state is not State.ON_HOLD or progress.hold_reason == "gate-1":
        return
    await standings.update_state(conn, referral_id, progress.held_from or State.ADMITTED)
    progress = replace(progress, held_from=None, hold_reason=None)
    await standings.update_progress(conn, progress)
    await show(conn, referral_id, now=now)


async def book_visit(
    conn: Connection, referral_id: UUID, *, start: datetime, now: datetime
) -> None:
    """A session is planned; the payer is asked on the day before it (E18, E19)."""
    await note_visit(conn, referral_id, Business.BOOKED, now=now)
    day_before = start_of_day(agency_day(start) - timedelta(days=1))
    await add_recheck(conn, referral_id, due_at=max(now, day_before))


async def note_visit(
    conn: Connection, referral_id: UUID, visit: Business, *, now: datetime
) -> None:
    """Keep what happened last to a session; what is told late changes nothing."""
    state, progress = await standing(conn, referral_id)
    if state in ENDED or (progress.visited_at and progress.visited_at > now):
        return
    if was_before(progress, now):
        return
    progress = replace(progress, last_visit=visit, visited_at=now)
    await standings.update_progress(conn, progress)
    await show(conn, referral_id, now=now)


async def hold_session(
    conn: Connection, referral_id: UUID, *, start: datetime, now: datetime
) -> None:
    """A session was held and its note is final; the first one puts the Task in progress.

    Its note may be told after the episode's end: the Task, failed for want of a session, is then
    completed.
    """
    state, progress = await standing(conn, referral_id)
    if was_before(progress, start):
        return
    first = min(progress.first_session or start, start)
    if first != progress.first_session:
        await standings.update_progress(conn, replace(progress, first_session=first))
    if state in ENDED:
        await show(conn, referral_id, now=now)
        return
    await note_visit(conn, referral_id, Business.HELD, now=now)


def was_before(progress: Progress, at: datetime) -> bool:
    """True for what belongs to the time before the referral was reopened: another Task's."""
    return progress.reopened_at is not None and at < progress.reopened_at


async def step(
    conn: Connection,
    referral_id: UUID,
    from_: set[State],
    to: State,
    *,
    now: datetime,
    has_mentor: bool | None = None,
    episode_id: UUID | None = None,
) -> None:
    """Move on, or remember where to go back to while the referral is held."""
    state, progress = await standing(conn, referral_id)
    if state in ENDED:
        return
    if state is State.ON_HOLD and progress.held_from in from_:
        progress = replace(progress, held_from=to)
    if state in from_:
        await standings.update_state(conn, referral_id, to)
    has_mentor = progress.has_mentor if has_mentor is None else has_mentor
    episode_id = episode_id or progress.episode_id
    progress = replace(progress, has_mentor=has_mentor, episode_id=episode_id)
    await standings.update_progress(conn, progress)
    await show(conn, referral_id, now=now)


async def standing(conn: Connection, referral_id: UUID) -> tuple[State, Progress]:
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    return state, await standings.progress_by_referral(conn, referral_id)


async def add_recheck(conn: Connection, referral_id: UUID, *, due_at: datetime) -> None:
    payload = {"referral_id": str(referral_id)}
    # No lane: a session that was booked first may be held last.
    await work.add(conn, "recheck", payload, due_at=due_at, lane=None)
