"""The days on which a hub service begins or ends by the dates that were sent with it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from services.chassis import work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.referral.commands import announce
from services.referral.commands.triage import start_of_day, triage
from services.referral.domain.eligibility import HubEnrolment
from services.referral.domain.states import ENDED
from services.referral.store import hubs, merges
from services.referral.store.hubs import Engaged
from services.referral.store.referrals import referral_facts
from services.referral.store.standings import lock_referral


async def remember_days(
    conn: Connection, referral_id: UUID, named: Sequence[HubEnrolment], *, today: date
) -> None:
    """Look again on each day to come on which one of these begins, or is over."""
    days = {hub.begins for hub in named if hub.begins}
    days |= {hub.ends + timedelta(days=1) for hub in named if hub.ends}
    for day in sorted(day for day in days if day > today):
        payload = {"referral_id": str(referral_id)}
        await work.add(conn, "hub-day", payload, due_at=start_of_day(day), lane=None)


async def turn_day(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Tell which hub services have begun or ended by now, and triage anew if any has.

    Those of a referral that was joined are told of the one that goes on.
    """
    merge = await merges.merge_by_referral(conn, referral_id)
    referral_id = merge.survivor_id if merge else referral_id
    state = await lock_referral(conn, referral_id)
    facts = await referral_facts(conn, referral_id)
    was = await hubs.list_engaged(conn, referral_id)
    if not await announce.tell_hubs(conn, facts.youth_id, facts.hubs, was=was, now=now):
        return
    await hubs.update_engaged(conn, referral_id, announce.active(facts.hubs, agency_day(now)))
    if state not in ENDED:
        await triage(conn, referral_id, now=now)


async def told_of(conn: Connection, referral_id: UUID) -> tuple[UUID, Sequence[Engaged]]:
    """The referral whose youth hears of a referral's hub services, and what it has heard."""
    merge = await merges.merge_by_referral(conn, referral_id)
    survivor_id = merge.survivor_id if merge else referral_id
    return survivor_id, await hubs.list_engaged(conn, survivor_id)


async def tell_survivor(
    conn: Connection, survivor_id: UUID, *, was: Sequence[Engaged], now: datetime
) -> None:
    """Tell what has changed in the hub services that a joined referral brought."""
    facts = await referral_facts(conn, survivor_id)
    if await announce.tell_hubs(conn, facts.youth_id, facts.hubs, was=was, now=now):
        today = agency_day(now)
        await hubs.update_engaged(conn, survivor_id, announce.active(facts.hubs, today))
