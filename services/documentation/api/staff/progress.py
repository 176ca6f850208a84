"""A youth's goals and sessions at a glance, and what people say of a goal beside its ratings."""

from datetime import date, datetime
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from contracts.codes import GoalStatus, MeasuredBy, ProgressScale, Role
from services.chassis.errors import NotFound
from services.chassis.rule_packs import in_force
from services.chassis.staff import Caller, Conn, touch
from services.documentation.api.staff.bodies import Body
from services.documentation.api.staff.router import NOTE_READERS, now_of, staff
from services.documentation.commands import progress
from services.documentation.domain.goals import Achievement, Rating, care_plan_id
from services.documentation.domain.measures import (
    GoalReview,
    Measurement,
    Outcome,
    gas_t,
    outcome,
)
from services.documentation.store import facts
from services.documentation.store import progress as store
from services.documentation.store.progress import HeldSession, WorkingGoal

NOT_HERE = ("youth-unknown", "There is no such youth of yours.")


class BaselineBody(Body):
    """A goal's level before the work began."""

    scale: ProgressScale
    value: float = Field(allow_inf_nan=False)
    measured_by: MeasuredBy


class ReviewBody(Body):
    """What a review found: is the goal's own target met, and did it get on since the last one?"""

    target_met: bool
    progress: bool


class LevelView(BaseModel):
    on: date
    scale: ProgressScale
    value: float
    measured_by: MeasuredBy
    session_id: UUID | None = Field(description="Null for a level from before the first session.")


class OutcomeView(BaseModel):
    """What came of a goal on the scale that it was rated on last."""

    scale: ProgressScale
    baseline_level: float
    baseline_on: date
    last_level: float
    last_on: date
    change: float
    better: bool | None = Field(description="Null when there is nothing to tell.")


class ReviewView(BaseModel):
    on: date
    target_met: bool
    progress: bool


class GoalSummary(BaseModel):
    goal_id: UUID
    text: str
    lifecycle: GoalStatus
    achievement: Achievement | None
    status_on: date
    outcome: OutcomeView | None
    ratings: list[LevelView]
    reviews: list[ReviewView]


class HeldView(BaseModel):
    session_id: UUID
    version: int
    on: date
    minutes: int
    units: int
    billable: bool
    place_of_service: str
    goal_ids: list[UUID]


class SummaryView(BaseModel):
    """How a youth gets on. Ratings and sessions are listed from the first to the last."""

    youth_id: UUID
    goals: list[GoalSummary]
    gas_t: float | None = Field(description="T-score of the goals last rated on scale gas.")
    sessions: list[HeldView]
    minutes: int
    units: int
    open_notes: int


@staff.get("/youths/{youth_id}/summary", roles=NOTE_READERS)
async def summarise(youth_id: UUID, conn: Conn, caller: Caller, request: Request) -> SummaryView:
    """Goals with their ratings, sessions and units of a youth of one's own."""
    touch(request, f"Patient/{youth_id}")
    if not await facts.works_with(conn, youth_id, caller.staff_id):
        raise NotFound(*NOT_HERE)
    goals = await store.list_working_goals(conn, youth_id)
    ratings = await store.list_measurements(conn, youth_id)
    baselines = await store.list_baselines(conn, youth_id)
    reviews: dict[UUID, list[GoalReview]] = {}
    for referral_id in {goal.referral_id for goal in goals}:
        found = await store.list_reviews(conn, care_plan_id(referral_id))
        reviews |= {goal_id: list(all_) for goal_id, all_ in found.items()}
    outcomes = {
        goal.goal_id: outcome(ratings.get(goal.goal_id, ()), baselines.get(goal.goal_id, ()))
        for goal in goals
    }
    sessions = await store.list_held_sessions(conn, youth_id)
    return SummaryView(
        youth_id=youth_id,
        goals=[
            goal_summary(
                goal,
                outcomes[goal.goal_id],
                [*ratings.get(goal.goal_id, ())],
                reviews.get(goal.goal_id, []),
            )
            for goal in goals
        ],
        gas_t=t_score([one for one in outcomes.values() if one]),
        sessions=[held_view(one) for one in sessions],
        minutes=sum(one.minutes for one in sessions),
        units=sum(one.units for one in sessions),
        open_notes=await store.count_open_notes(conn, youth_id),
    )


@staff.post("/goals/{goal_id}/baseline", roles=NOTE_READERS, status_code=201)
async def note_baseline(
    goal_id: UUID, body: BaselineBody, conn: Conn, caller: Caller, request: Request
) -> LevelView:
    """Note where a goal of one's own youth stood before the work began."""
    rating = Rating(body.scale, body.value, body.measured_by)
    noted = await progress.note_baseline(
        conn, goal_id, rating, staff_id=caller.staff_id, now=now_of(request)
    )
    return level_view(noted)


@staff.post("/goals/{goal_id}/reviews", roles={Role.SUPERVISOR}, status_code=201)
async def review_goal(
    goal_id: UUID, body: ReviewBody, conn: Conn, caller: Caller, request: Request
) -> GoalSummary:
    """Say what a review found of a goal of a youth whose mentor one supervises."""
    now: datetime = now_of(request)
    goal = await progress.review_goal(
        conn,
        goal_id,
        target_met=body.target_met,
        progress=body.progress,
        supervisor=caller.staff_id,
        pack=in_force(),
        now=now,
    )
    reviews = await store.list_reviews(conn, care_plan_id(goal.referral_id))
    return goal_summary(goal, None, [], [*reviews.get(goal_id, ())])


def goal_summary(
    goal: WorkingGoal,
    found: Outcome | None,
    ratings: list[Measurement],
    reviews: list[GoalReview],
) -> GoalSummary:
    return GoalSummary(
        goal_id=goal.goal_id,
        text=goal.text,
        lifecycle=goal.lifecycle,
        achievement=goal.achievement,
        status_on=goal.status_on,
        outcome=outcome_view(found) if found else None,
        ratings=[level_view(one) for one in ratings],
        reviews=[
            ReviewView(on=one.on, target_met=one.target_met, progress=one.progress)
            for one in reviews
        ],
    )


def outcome_view(found: Outcome) -> OutcomeView:
    return OutcomeView(
        scale=found.scale,
        baseline_level=found.baseline.value,
        baseline_on=found.baseline.on,
        last_level=found.last.value,
        last_on=found.last.on,
        change=found.change,
        better=found.better,
    )


def level_view(one: Measurement) -> LevelView:
    return LevelView(
        on=one.on,
        scale=one.scale,
        value=one.value,
        measured_by=one.measured_by,
        session_id=one.session_id,
    )


def held_view(one: HeldSession) -> HeldView:
    return HeldView(
        session_id=one.session_id,
        version=one.version,
        on=one.day,
        minutes=one.minutes,
        units=one.units,
        billable=one.billable,
        place_of_service=one.place_of_service,
        goal_ids=list(one.goal_ids),
    )


def t_score(outcomes: list[Outcome]) -> float | None:
    found = gas_t([one.last.value for one in outcomes if one.scale is ProgressScale.GAS])
    return None if found is None else float(found)
