"""Which goals count on a day, and how one is getting on."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from contracts.codes import GoalStatus, MeasuredBy, ProgressScale
from services.chassis.errors import Refused
from services.documentation.domain import goals
from services.documentation.domain.goals import (
    Achievement,
    PlannedGoal,
    PlanVersion,
    Rating,
    check_rating,
    standing_of,
    version_on,
)

GAS, MILESTONE, FREQUENCY = ProgressScale.GAS, ProgressScale.MILESTONE, ProgressScale.FREQUENCY
CANS, REPORT = ProgressScale.CANS_ITEM, ProgressScale.SELF_REPORT
GOAL = uuid4()


def make_plan(version: int, effective: date, *planned: PlannedGoal) -> PlanVersion:
    return PlanVersion(version, effective, date(2026, 9, 14), date(2027, 3, 13), planned)


def named(status: GoalStatus = GoalStatus.ACTIVE, *, tm_assigned: bool = True) -> PlannedGoal:
    return PlannedGoal(GOAL, tm_assigned, status)


def test_before_the_first_version_no_plan_counts() -> None:
    assert version_on([make_plan(1, date(2026, 11, 9))], date(2026, 11, 8)) is None


def test_a_version_counts_from_its_day_until_the_next() -> None:
    first, second = make_plan(1, date(2026, 11, 9)), make_plan(2, date(2026, 11, 16))

    assert version_on([second, first], date(2026, 11, 15)) is first
    assert version_on([second, first], date(2026, 11, 16)) is second


def test_of_two_versions_of_one_day_the_later_received_counts() -> None:
    day = date(2026, 11, 9)

    found = version_on([make_plan(2, day), make_plan(1, day)], day)

    assert found is not None
    assert found.version == 2


@pytest.mark.parametrize("status", GoalStatus)
def test_only_an_agreed_goal_may_be_cited(status: GoalStatus) -> None:
    agreed = {GoalStatus.PLANNED, GoalStatus.ACCEPTED, GoalStatus.ACTIVE}

    assert named(status).is_citable is (status in agreed)
    assert not named(status, tm_assigned=False).is_citable


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Achievement.IN_PROGRESS),
        ([(MILESTONE, 2)], Achievement.IN_PROGRESS),
        ([(MILESTONE, 2), (MILESTONE, 3)], Achievement.IMPROVING),
        ([(MILESTONE, 3), (MILESTONE, 2)], Achievement.WORSENING),
        ([(GAS, -1), (GAS, -1)], Achievement.NO_CHANGE),
        ([(REPORT, 4), (REPORT, 2)], Achievement.IMPROVING),
        ([(CANS, 1), (CANS, 2)], Achievement.WORSENING),
        ([(GAS, -2), (MILESTONE, 4)], Achievement.IN_PROGRESS),
        ([(GAS, -2), (MILESTONE, 4), (GAS, 0)], Achievement.IMPROVING),
        ([(FREQUENCY, 2), (FREQUENCY, 6)], Achievement.IN_PROGRESS),
    ],
)
def test_a_trend_compares_values_of_one_scale(
    values: list[tuple[ProgressScale, float]], expected: Achievement
) -> None:
    assert goals.achievement(values) is expected


@pytest.mark.parametrize(
    ("scale", "value"),
    [
        (GAS, -3),
        (GAS, 3),
        (GAS, 0.5),
        (MILESTONE, -1),
        (MILESTONE, 5),
        (REPORT, 0),
        (FREQUENCY, -1),
    ],
)
def test_a_value_off_its_scale_is_refused(scale: ProgressScale, value: float) -> None:
    with pytest.raises(Refused) as refused:
        check_rating(Rating(scale, value, MeasuredBy.MENTOR))

    assert refused.value.code == "value-not-on-scale"


@pytest.mark.parametrize(
    ("scale", "value"), [(GAS, -2), (MILESTONE, 4), (REPORT, 5), (FREQUENCY, 2.5), (FREQUENCY, 400)]
)
def test_a_value_on_its_scale_is_kept(scale: ProgressScale, value: float) -> None:
    check_rating(Rating(scale, value, MeasuredBy.YOUTH))


def test_a_mentor_rates_no_cans_item() -> None:
    check_rating(Rating(CANS, 2, MeasuredBy.HUB))

    with pytest.raises(Refused) as refused:
        check_rating(Rating(CANS, 2, MeasuredBy.MENTOR))

    assert refused.value.code == "not-our-rating"


@pytest.mark.parametrize(
    ("planned", "worked_on", "lifecycle"),
    [
        (named(), False, GoalStatus.ACCEPTED),
        (named(), True, GoalStatus.ACTIVE),
        (named(GoalStatus.ON_HOLD), True, GoalStatus.ON_HOLD),
        (named(GoalStatus.COMPLETED), True, GoalStatus.COMPLETED),
        (named(GoalStatus.ENTERED_IN_ERROR), False, GoalStatus.ENTERED_IN_ERROR),
        (named(GoalStatus.CANCELLED), True, GoalStatus.CANCELLED),
        (named(tm_assigned=False), True, GoalStatus.CANCELLED),
        (None, True, GoalStatus.CANCELLED),
    ],
)
def test_a_goal_stands_as_the_newest_plan_and_the_sessions_say(
    planned: PlannedGoal | None, worked_on: bool, lifecycle: GoalStatus
) -> None:
    standing = standing_of(GOAL, planned, worked_on=worked_on, values=[])

    assert standing.lifecycle is lifecycle
    assert (standing.reason is None) is standing.is_live
    assert (standing.achievement is None) is not worked_on


def test_a_care_plan_has_one_id_for_its_referral() -> None:
    referral = UUID("a1c4e7d0-52b3-4f86-9e21-7d0c3b5a0042")

    assert goals.care_plan_id(referral) == goals.care_plan_id(referral)
    assert goals.care_plan_id(referral) != goals.care_plan_id(uuid4())


def test_nothing_is_newest_of_nothing() -> None:
    assert goals.newest([]) is None
