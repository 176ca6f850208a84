"""Offer a mentor to a family, who accepts or declines; the day of receipt counts through all."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from contracts.events import MentorProposed
from services.chassis import outbox, work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound
from services.chassis.rule_packs import in_force
from services.scheduling.commands import assign
from services.scheduling.commands.assign import Assigned
from services.scheduling.commands.ends import end_offer
from services.scheduling.domain import policy
from services.scheduling.domain.appointments import start_of
from services.scheduling.domain.episodes import EpisodeState, WaitState
from services.scheduling.domain.offers import DeclinedBy, OfferState, last_day
from services.scheduling.domain.people import standing_until
from services.scheduling.store import assignments as store
from services.scheduling.store import episodes, facts
from services.scheduling.store.assignments import Offer

END_OFFER = "end-offer"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which mentor for which referral, and why somebody who waits longer is passed over."""

    referral_id: UUID
    mentor_id: UUID
    passed_reason: str | None = None


async def offer(
    conn: Connection, choice: Choice, *, offer_id: UUID, offered_by: UUID, now: datetime
) -> Offer:
    """Offer a mentor; the same offer again, while it is open, changes nothing.

    The mentor's hours are kept until it is answered or expires (`clock.offer_expiry`). Refuses
    whom a hard filter excludes, and who waits for nobody.
    """
    entry = await assign.held_entry(conn, choice.referral_id)
    if standing := await store.open_offer(conn, choice.referral_id):
        if standing.mentor_id != choice.mentor_id:
            raise Conflict("offered", "Another mentor is offered: wait, or take that offer back.")
        return standing
    if entry.state not in assign.WANTS_A_MENTOR:
        raise Conflict("not-waiting", f"This referral is {entry.state}, not waiting for a mentor.")
    picked = await assign.pick(conn, entry, choice.mentor_id, now=now)
    assign.ask_why(picked.passed, choice.passed_reason)
    today = agency_day(now)
    expires_on = last_day(today, policy.offer_rules(in_force(), on=today))
    made = Offer(
        offer_id,
        entry.referral_id,
        entry.youth_id,
        choice.mentor_id,
        picked.rules.hours(entry.wish),
        expires_on,
        passed_reason=choice.passed_reason,
    )
    await store.add_offer(conn, made, offered_by=offered_by, offered_at=now)
    await episodes.update_waitlist_entry(conn, entry.referral_id, WaitState.OFFERED)
    await end_on(conn, made, DeclinedBy.EXPIRED, due_at=start_of(expires_on + timedelta(days=1)))
    event = MentorProposed(
        youth_id=entry.youth_id,
        referral_id=entry.referral_id,
        assignment_id=offer_id,
        mentor_id=choice.mentor_id,
        supervisor_id=picked.supervisor_id,
        standing_until=standing_until(picked.mentor, screenings=picked.rules.screenings),
        reasons=picked.match.reasons,
        expires_on=expires_on,
    )
    await outbox.append(conn, event, at=now)
    return made


async def accept(conn: Connection, offer_id: UUID, *, accepted_by: UUID, now: datetime) -> Assigned:
    """The family agrees: the offer becomes the assignment of the same id."""
    found = await held_offer(conn, offer_id)
    if found.state == OfferState.DECLINED:
        raise Conflict("offer-over", "This offer was declined, taken back or has expired.")
    return await assign.assign(
        conn,
        found.referral_id,
        found.mentor_id,
        assignment_id=offer_id,
        assigned_by=accepted_by,
        passed_reason=found.passed_reason,
        now=now,
    )


async def decline(conn: Connection, offer_id: UUID, by: DeclinedBy, *, now: datetime) -> Offer:
    """The offer is declined or taken back; declined again, nothing changes."""
    found = await held_offer(conn, offer_id)
    if found.state == OfferState.ACCEPTED:
        raise Conflict("offer-over", "This offer was accepted: end the assignment instead.")
    if found.state == OfferState.OPEN:
        await end_offer(conn, found, by, now=now)
        await wait_again(conn, found)
    return await held_offer(conn, offer_id)


async def end_due(conn: Connection, offer_id: UUID, by: DeclinedBy, *, now: datetime) -> None:
    """Nobody answered in time, or the mentor left; an offer that is over changes nothing."""
    found = await held_offer(conn, offer_id)
    if found.state == OfferState.OPEN:
        await end_offer(conn, found, by, now=now)
        await wait_again(conn, found)


async def wait_again(conn: Connection, offer: Offer) -> None:
    """Back to the list from which the mentor was sought."""
    episode = await episodes.episode_by_referral(conn, offer.referral_id)
    in_service = episode and episode.state in (EpisodeState.OPEN, EpisodeState.ON_HOLD)
    state = WaitState.REASSIGN if in_service else WaitState.WAITING
    await episodes.update_waitlist_entry(conn, offer.referral_id, state)


async def end_on(conn: Connection, offer: Offer, by: DeclinedBy, *, due_at: datetime) -> None:
    payload = {"offer_id": str(offer.offer_id), "by": by}
    await work.add(conn, END_OFFER, payload, due_at=due_at, lane=None)


async def held_offer(conn: Connection, offer_id: UUID) -> Offer:
    """The offer, its youth held until the transaction ends."""
    found = await store.offer_by_id(conn, offer_id)
    if found is None:
        raise NotFound("no-such-offer", "There is no such offer.")
    await facts.lock_youth(conn, found.youth_id)
    found = await store.offer_by_id(conn, offer_id)
    assert found  # noqa: S101 (an offer is never removed)
    return found
