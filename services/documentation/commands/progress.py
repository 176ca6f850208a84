"""What people say of a goal beside its ratings: where it began, whether its target is met."""

from datetime import datetime
from uuid import UUID

from contracts.events import GoalAchieved, GoalStalled
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound
from services.documentation.commands import plan as plans
from services.documentation.domain import goals, measures
from services.documentation.domain.goals import LIVE, Rating
from services.documentation.domain.measures import GoalReview, Measurement
from services.documentation.store import facts
from services.documentation.store import plan as plan_store
from services.documentation.store import progress as store
from services.documentation.store.progress import WorkingGoal

NOT_HERE = ("goal-unknown", "There is no such goal of a youth of yours.")


async def note_baseline(
    conn: Connection, goal_id: UUID, level: Rating, *, staff_id: UUID, now: datetime
) -> Measurement:
    """The goal's level before the work began, on one scale; noted again, the new one counts."""
    goal = await own_goal(conn, goal_id, staff_id)
    goals.check_rating(level)
    noted = Measurement(agency_day(now), level.scale, level.value, level.measured_by)
    await store.add_baseline(conn, goal.goal_id, noted, by=staff_id)
    return noted


async def review_goal(
    conn: Connection,
    goal_id: UUID,
    *,
    target_met: bool,
    progress: bool,
    supervisor: UUID,
    pack: RulePack,
    now: datetime,
) -> WorkingGoal:
    """What a review found of a goal today, once a day: whether its own target is met.

    Met in two reviews, one after the other, it is achieved; without progress in as many as the
    rule says it is stalled. Each is told when it becomes so.
    """
    goal, today = await own_goal(conn, goal_id, supervisor), agency_day(now)
    if goal.lifecycle not in LIVE:
        raise Conflict("goal-is-over", "The goal is no part of the care plan any more.")
    care_plan = await plans.begin(conn, goal.youth_id, goal.referral_id)
    before = (await store.list_reviews(conn, care_plan)).get(goal_id, ())
    found = GoalReview(today, target_met, progress)
    if not await store.add_review(conn, goal_id, found, by=supervisor):
        raise Conflict("goal-reviewed-today", "The goal was reviewed today already.")
    await plans.settle(conn, goal.youth_id, goal.referral_id, care_plan, at=now)
    plan = goals.newest(await plan_store.list_plan_versions(conn, goal.referral_id))
    told = {
        "youth_id": goal.youth_id,
        "goal_id": goal_id,
        "care_plan_id": care_plan,
        "effective": today,
        "version": plan.version if plan else 1,
    }
    after = [*before, found]
    if measures.is_achieved(after) and not measures.is_achieved(before):
        await outbox.append(conn, GoalAchieved.model_validate(told), at=now)
    stalled_after = pack.value("goal.stalled_reviews", on=today).value
    if measures.reviews_without_progress(after) == stalled_after:
        await outbox.append(conn, GoalStalled.model_validate(told), at=now)
    return await own_goal(conn, goal_id, supervisor)


async def own_goal(conn: Connection, goal_id: UUID, staff_id: UUID) -> WorkingGoal:
    youth_id = await store.youth_by_goal(conn, goal_id)
    if youth_id is None or not await facts.works_with(conn, youth_id, staff_id):
        raise NotFound(*NOT_HERE)
    found = await store.list_working_goals(conn, youth_id)
    return next(goal for goal in found if goal.goal_id == goal_id)
