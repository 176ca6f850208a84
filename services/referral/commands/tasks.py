"""The Task that a hub reads: opened with its referral, shown anew whenever it changes."""

from datetime import datetime
from uuid import UUID, uuid5

from contracts.codes import Attestation, Gap, OpenItem, ReferralState
from contracts.events import ReferralStatusChanged
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound
from services.referral.domain.eligibility import Facts, gaps
from services.referral.domain.states import Approval, Placer, Standing, TaskRow, View, view_of
from services.referral.store import attestations, eligibility, standings, tasks
from services.referral.store.referrals import referral_facts
from services.referral.store.standings import Progress

State = ReferralState

CLOSED_BY = {  # which attestation closes which open items
    Attestation.DOCUMENTS: (
        OpenItem.COMPREHENSIVE_ASSESSMENT,
        OpenItem.CANS,
        OpenItem.HUB_PLAN,
    ),
    Attestation.CONSENT_TREATMENT: (OpenItem.CONSENT_TREATMENT,),
    Attestation.CONSENT_ROI_HUB: (OpenItem.CONSENT_ROI_HUB,),
}


async def open_task(
    conn: Connection,
    referral_id: UUID,
    task_id: UUID,
    *,
    placer: Placer | None = None,
    now: datetime,
) -> None:
    """Open the one Task of a referral that was just stored. Triage, which follows, shows it."""
    await tasks.add_task(conn, referral_id, task_id, placer, now=now)


async def adopt_placer(
    conn: Connection, referral_id: UUID, placer: Placer, *, now: datetime
) -> TaskRow:
    """Put the hub's number on a Task that we made first; the same number again changes nothing.

    Conflict when the Task has another number already.
    """
    await standings.lock_referral(conn, referral_id)
    task = await task_of(conn, referral_id)
    if task.placer == placer:
        return task
    if not await tasks.update_placer(conn, referral_id, placer):
        raise Conflict("task-has-number", "This referral's Task has another number already.")
    adopted = await task_of(conn, referral_id)
    await announce(conn, adopted, adopted.view, adopted.version, now=now)
    return adopted


async def add_note(conn: Connection, referral_id: UUID, text: str, *, now: datetime) -> None:
    """Leave a remark of the agency's on a Task, and tell its hub that there is one."""
    task = await task_of(conn, referral_id)
    note = {"time": now.isoformat(), "text": text}
    await tasks.update_note(conn, task.task_id, [*task.note, note])
    version = task.version + 1
    await tasks.update_task(conn, referral_id, task.view, version=version, now=now)
    await announce(conn, task, task.view, version, now=now)


async def renew_task(conn: Connection, referral_id: UUID, task_id: UUID, *, now: datetime) -> None:
    """Open another Task for a referral that goes on: one that has ended never reopens.

    It has the same focus and both numbers of the one before. Triage, which follows, shows it.
    """
    before = await task_of(conn, referral_id)
    await tasks.update_past(conn, referral_id)
    await tasks.add_task(conn, referral_id, task_id, before.placer, authored_on=now, now=now)


async def task_of(conn: Connection, referral_id: UUID) -> TaskRow:
    task = await tasks.task_by_referral(conn, referral_id)
    if task is None:
        raise NotFound("task-unknown", "This referral has no Task.")
    return task


async def show(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Bring the Task in step with where the referral stands; nothing happens if it is already."""
    task = await task_of(conn, referral_id)
    standing = await standing_of(conn, referral_id, now=now)
    view = view_of(standing, task.view.status if task.version else None)
    if view is None or (task.version and view == task.view):
        return
    version = task.version + 1
    await tasks.update_task(conn, referral_id, view, version=version, now=now)
    await announce(conn, task, view, version, now=now)


async def announce(
    conn: Connection, task: TaskRow, view: View, version: int, *, now: datetime
) -> None:
    event = ReferralStatusChanged(
        youth_id=task.youth_id,
        referral_id=task.referral_id,
        task_id=task.task_id,
        version=version,
        status=view.status,
        business_status=view.business,
    )
    await outbox.append(conn, event, at=now)


async def standing_of(conn: Connection, referral_id: UUID, *, now: datetime) -> Standing:
    """Everything that the Task is made of, as of now."""
    facts = await referral_facts(conn, referral_id)
    progress = await standings.progress_by_referral(conn, referral_id)
    stands = await attestations.list_attestations(conn, referral_id)
    today = agency_day(now)
    first = progress.first_session
    return Standing(
        facts.state,
        gaps=gaps_shown(facts, now=now),
        failures=tuple(dict.fromkeys(failure.code for failure in progress.failures)),
        failed_on=progress.failed_on or today,
        open_items=open_items(facts, stands),
        approval=await approval_by(conn, progress),
        has_mentor=progress.has_mentor,
        hold_reason=progress.hold_reason,
        last_visit=progress.last_visit,
        first_session=first,
        first_session_on=first and agency_day(first),
        ended_at=progress.ended_at,
        close_reason=progress.close_reason,
        close_text=progress.close_text,
        withdrawal_asked=progress.withdrawal_asked,
        care_plan_id=uuid5(referral_id, "careplan"),
    )


def gaps_shown(facts: Facts, *, now: datetime) -> tuple[Gap, ...]:
    """What is missing, where that is why the referral does not go on."""
    if facts.state in (State.INCOMPLETE, State.INELIGIBLE, State.ON_HOLD, State.CLOSED):
        return gaps(facts, on=agency_day(now))
    return ()


def open_items(facts: Facts, stands: dict[Attestation, bool]) -> tuple[OpenItem, ...]:
    """What gate 2 still lacks; an attestation that stands closes its items."""
    closed = {item for kind, items in CLOSED_BY.items() if stands.get(kind) for item in items}
    return tuple(item for item in OpenItem if item in set(facts.open_items) - closed)


async def approval_by(conn: Connection, progress: Progress) -> Approval | None:
    if progress.determination_id is None:
        return None
    confirmed = await eligibility.determination_by_id(conn, progress.determination_id)
    if confirmed is None or (made := confirmed.determination).hub_service is None:
        return None
    checks = tuple(check.name for check in made.checks)
    return Approval(confirmed.response_id, made.hub_service, made.hub_since, checks)
