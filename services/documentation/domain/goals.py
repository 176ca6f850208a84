"""Goals of the hub's plan: which one a session may cite on its day, and how one is getting on.

Source: DOMAIN 5.6 (goal states, G1, G2, scales), FHIR.md 7.6 (lifecycle and achievement).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from contracts.codes import GoalStatus, MeasuredBy, ProgressScale
from services.chassis.errors import Refused

# A goal that the hub itself has only proposed is not yet agreed with the family (E8, E10).
CITABLE = {GoalStatus.PLANNED, GoalStatus.ACCEPTED, GoalStatus.ACTIVE}
# On hold is no end: the goal stays in our plan, but no note cites it until the hub goes on.
STANDING = CITABLE | {GoalStatus.PROPOSED, GoalStatus.ON_HOLD}

LIVE = {GoalStatus.ACCEPTED, GoalStatus.ACTIVE, GoalStatus.ON_HOLD}
ENDED_AS = {
    GoalStatus.COMPLETED: GoalStatus.COMPLETED,
    GoalStatus.ENTERED_IN_ERROR: GoalStatus.ENTERED_IN_ERROR,
}
GOALS_ACHIEVED = "goals_achieved"  # scheduling's code of why an episode ended
NO_LONGER_OURS = "The hub's plan no longer names this goal for Therapeutic Mentoring."

RANGES = {
    ProgressScale.GAS: (-2, 2),
    ProgressScale.CANS_ITEM: (0, 3),
    ProgressScale.MILESTONE: (0, 4),
    ProgressScale.SELF_REPORT: (1, 5),
}
HIGHER_IS_BETTER = {ProgressScale.GAS, ProgressScale.MILESTONE}
LOWER_IS_BETTER = {ProgressScale.CANS_ITEM, ProgressScale.SELF_REPORT}


class Achievement(StrEnum):
    """Codes of HL7 goal-achievement."""

    IN_PROGRESS = "in-progress"
    IMPROVING = "improving"
    WORSENING = "worsening"
    NO_CHANGE = "no-change"
    ACHIEVED = "achieved"
    SUSTAINING = "sustaining"
    NOT_ACHIEVED = "not-achieved"
    NO_PROGRESS = "no-progress"
    NOT_ATTAINABLE = "not-attainable"


def care_plan_id(referral_id: UUID) -> UUID:
    """Our care plan's id: the same however often and in whatever order facts arrive."""
    return uuid5(referral_id, "careplan")


@dataclass(frozen=True, slots=True)
class PlannedGoal:
    """A goal as one version of the hub's plan names it."""

    goal_id: UUID
    tm_assigned: bool
    status: GoalStatus

    @property
    def stands(self) -> bool:
        """True while the goal belongs to our work, whether or not it may be cited today."""
        return self.tm_assigned and self.status in STANDING

    @property
    def is_citable(self) -> bool:
        return self.tm_assigned and self.status in CITABLE


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version of the hub's plan; counts from `effective` until the next one does.

    `period_end` is the last day; None when the plan names no end.
    """

    version: int
    effective: date
    period_start: date | None
    period_end: date | None
    goals: tuple[PlannedGoal, ...]

    def citable(self) -> frozenset[UUID]:
        return frozenset(goal.goal_id for goal in self.goals if goal.is_citable)


def version_on(versions: Iterable[PlanVersion], day: date) -> PlanVersion | None:
    """The version that counts on a day; None before the first.

    Of two that begin on one day, the later received counts.
    """
    begun = [one for one in versions if one.effective <= day]
    return max(begun, key=lambda one: (one.effective, one.version), default=None)


def newest(versions: Iterable[PlanVersion]) -> PlanVersion | None:
    """What the hub said last."""
    return max(versions, key=lambda one: one.version, default=None)


@dataclass(frozen=True, slots=True)
class GoalText:
    """A goal in the hub's words, as its owner gives them: description, targets, numbers.

    `start_date` is a FHIR date, which may be a month or a year only.
    """

    goal_id: UUID
    description: str
    category: Sequence[Mapping[str, Any]] = ()
    target: Sequence[Mapping[str, Any]] = ()
    start_date: str | None = None
    identifiers: Sequence[Mapping[str, str]] = ()
    expressed_by: str | None = None


@dataclass(frozen=True, slots=True)
class PlanText:
    """What the owner told of one version of a hub's plan when asked; `h-` ids are the hub's."""

    version: int
    title: str | None
    plan_reference: str | None
    author_reference: str | None
    goals: tuple[GoalText, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Rating:
    """A goal's value on a scale, and whose observation it is."""

    scale: ProgressScale
    value: float
    measured_by: MeasuredBy


def check_rating(rating: Rating) -> None:
    """Refuse a value that is not on its scale, or one that is not ours to give (DOMAIN 5.6)."""
    if rating.scale is ProgressScale.CANS_ITEM and rating.measured_by is not MeasuredBy.HUB:
        raise Refused("not-our-rating", "CANS items are rated by the hub's certified raters only.")
    low, high = RANGES.get(rating.scale, (0, float("inf")))
    if not low <= rating.value <= high:
        upper = "" if high == float("inf") else f" to {high:g}"
        sentence = f"On the scale {rating.scale.value} a value is {low:g}{upper or ' or more'}."
        raise Refused("value-not-on-scale", sentence)
    if rating.scale in RANGES and rating.value != int(rating.value):
        sentence = f"On the scale {rating.scale.value} a value is a whole number."
        raise Refused("value-not-on-scale", sentence)


def achievement(values: Sequence[tuple[ProgressScale, float]]) -> Achievement:
    """Where a goal is heading, from its ratings in the order of their sessions.

    Only values of one scale are compared. A count has no better end of its own, so a `frequency`
    claims no trend. Whether a target is met is for people to say.
    """
    if not values:
        return Achievement.IN_PROGRESS
    scale, last = values[-1]
    before = [value for other, value in values[:-1] if other is scale]
    if not before or scale not in HIGHER_IS_BETTER | LOWER_IS_BETTER:
        return Achievement.IN_PROGRESS
    if last == before[-1]:
        return Achievement.NO_CHANGE
    rose = last > before[-1]
    return Achievement.IMPROVING if rose is (scale in HIGHER_IS_BETTER) else Achievement.WORSENING


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a working goal is in its life, and how it is getting on."""

    goal_id: UUID
    lifecycle: GoalStatus
    achievement: Achievement | None = None
    reason: str | None = None

    @property
    def is_live(self) -> bool:
        """True while the goal belongs to our plan; PROPOSED is one whose words have just come."""
        return self.lifecycle in LIVE


@dataclass(frozen=True, slots=True)
class End:
    """The last day of an episode, and the code of why a person ended it."""

    day: date
    reason: str


def standing_of(
    goal_id: UUID,
    planned: PlannedGoal | None,
    *,
    worked_on: bool,
    values: Sequence[tuple[ProgressScale, float]],
    achieved: bool = False,
    end: End | None = None,
) -> Standing:
    """How a goal stands: what the hub's newest plan says of it, and what sessions have shown.

    `planned` is None when the newest plan does not name it. With its episode every goal that is
    still ours is completed: achieved if reviews found so, or if it was worked on and who ended the
    episode says that its goals were; not achieved else. Until then an achieved goal is maintained.
    Whether a target is met is for people to say.
    """
    trend = achievement(values) if worked_on else None
    trend = Achievement.ACHIEVED if achieved else trend
    if planned is None or not planned.stands:
        lifecycle = ENDED_AS.get(planned.status) if planned and planned.tm_assigned else None
        reason = "The hub's plan has ended this goal." if lifecycle else NO_LONGER_OURS
        return Standing(goal_id, lifecycle or GoalStatus.CANCELLED, trend, reason)
    if end:
        is_met = achieved or (worked_on and end.reason == GOALS_ACHIEVED)
        outcome = Achievement.ACHIEVED if is_met else Achievement.NOT_ACHIEVED
        return Standing(goal_id, GoalStatus.COMPLETED, outcome, "The service has ended.")
    if planned.status is GoalStatus.ON_HOLD:
        return Standing(goal_id, GoalStatus.ON_HOLD, trend)
    begun = worked_on or achieved
    return Standing(goal_id, GoalStatus.ACTIVE if begun else GoalStatus.ACCEPTED, trend)
