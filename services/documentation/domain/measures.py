"""How far a goal has come: its level at the beginning and now, and goal attainment as a T-score.

Source: DOMAIN 5.6 (progress scales), test vectors in DOMAIN 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from math import sqrt
from uuid import UUID

from contracts.codes import MeasuredBy, ProgressScale
from services.documentation.domain.goals import HIGHER_IS_BETTER, LOWER_IS_BETTER

GAS_CORRELATION = 0.30  # of goals with each other, as Kiresuk and Sherman assume it
MET_IN_A_ROW = 2  # so many reviews in which its target was met make a goal achieved (DOMAIN 5.6)


class Milestone(IntEnum):
    """The levels of scale `milestone`."""

    NOT_STARTED = 0
    EMERGING = 1
    DEVELOPING = 2
    MOSTLY_INDEPENDENT = 3
    INDEPENDENT = 4


def gas_t(levels: Sequence[float], weights: Sequence[float] | None = None) -> Decimal | None:
    """The T-score of goals by their levels from -2 to +2; 50 is as expected. None without goals.

    T = 50 + 10·Σ(w·x) / √((1 - r)·Σw² + r·(Σw)²), r = 0.30. Equal weights unless given.
    """
    if not levels:
        return None
    weights = weights or [1.0] * len(levels)
    gained = sum(weight * level for weight, level in zip(weights, levels, strict=True))
    spread = (1 - GAS_CORRELATION) * sum(w * w for w in weights) + GAS_CORRELATION * sum(
        weights
    ) ** 2
    return Decimal(str(50 + 10 * gained / sqrt(spread))).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value of a goal on a scale; `session_id` None for a level from before the first session."""

    on: date
    scale: ProgressScale
    value: float
    measured_by: MeasuredBy
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a goal on one scale. `better` None: nothing to compare, or no better end."""

    scale: ProgressScale
    baseline: Measurement
    last: Measurement
    better: bool | None

    @property
    def change(self) -> float:
        return self.last.value - self.baseline.value


def outcome(ratings: Sequence[Measurement], baselines: Sequence[Measurement]) -> Outcome | None:
    """What came of a goal on the scale that it was rated on last; None while it is not rated.

    `ratings` in the order of their sessions. It is measured from the level that somebody noted
    before the work began, or else from its first rating.
    """
    if not ratings:
        return None
    last = ratings[-1]
    noted = [one for one in baselines if one.scale is last.scale]
    first = noted[0] if noted else next(one for one in ratings if one.scale is last.scale)
    return Outcome(last.scale, first, last, is_better(first, last))


def is_better(first: Measurement, last: Measurement) -> bool | None:
    if first == last or first.value == last.value:
        return None
    if first.scale not in HIGHER_IS_BETTER | LOWER_IS_BETTER:
        return None
    return (last.value > first.value) is (first.scale in HIGHER_IS_BETTER)


@dataclass(frozen=True, slots=True)
class GoalReview:
    """What a review found: whether the goal's own target is met, whether it got on at all."""

    on: date
    target_met: bool
    progress: bool


def is_achieved(reviews: Sequence[GoalReview]) -> bool:
    """True when the last two reviews, in the order of their days, found the target met."""
    last = reviews[-MET_IN_A_ROW:]
    return len(last) == MET_IN_A_ROW and all(one.target_met for one in last)


def reviews_without_progress(reviews: Sequence[GoalReview]) -> int:
    """How many reviews, up to the last one, found neither progress nor a target that is met."""
    count = 0
    for one in reversed(reviews):
        if one.progress or one.target_met:
            break
        count += 1
    return count
