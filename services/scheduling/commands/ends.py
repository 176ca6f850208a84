"""Ends of assignments and of offers: what is told of them, whoever brings them about."""

from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.events import AssignmentEnded, MentorDeclined
from services.chassis import outbox
from services.chassis.db import Connection
from services.scheduling.domain.episodes import Assignment, EndOfAssignment
from services.scheduling.domain.offers import DeclinedBy, OfferState
from services.scheduling.store import assignments as store
from services.scheduling.store.assignments import Offer


async def end_assignment(
    conn: Connection, referral_id: UUID, reason: EndOfAssignment, *, last_day: date, now: datetime
) -> Assignment | None:
    """The mentor serves the youth no more; None when nobody did. The caller holds the youth."""
    running = await store.assignment_by_referral(conn, referral_id)
    if running is None:
        return None
    await store.update_assignment_end(conn, referral_id, ended=last_day, reason=reason)
    event = AssignmentEnded(
        youth_id=running.youth_id,
        referral_id=referral_id,
        assignment_id=running.assignment_id,
        mentor_id=running.mentor_id,
        reason=reason,
        effective=last_day + timedelta(days=1),
    )
    await outbox.append(conn, event, at=now)
    return running


async def end_offer(conn: Connection, offer: Offer, by: DeclinedBy, *, now: datetime) -> None:
    """An offer that is open is no more; the mentor's hours are free. The caller holds the youth."""
    await store.update_offer(conn, offer.offer_id, OfferState.DECLINED, declined_by=by)
    event = MentorDeclined(
        youth_id=offer.youth_id,
        referral_id=offer.referral_id,
        assignment_id=offer.offer_id,
        mentor_id=offer.mentor_id,
        reason=by,
        declines=await store.count_declined(conn, offer.referral_id),
    )
    await outbox.append(conn, event, at=now)


async def take_back_offer(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """No mentor can be taken now: an offer that is open ends. The caller holds the youth."""
    if offer := await store.open_offer(conn, referral_id):
        await end_offer(conn, offer, DeclinedBy.AGENCY, now=now)
