"""An ended referral goes on: gate 1 is looked at anew, and a new Task stands for it."""

from datetime import datetime
from uuid import UUID, uuid4

from contracts.codes import ReferralState
from contracts.events import ReferralReopened
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.referral.commands.tasks import renew_task, show
from services.referral.commands.triage import look
from services.referral.commands.verdict import raise_item
from services.referral.domain.states import CloseReason
from services.referral.store import merges, standings
from services.referral.store.referrals import referral_facts
from services.referral.store.standings import Progress

State = ReferralState


async def reopen(
    conn: Connection, referral_id: UUID, *, now: datetime, rules: RulePack | None = None
) -> None:
    """Open a closed referral again; its number and day of receipt stay.

    Refused where the youth has another open one, and for a referral that was about somebody else.
    """
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    if state is not State.CLOSED:
        raise Conflict("not-closed", "Only a closed referral is opened again.")
    progress = await standings.progress_by_referral(conn, referral_id)
    if progress.close_reason == CloseReason.WRONG_PATIENT:
        raise Refused("wrong-patient", "It was about another person: ask the hub for a new one.")
    youth_id = (await referral_facts(conn, referral_id)).youth_id
    if await merges.has_open_referral(conn, youth_id, but=referral_id):
        raise Conflict("one-open-referral", "The youth has another open referral: work with it.")
    await go_on(conn, progress, youth_id, reason="closed", now=now)
    await look(conn, referral_id, now=now, rules=rules or in_force())
    await show(conn, referral_id, now=now)


async def go_on(
    conn: Connection,
    before: Progress,
    youth_id: UUID,
    *,
    reason: str,
    to: State = State.TRIAGE,
    now: datetime,
) -> None:
    """Forget how it ended and what was decided, but not the episode, which a new mentor continues.

    The round goes on counting: what payers still answer to the one before is not asked for.
    """
    referral_id = before.referral_id
    fresh = Progress(
        referral_id, round=before.round + 1, episode_id=before.episode_id, reopened_at=now
    )
    await standings.update_progress(conn, fresh)
    await standings.update_state(conn, referral_id, to)
    await renew_task(conn, referral_id, uuid4(), now=now)
    event = ReferralReopened(youth_id=youth_id, referral_id=referral_id, reason=reason)
    await outbox.append(conn, event, at=now)
    if to is State.DUPLICATE_REVIEW:
        await raise_item(conn, referral_id, "duplicate-review", now=now)
