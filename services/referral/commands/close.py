"""The ends of a referral, each by a person: declined, withdrawn, discharged; a duplicate judged."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.codes import ReferralState, TaskStatus
from contracts.events import ReferralClosed, ReferralWithdrawn
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.referral.commands.tasks import announce, show, task_of
from services.referral.commands.triage import look
from services.referral.commands.verdict import raise_item
from services.referral.domain.states import ENDED, CloseReason, TaskRow, discharge_text
from services.referral.store import standings, tasks, work_items
from services.referral.store.referrals import referral_facts
from services.referral.store.standings import Progress

State = ReferralState

IN_SERVICE = frozenset({State.ADMITTED})


async def close(
    conn: Connection,
    referral_id: UUID,
    reason: CloseReason,
    *,
    text: str | None = None,
    now: datetime,
) -> None:
    """End a referral that is not in service; the same reason again changes nothing.

    `text` is shown to the hub in its Task and told to nobody else. Service ends with its episode,
    so a referral in service is refused.
    """
    state, progress = await standing(conn, referral_id)
    if state is State.CLOSED and progress.close_reason == reason:
        return
    refuse_ended(state)
    in_service = state in IN_SERVICE or progress.held_from in IN_SERVICE
    if reason is CloseReason.DISCHARGED or (in_service and reason != CloseReason.WRONG_PATIENT):
        raise Refused("service-not-ended", "Service ends with its episode, not here.")
    youth_id = (await referral_facts(conn, referral_id)).youth_id
    event = ReferralClosed(youth_id=youth_id, referral_id=referral_id, reason=reason)
    progress = replace(progress, close_reason=reason, close_text=text, ended_at=now)
    await end(conn, progress, State.CLOSED, now=now)
    await outbox.append(conn, event, at=now)
    await show(conn, referral_id, now=now)


async def discharge(conn: Connection, referral_id: UUID, reason: str, *, now: datetime) -> None:
    """Service has ended with its episode, for this reason; one that has ended stays as it is."""
    state, progress = await standing(conn, referral_id)
    if state in ENDED:
        return
    youth_id = (await referral_facts(conn, referral_id)).youth_id
    closed = CloseReason.DISCHARGED
    event = ReferralClosed(youth_id=youth_id, referral_id=referral_id, reason=closed)
    text = discharge_text(reason)
    progress = replace(progress, close_reason=closed, close_text=text, ended_at=now)
    await end(conn, progress, State.CLOSED, now=now)
    await outbox.append(conn, event, at=now)
    await show(conn, referral_id, now=now)


async def withdraw(
    conn: Connection,
    referral_id: UUID,
    *,
    now: datetime,
    text: str | None = None,
    by_staff: bool = False,
) -> State:
    """The hub or the family takes a referral back; gives the state that follows.

    Before the first session it is withdrawn at once. Later its Task says so and staff confirm,
    with `by_staff`. One that has ended stays as it is.
    """
    state, progress = await standing(conn, referral_id)
    if state in ENDED:
        return state
    if progress.first_session and not by_staff:
        if not progress.withdrawal_asked:
            asked = replace(progress, withdrawal_asked=True)
            await standings.update_progress(conn, asked)
            await raise_item(conn, referral_id, "withdrawal-asked", now=now)
            await show(conn, referral_id, now=now)
        return state
    youth_id = (await referral_facts(conn, referral_id)).youth_id
    event = ReferralWithdrawn(youth_id=youth_id, referral_id=referral_id, reason="withdrawn")
    progress = replace(progress, close_reason="withdrawn", close_text=text, ended_at=now)
    await end(conn, progress, State.WITHDRAWN, now=now)
    await outbox.append(conn, event, at=now)
    await show(conn, referral_id, now=now)
    return State.WITHDRAWN


@dataclass(frozen=True, slots=True)
class HubChange:
    """All that a hub may change in its Task."""

    is_cancelled: bool
    text: str | None
    note: tuple[dict[str, Any], ...]


async def change_by_hub(
    conn: Connection, task: TaskRow, change: HubChange, *, now: datetime
) -> None:
    """A hub cancels its Task, or leaves a note; what changes nothing makes no new version.

    A Task that ended before its referral was reopened takes neither.
    """
    if not task.is_current:
        raise Conflict("task-ended", "This Task has ended; another one stands for its referral.")
    if change.note != task.note:
        await tasks.update_note(conn, task.task_id, list(change.note))
    if change.is_cancelled and task.view.status is not TaskStatus.CANCELLED:
        await withdraw(conn, task.referral_id, now=now, text=change.text)
    after = await task_of(conn, task.referral_id)
    if change.note != task.note and after.version == task.version:
        version = task.version + 1
        await tasks.update_task(conn, task.referral_id, after.view, version=version, now=now)
        await announce(conn, task, after.view, version, now=now)


async def clear_duplicate(
    conn: Connection, referral_id: UUID, *, now: datetime, rules: RulePack | None = None
) -> None:
    """A person says that it is another child: the referral goes on to triage."""
    state, _ = await standing(conn, referral_id)
    if state is not State.DUPLICATE_REVIEW:
        raise Conflict("no-duplicate-review", "This referral is not under duplicate review.")
    await standings.update_state(conn, referral_id, State.TRIAGE)
    await work_items.remove_work_items(conn, referral_id, ("duplicate-review",), now=now)
    await look(conn, referral_id, now=now, rules=rules or in_force())
    await show(conn, referral_id, now=now)


async def end(conn: Connection, progress: Progress, to: State, *, now: datetime) -> None:
    await standings.update_state(conn, progress.referral_id, to)
    await standings.update_progress(conn, progress)
    open_items = await work_items.list_work_items(conn, progress.referral_id)
    kinds = tuple(item.kind for item in open_items)
    await work_items.remove_work_items(conn, progress.referral_id, kinds, now=now)


def refuse_ended(state: State) -> None:
    if state in ENDED:
        raise Conflict("referral-ended", "This referral has ended already.")


async def standing(conn: Connection, referral_id: UUID) -> tuple[State, Progress]:
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    return state, await standings.progress_by_referral(conn, referral_id)
