"""A mentor leaves, for good or for a while: all youths of that mentor are reassigned (S24).

What follows for each youth is due work of its own, so that twelve youths are no long transaction,
and none is forgotten when the process dies in between.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.chassis import work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound
from services.scheduling.commands import offers
from services.scheduling.domain.appointments import start_of
from services.scheduling.domain.episodes import EndOfAssignment
from services.scheduling.domain.offers import DeclinedBy
from services.scheduling.store import assignments as assignment_store
from services.scheduling.store import people as store

DEPART = "mentor-departs"
LOSE_MENTOR = "lose-mentor"


@dataclass(frozen=True, slots=True)
class Leaving:
    """From `leaves_on` on, the first day without, these referrals need another mentor."""

    mentor_id: UUID
    leaves_on: date
    reason: EndOfAssignment
    referrals: tuple[UUID, ...]


async def leave(
    conn: Connection,
    mentor_id: UUID,
    reason: EndOfAssignment,
    *,
    leaves_on: date,
    now: datetime,
) -> Leaving:
    """Book and give away nothing from that day on; on it, reassign the mentor's youths.

    Said again, the same changes nothing; another day replaces one that is still to come.
    """
    mentor = await held(conn, mentor_id)
    running = await assignment_store.list_running(conn, mentor_id)
    told = Leaving(mentor_id, leaves_on, reason, tuple(one.referral_id for one in running))
    if mentor.leaves_on == leaves_on:
        return told
    if not mentor.active:
        raise Conflict("mentor-gone", f"The mentor has been gone since {mentor.leaves_on}.")
    await store.update_leaving(conn, mentor_id, leaves_on=leaves_on, reason=reason)
    payload = {"mentor_id": str(mentor_id), "leaves_on": leaves_on.isoformat(), "reason": reason}
    if leaves_on > agency_day(now):
        await work.add(conn, DEPART, payload, due_at=start_of(leaves_on), lane=None)
    else:
        await depart(conn, mentor_id, reason, leaves_on=leaves_on, now=now)
    return told


async def depart(
    conn: Connection,
    mentor_id: UUID,
    reason: EndOfAssignment,
    *,
    leaves_on: date,
    now: datetime,
) -> None:
    """The day has come. One that was changed meanwhile changes nothing."""
    mentor = await held(conn, mentor_id)
    if mentor.leaves_on != leaves_on or not mentor.active:
        return
    await store.update_active(conn, mentor_id, active=False)
    for one in await assignment_store.list_running(conn, mentor_id):
        payload = {
            "assignment_id": str(one.assignment_id),
            "reason": reason,
            "effective": leaves_on.isoformat(),
        }
        await work.add(conn, LOSE_MENTOR, payload, due_at=now, lane=None)
    for offer in await assignment_store.list_open_offers(conn, mentor_id):
        await offers.end_on(conn, offer, DeclinedBy.MENTOR, due_at=now)


async def come_back(conn: Connection, mentor_id: UUID) -> None:
    """The mentor stays, or works again: to be matched from now on. Youths given away stay so."""
    await held(conn, mentor_id)
    await store.update_leaving(conn, mentor_id, leaves_on=None, reason=None)
    await store.update_active(conn, mentor_id, active=True)


async def held(conn: Connection, mentor_id: UUID) -> store.Standing:
    if not await store.lock_mentor(conn, mentor_id):
        raise NotFound("no-such-mentor", "There is no such mentor.")
    found = await store.standing_by_id(conn, mentor_id)
    assert found  # noqa: S101 (it is locked)
    return found
