"""Do what follows from all that is known of a youth, step by step, until nothing is left to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from contracts.events import EpisodeOnHold, EpisodeOpened, EpisodeResumed, ReferralWaitlisted
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.scheduling.commands import appointments
from services.scheduling.commands.ends import end_assignment, take_back_offer
from services.scheduling.domain import policy
from services.scheduling.domain.episodes import (
    Act,
    EndOfAssignment,
    EpisodeState,
    Standing,
    WaitState,
    next_act,
    reason_to_hold,
)
from services.scheduling.store import appointments as appointment_store
from services.scheduling.store import assignments
from services.scheduling.store import episodes as store
from services.scheduling.store import facts as fact_store

MOST_STEPS = 5  # hold or join, close, leave: never more in a row


@dataclass(frozen=True, slots=True)
class Case:
    """One referral in hand: its facts, and the moment that counts."""

    referral_id: UUID
    youth_id: UUID
    facts: Standing
    now: datetime

    @property
    def day(self) -> date:
        return agency_day(self.now)


async def settle_youth(conn: Connection, youth_id: UUID, *, now: datetime) -> None:
    """The same for each referral of a youth. The caller holds the youth."""
    for referral_id in await fact_store.list_referrals(conn, youth_id):
        await settle(conn, referral_id, youth_id, now=now)


async def settle(conn: Connection, referral_id: UUID, youth_id: UUID, *, now: datetime) -> None:
    """Do what the facts about a referral ask for. The caller holds the youth (`lock_youth`).

    Called again without a new fact, it does nothing.
    """
    on = agency_day(now)
    lost = policy.eligibility_lost(in_force(), on=on)
    for _ in range(MOST_STEPS):
        facts = await store.standing(conn, referral_id, youth_id, at=now)
        facts = replace(facts, policy=lost)
        act = next_act(facts, on=on)
        if act is None:
            return
        await ACTS[act](conn, Case(referral_id, youth_id, facts, now))
    raise AssertionError("the facts of a referral ask for steps without end")


async def join_waitlist(conn: Connection, case: Case) -> None:
    """Wait for a mentor from the day of receipt, the first time and after each hold."""
    assert case.facts.received_on  # noqa: S101 (`next_act` asks for it)
    started = case.facts.received_on
    await store.add_waitlist_entry(conn, case.referral_id, case.youth_id, wait_started=started)
    event = ReferralWaitlisted(
        youth_id=case.youth_id, referral_id=case.referral_id, wait_started=started
    )
    await outbox.append(conn, event, at=case.now)


async def hold_wait(conn: Connection, case: Case) -> None:
    await take_back_offer(conn, case.referral_id, now=case.now)
    await store.update_waitlist_entry(conn, case.referral_id, WaitState.HELD)


async def leave_waitlist(conn: Connection, case: Case) -> None:
    await take_back_offer(conn, case.referral_id, now=case.now)
    await store.update_waitlist_entry(conn, case.referral_id, WaitState.LEFT)


async def close_pending(conn: Connection, case: Case) -> None:
    """The referral ended before service began: the mentor's hours are free again."""
    await store.update_episode(conn, case.referral_id, EpisodeState.CLOSED)
    await end_assignment(
        conn, case.referral_id, EndOfAssignment.EPISODE_CLOSED, last_day=case.day, now=case.now
    )
    await store.update_waitlist_entry(conn, case.referral_id, WaitState.LEFT)


async def open_episode(conn: Connection, case: Case) -> None:
    """Gate 2 is passed: service may begin."""
    episode = await store.episode_by_referral(conn, case.referral_id)
    assignment = await assignments.assignment_by_referral(conn, case.referral_id)
    assert episode  # noqa: S101 (made with the assignment)
    assert assignment  # noqa: S101 (`next_act` asks for it)
    # A fact may be told late: nobody is served before there is a mentor.
    opened_on = max(case.day, assignment.began)
    await store.update_episode(conn, case.referral_id, EpisodeState.OPEN, opened_on=opened_on)
    event = EpisodeOpened(
        youth_id=case.youth_id,
        referral_id=case.referral_id,
        episode_id=episode.episode_id,
        effective=opened_on,
        mentor_id=assignment.mentor_id,
        supervisor_id=assignment.supervisor_id,
    )
    await outbox.append(conn, event, at=case.now)


async def hold_episode(conn: Connection, case: Case) -> None:
    """Book nothing new and freeze what is to come; a person decides how it goes on."""
    episode = await store.episode_by_referral(conn, case.referral_id)
    reason = reason_to_hold(case.facts, on=case.day)
    assert episode  # noqa: S101 (it is open)
    assert reason  # noqa: S101 (`next_act` found one)
    await store.update_episode(conn, case.referral_id, EpisodeState.ON_HOLD, hold_reason=reason)
    await appointment_store.update_to_frozen(conn, case.referral_id, after=case.now)
    event = EpisodeOnHold(
        youth_id=case.youth_id,
        referral_id=case.referral_id,
        episode_id=episode.episode_id,
        reason=reason,
        effective=case.day,
    )
    await outbox.append(conn, event, at=case.now)


async def resume_episode(conn: Connection, case: Case) -> None:
    """The reason is gone: appointments that are still to come stand again."""
    episode = await store.episode_by_referral(conn, case.referral_id)
    assert episode  # noqa: S101 (it is on hold)
    assert episode.hold_reason  # noqa: S101 (kept by the hold)
    await store.update_episode(conn, case.referral_id, EpisodeState.OPEN)
    await appointments.cancel_missed(conn, case.referral_id, now=case.now)
    await appointment_store.update_to_booked(conn, case.referral_id, after=case.now)
    event = EpisodeResumed(
        youth_id=case.youth_id,
        referral_id=case.referral_id,
        episode_id=episode.episode_id,
        reason=episode.hold_reason,
        effective=case.day,
    )
    await outbox.append(conn, event, at=case.now)


ACTS: dict[Act, Callable[[Connection, Case], Awaitable[None]]] = {
    Act.JOIN_WAITLIST: join_waitlist,
    Act.HOLD_WAIT: hold_wait,
    Act.LEAVE_WAITLIST: leave_waitlist,
    Act.CLOSE_PENDING: close_pending,
    Act.OPEN_EPISODE: open_episode,
    Act.HOLD_EPISODE: hold_episode,
    Act.RESUME_EPISODE: resume_episode,
}
