"""Two referrals of one child are joined by a person, and separated again where that was wrong.

Nothing is moved: the joined referral's rows stay its own, and whoever needs both looks through the
merge (views `referral_part`, `youth_part`). No machine ever joins anything. Source: DOMAIN.md §5.1.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from contracts.codes import ReferralState
from contracts.events import (
    FromReferral,
    ReferralMerged,
    YouthIdentityMerged,
    YouthIdentityUnmerged,
)
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.referral.commands.close import end, refuse_ended
from services.referral.commands.facts import tell
from services.referral.commands.hub_days import tell_survivor
from services.referral.commands.reopen import go_on
from services.referral.commands.tasks import add_note, show
from services.referral.commands.triage import look, triage
from services.referral.domain.states import ENDED
from services.referral.store import hubs, merges, standings
from services.referral.store.merges import Merge
from services.referral.store.referrals import referral_facts

State = ReferralState

JOINED_TEXT = "Another referral of this child was joined with this one, which goes on."
SEPARATED_TEXT = "The referral that was joined with this one is a separate one again."


async def merge(
    conn: Connection,
    referral_id: UUID,
    survivor_id: UUID,
    *,
    staff_id: UUID,
    now: datetime,
    rules: RulePack | None = None,
) -> None:
    """Join a referral with the one of the same child that goes on; told again, nothing changes.

    The joined one's Task is cancelled and both senders are told; its hub services speak for the
    child from now on, the most intensive one first. What is in service is not joined, nor what
    others were joined with.
    """
    if referral_id == survivor_id:
        raise Refused("merge-with-itself", "Name the other referral, which goes on.")
    states = await lock_both(conn, referral_id, survivor_id)
    standing = await merges.merge_by_referral(conn, referral_id)
    if standing and standing.survivor_id == survivor_id:
        return
    progress = await standings.progress_by_referral(conn, referral_id)
    refuse_ended(states[referral_id])
    if State.ADMITTED in (states[referral_id], progress.held_from):
        raise Refused("in-service", "This one is in service: join the other one with it.")
    if states[survivor_id] in ENDED | {State.DUPLICATE_REVIEW}:
        raise Conflict("survivor-not-open", "Name an open referral that is not under review.")
    if await merges.list_merges(conn, referral_id):
        raise Conflict("others-joined", "Others were joined with this one: separate them first.")
    made = await merge_of(conn, referral_id, survivor_id)
    was = await hubs.list_engaged(conn, survivor_id)
    await merges.add_merge(conn, made, staff_id=staff_id, now=now)
    ended = replace(progress, close_reason="merged", ended_at=now)
    await end(conn, ended, State.MERGED, now=now)
    for youth_id in youths_of(made):
        event = ReferralMerged(
            youth_id=youth_id,
            referral_id=referral_id,
            survivor=survivor_id,
            merged_youth_id=made.youth_id,
            survivor_youth_id=made.survivor_youth_id,
        )
        await outbox.append(conn, event, at=now)
    await tell_identity(conn, made, YouthIdentityMerged, now=now)
    await show(conn, referral_id, now=now)
    await tell_survivor(conn, survivor_id, was=was, now=now)
    await go_on_with(conn, survivor_id, JOINED_TEXT, now=now, rules=rules or in_force())


async def undo(
    conn: Connection,
    referral_id: UUID,
    *,
    staff_id: UUID,
    now: datetime,
    rules: RulePack | None = None,
) -> None:
    """Separate a referral from the one that it was joined with by mistake: it goes on by itself.

    Two referrals of one youth are one too many: then it is under review again.
    """
    pack = rules or in_force()
    made = await merges.merge_by_referral(conn, referral_id)
    if made is None:
        raise Conflict("not-merged", "This referral is not joined with another one.")
    states = await lock_both(conn, referral_id, made.survivor_id)
    if await merges.merge_by_referral(conn, referral_id) != made:
        raise Conflict("not-merged", "Somebody else has just separated it.")
    await merges.lock_streams(conn, youths_of(made))
    was = await hubs.list_engaged(conn, made.survivor_id)
    await merges.update_undone(conn, made.merge_id, staff_id=staff_id, now=now)
    await tell_identity(conn, made, YouthIdentityUnmerged, now=now)
    if states[made.survivor_id] not in ENDED:
        await tell_survivor(conn, made.survivor_id, was=was, now=now)
        await go_on_with(conn, made.survivor_id, SEPARATED_TEXT, now=now, rules=pack)
    other = await merges.has_open_referral(conn, made.youth_id, but=referral_id)
    to = State.DUPLICATE_REVIEW if other else State.TRIAGE
    progress = await standings.progress_by_referral(conn, referral_id)
    await go_on(conn, progress, made.youth_id, reason="merged", to=to, now=now)
    if to is State.TRIAGE:
        await look(conn, referral_id, now=now, rules=pack)
    await show(conn, referral_id, now=now)


async def lock_both(conn: Connection, one: UUID, other: UUID) -> dict[UUID, State]:
    """Hold both, always in the same order, so that two people cannot wait for each other."""
    states: dict[UUID, State] = {}
    for referral_id in sorted((one, other)):
        state = await standings.lock_referral(conn, referral_id)
        if state is None:
            raise NotFound("referral-unknown", "There is no such referral.")
        states[referral_id] = state
    return states


async def merge_of(conn: Connection, referral_id: UUID, survivor_id: UUID) -> Merge:
    youth_id = (await referral_facts(conn, referral_id)).youth_id
    survivor_youth_id = (await referral_facts(conn, survivor_id)).youth_id
    made = Merge(uuid4(), referral_id, survivor_id, youth_id, survivor_youth_id)
    await merges.lock_streams(conn, youths_of(made))
    return made


def youths_of(made: Merge) -> list[UUID]:
    return sorted({made.youth_id, made.survivor_youth_id})


async def tell_identity(
    conn: Connection,
    made: Merge,
    type_: type[YouthIdentityMerged] | type[YouthIdentityUnmerged],
    *,
    now: datetime,
) -> None:
    """On both streams; nothing where the two referrals were of one youth all the time."""
    if not made.is_of_two_youths:
        return
    for youth_id in youths_of(made):
        event: FromReferral = type_(
            youth_id=youth_id, merged=made.youth_id, survivor=made.survivor_youth_id
        )
        await outbox.append(conn, event, at=now)


async def go_on_with(
    conn: Connection, survivor_id: UUID, text: str, *, now: datetime, rules: RulePack
) -> None:
    """Tell the survivor's sender, and look at it with the hub services that it now has."""
    await tell(conn, survivor_id, ("hubs",), now=now)
    await add_note(conn, survivor_id, text, now=now)
    await triage(conn, survivor_id, now=now, rules=rules)
