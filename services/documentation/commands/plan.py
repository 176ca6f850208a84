"""The hub's plan becomes our care plan: versions as they are told, words as they come."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from contracts.events import GoalAdded, GoalRetired
from services.chassis import outbox, work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.documentation.domain import goals
from services.documentation.domain.goals import GoalText, PlanText, PlanVersion, Standing
from services.documentation.domain.measures import is_achieved
from services.documentation.store import facts, progress
from services.documentation.store import plan as store

ASK_FOR_TEXT = "hub-plan-text"


async def hear_plan(
    conn: Connection, youth_id: UUID, referral_id: UUID, plan: PlanVersion, *, at: datetime
) -> None:
    """A version of the hub's plan: what it drops is retired now, its words are asked for.

    A version that is known changes nothing.
    """
    care_plan = await begin(conn, youth_id, referral_id)
    if not await store.add_plan_version(conn, youth_id, referral_id, plan):
        return
    await store.add_plan_goals(conn, youth_id, plan)
    await settle(conn, youth_id, referral_id, care_plan, at=at)
    payload = {"youth_id": str(youth_id), "version": plan.version, "referral_id": str(referral_id)}
    # In no lane: words may come in any order, and a version that cannot be had holds up no other.
    await work.add(conn, ASK_FOR_TEXT, payload, due_at=at, lane=None)


async def record_plan_text(
    conn: Connection, youth_id: UUID, referral_id: UUID, text: PlanText, *, now: datetime
) -> None:
    """The words of a version have come: goals get their text, and our plan can be read."""
    care_plan = await begin(conn, youth_id, referral_id)
    versions = await store.list_plan_versions(conn, referral_id)
    ours = {goal.goal_id for one in versions for goal in one.goals if goal.stands}
    newest = goals.newest(versions)
    for position, goal in enumerate(one for one in text.goals if one.goal_id in ours):
        added = await store.add_goal(
            conn, care_plan, youth_id, goal, on=agency_day(now), position=position
        )
        if not added and newest and newest.version == text.version:
            await store.update_goal_text(conn, goal)
    await store.update_plan_text(conn, youth_id, text)
    await store.update_care_plan_shown(conn, care_plan, on=agency_day(now))
    await settle(conn, youth_id, referral_id, care_plan, at=now)


async def settle_again(
    conn: Connection, youth_id: UUID, referral_id: UUID, *, at: datetime
) -> None:
    """Something has happened to the referral that its goals may follow."""
    care_plan = await begin(conn, youth_id, referral_id)
    await settle(conn, youth_id, referral_id, care_plan, at=at)


async def begin(conn: Connection, youth_id: UUID, referral_id: UUID) -> UUID:
    """The care plan of a referral, locked: whoever changes it or its goals comes in turn."""
    care_plan = goals.care_plan_id(referral_id)
    await store.add_care_plan(conn, care_plan, referral_id, youth_id)
    await store.lock_care_plan(conn, care_plan)
    return care_plan


async def settle(
    conn: Connection,
    youth_id: UUID,
    referral_id: UUID,
    care_plan: UUID,
    *,
    at: datetime,
    rated: Iterable[UUID] = (),
) -> None:
    """Bring every goal to where the newest plan and the final notes put it, and say what changed.

    May be called after any change: what stands already is left alone. `rated` are goals with a
    further rating, which show it even where they stand as before. Once the episode is over, the
    plan of its last day decides, and nothing of it is told any more: the Task has said so.
    """
    end = await facts.end_by_referral(conn, referral_id)
    versions = await store.list_plan_versions(conn, referral_id)
    plan = (end and goals.version_on(versions, end.day)) or goals.newest(versions)
    if plan is None:
        return  # no plan has been told of, so that there is no goal either
    named = {goal.goal_id: goal for goal in plan.goals}
    worked = await store.list_work(conn, care_plan)
    reviews = await progress.list_reviews(conn, care_plan)
    unchanged = set(rated)
    for before in await store.list_standings(conn, care_plan):
        work_ = worked.get(before.goal_id)
        after = goals.standing_of(
            before.goal_id,
            named.get(before.goal_id),
            worked_on=work_ is not None,
            values=work_.values if work_ else (),
            achieved=is_achieved(reviews.get(before.goal_id, ())),
            end=end,
        )
        if await store.update_standing(conn, after, on=agency_day(at)):
            unchanged.discard(before.goal_id)
            if end is None:
                await tell(conn, youth_id, care_plan, plan, before, after, at=at)
    await store.update_goal_versions(conn, unchanged)
    await store.update_care_plan_version(conn, referral_id)


async def tell(
    conn: Connection,
    youth_id: UUID,
    care_plan: UUID,
    plan: PlanVersion,
    before: Standing,
    after: Standing,
    *,
    at: datetime,
) -> None:
    """GoalAdded when a goal joins our plan, GoalRetired when it leaves; else nothing."""
    if before.is_live is after.is_live:
        return
    event = GoalAdded if after.is_live else GoalRetired
    told = event(
        youth_id=youth_id,
        goal_id=after.goal_id,
        care_plan_id=care_plan,
        effective=plan.effective,
        version=plan.version,
    )
    await outbox.append(conn, told, at=at)


async def citable_goals(conn: Connection, youth_id: UUID, *, on: date) -> list[GoalText]:
    """The goals that a session of a day may cite (G1), in words; without words yet, not here."""
    ids: set[UUID] = set()
    for referral_id in await store.list_referrals_with_plan(conn, youth_id):
        plan = goals.version_on(await store.list_plan_versions(conn, referral_id), on)
        ids |= plan.citable() if plan else set()
    return await store.list_goal_texts(conn, ids)
