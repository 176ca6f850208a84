"""What becomes final is told, once per version: the session, and how its goals get on."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.events import (
    BillingImpact,
    GoalProgressUpdated,
    SessionFacts,
    SessionLogged,
    SessionNoteAmended,
)
from services.chassis import outbox
from services.chassis.db import Connection
from services.documentation.commands import plan as plans
from services.documentation.domain import units
from services.documentation.domain.goals import care_plan_id
from services.documentation.domain.notes import CitedGoal, Note, NoteState
from services.documentation.domain.review import NoteRules, Review
from services.documentation.store import facts
from services.documentation.store import notes as store
from services.documentation.store import plan as goals


async def finish(
    conn: Connection,
    note: Note,
    supervisor: UUID,
    review: Review,
    rules: NoteRules,
    *,
    now: datetime,
) -> Note:
    """Make a version of a note final and tell it: the session, then its goals, in that order.

    A correction takes the place of the version in force, which stays to be read; of its ratings
    only those that differ are told.
    """
    # One at a time per episode: the units of a day's line depend on what is logged already. The
    # care plan is locked before an event locks the stream, as wherever both are.
    await facts.lock_episode(conn, note.episode_id)
    care_plan = await plans.begin(conn, note.youth_id, note.referral_id)
    before = await store.note_in_force(conn, note.session_id)
    counted_before = await store.list_counted_goals(conn, before) if before else frozenset()
    count = await units_of(conn, note, rules) if review.billable else 0
    final = replace(
        note,
        state=NoteState.FINAL,
        billable=review.billable,
        units=count,
        rule_pack_version=rules.version,
    )
    await store.update_superseded(conn, note.session_id)
    await store.update_final(conn, final)
    await store.update_goals_off_plan(conn, note, review.citable)
    counted = tuple(cited for cited in note.goals if cited.goal_id in review.citable)
    await outbox.append(conn, session_told(final, counted, supervisor, before), at=now)
    known = {one for one in before.goals if one.goal_id in counted_before} if before else set()
    for cited in counted:
        if cited not in known:
            await tell_progress(conn, final, cited, now=now)
    worked = counted_before | {cited.goal_id for cited in counted}
    await plans.settle(conn, note.youth_id, note.referral_id, care_plan, at=now, rated=worked)
    return final


async def units_of(conn: Connection, note: Note, rules: NoteRules) -> int:
    """Units of fifteen minutes by the rule of the date of service; nobody else computes them."""
    earlier = await store.list_minutes_of_line(conn, note, note.service_day)
    return units.units_added(note.minutes, earlier, rules.rounding)


def session_told(
    note: Note, counted: tuple[CitedGoal, ...], supervisor: UUID, before: Note | None
) -> SessionFacts:
    """The session as it now stands: told for the first time, or instead of what was told before."""
    told: dict[str, Any] = {}
    if before:
        told["supersedes"], told["reason"] = before.version, note.amend_reason
        told["billing_impact"] = billing_impact(before, note)
    return (SessionNoteAmended if before else SessionLogged)(
        **told,
        youth_id=note.youth_id,
        session_id=note.session_id,
        version=note.version,
        referral_id=note.referral_id,
        episode_id=note.episode_id,
        appointment_id=note.appointment_id,
        start=note.starts_at,
        end=note.ends_at,
        place_of_service=note.place_of_service,
        modality=note.modality,
        units=note.units or 0,
        billable=note.billable,
        goal_ids=tuple(cited.goal_id for cited in counted),
        mentor_id=note.mentor_id,
        supervisor_id=supervisor,
        rule_pack_version=note.rule_pack_version or "",
    )


def billing_impact(before: Note, after: Note) -> BillingImpact:
    return BillingImpact(units_before=before.units or 0, units_after=after.units or 0)


async def tell_progress(conn: Connection, note: Note, cited: CitedGoal, *, now: datetime) -> None:
    """Say a goal's new value beside the one before it on the same scale; unrated goals say none."""
    if cited.rating is None:
        return
    scale = cited.rating.scale
    progress = GoalProgressUpdated(
        youth_id=note.youth_id,
        goal_id=cited.goal_id,
        care_plan_id=care_plan_id(note.referral_id),
        scale=scale,
        value=cited.rating.value,
        previous=await goals.value_before(conn, cited.goal_id, scale, note.starts_at),
        measured_by=cited.rating.measured_by,
        session_id=note.session_id,
    )
    await outbox.append(conn, progress, at=now)
