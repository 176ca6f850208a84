"""End an episode: a person's act, with a reason (DOMAIN.md 5.8)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.events import EpisodeClosed, EpisodeClosing
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.scheduling.commands import appointments
from services.scheduling.commands.ends import end_assignment
from services.scheduling.domain import policy
from services.scheduling.domain.appointments import CancelledBy
from services.scheduling.domain.episodes import (
    EndOfAssignment,
    EndReason,
    Episode,
    EpisodeState,
    WaitState,
    problem_with_end,
)
from services.scheduling.store import appointments as appointment_store
from services.scheduling.store import episodes as store
from services.scheduling.store import facts as fact_store


@dataclass(frozen=True, slots=True)
class End:
    """Why an episode ends, who says so, and on which days the family was tried in vain."""

    reason: EndReason
    closed_by: UUID
    attempts: Collection[date] = ()


async def close_episode(conn: Connection, episode_id: UUID, end: End, *, now: datetime) -> Episode:
    """Cancel what is still planned and close the episode today; the mentor's hours are free again.

    The same reason again changes nothing. What has begun and is not written down yet stays.
    """
    episode = await held(conn, episode_id)
    if episode.state == EpisodeState.CLOSED and episode.opened_on:
        if episode.close_reason != end.reason:
            raise Conflict("episode-closed", "This episode was closed for another reason.")
        return episode
    facts = await store.standing(conn, episode.referral_id, episode.youth_id, at=now)
    today = agency_day(now)
    attempts_wanted = policy.attempts_before_disengaged(in_force(), on=today)
    tried = {day for day in end.attempts if day <= today}
    if problem := problem_with_end(
        facts, end.reason, tried=len(tried), attempts_wanted=attempts_wanted
    ):
        raise Refused(problem.code, problem.sentence)
    about = {
        "youth_id": episode.youth_id,
        "referral_id": episode.referral_id,
        "episode_id": episode_id,
        "reason": end.reason,
        "effective": today,
    }
    await outbox.append(conn, EpisodeClosing.model_validate(about), at=now)
    await appointments.cancel_missed(conn, episode.referral_id, now=now)
    for appointment_id in await appointment_store.list_ahead(conn, episode.referral_id, after=now):
        await appointments.cancel(
            conn, appointment_id, cancelled_by=CancelledBy.AGENCY, only_mentor=None, now=now
        )
    await store.update_episode_closed(
        conn,
        episode_id,
        closed_on=today,
        reason=end.reason,
        closed_by=end.closed_by,
        attempts=sorted(tried),
    )
    await store.update_waitlist_entry(conn, episode.referral_id, WaitState.LEFT)
    await outbox.append(conn, EpisodeClosed.model_validate(about), at=now)
    await end_assignment(
        conn, episode.referral_id, EndOfAssignment.EPISODE_CLOSED, last_day=today, now=now
    )
    return await episode_of(conn, episode_id)


async def held(conn: Connection, episode_id: UUID) -> Episode:
    """The episode, its youth held until the transaction ends."""
    episode = await episode_of(conn, episode_id)
    await fact_store.lock_youth(conn, episode.youth_id)
    return await episode_of(conn, episode_id)


async def episode_of(conn: Connection, episode_id: UUID) -> Episode:
    episode = await store.episode_by_id(conn, episode_id)
    if episode is None:
        raise NotFound("no-such-episode", "There is no such episode.")
    return episode
