"""What scheduling tells of mentors who are offered, declined or lost."""

from datetime import datetime
from uuid import UUID

from contracts.codes import ReferralState
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.referral.commands.service import assign_mentor, step
from services.referral.commands.verdict import raise_item
from services.referral.store import work_items

State = ReferralState

CONVERSATION = "family-conversation"


async def offer(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """A family is offered a mentor; who is in service already stays where it is."""
    await step(conn, referral_id, {State.ELIGIBLE, State.WAITLISTED}, State.OFFERED, now=now)


async def decline(
    conn: Connection, referral_id: UUID, *, by_family: bool, declines: int, now: datetime
) -> None:
    """Back to the waiting list; after some declines staff talk to the family, nobody is removed.

    Source: DOMAIN.md 10.
    """
    await step(conn, referral_id, {State.OFFERED}, State.WAITLISTED, now=now)
    wanted = in_force().value("waitlist.declines_before_conversation", on=agency_day(now)).value
    if by_family and declines >= wanted:
        await raise_item(conn, referral_id, CONVERSATION, now=now)


async def assign(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """A mentor is found: nothing is left to talk about."""
    await assign_mentor(conn, referral_id, now=now)
    await work_items.remove_work_items(conn, referral_id, (CONVERSATION,), now=now)


async def lose(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """The mentor serves the youth no more; who has not begun waits again.

    Who is in service is held by EpisodeOnHold, which says why.
    """
    await step(conn, referral_id, {State.ACCEPTED}, State.WAITLISTED, now=now, has_mentor=False)
