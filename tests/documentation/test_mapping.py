"""What a resource leaves out when a fact is not known, and how places become codes."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from fhir.resources.R4B.careplan import CarePlan
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.goal import Goal

from contracts.codes import GoalStatus, PartnerKind, PlaceOfService, ProgressScale
from services.documentation.domain.goals import Achievement
from services.documentation.domain.views import (
    Agency,
    CarePlanView,
    GoalView,
    RatingView,
    Reader,
    SessionView,
)
from services.documentation.mapping.careplan import care_plan_from_view
from services.documentation.mapping.encounter import encounter_from_session
from services.documentation.mapping.goal import goal_from_view
from services.documentation.mapping.plan import plan_text_from_answer
from tests.documentation.rig import at

SENDER = Reader(PartnerKind.HUB, is_sender=True)
AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


def make_goal(**changes: Any) -> GoalView:
    fields: dict[str, Any] = {
        "goal_id": uuid4(),
        "version": 1,
        "updated_at": AT,
        "youth_id": uuid4(),
        "referral_id": uuid4(),
        "description": "Say hello.",
        "category": [],
        "target": [],
        "identifiers": [],
        "start_date": None,
        "expressed_by": None,
        "lifecycle": GoalStatus.ACCEPTED,
        "achievement": None,
        "status_on": date(2026, 11, 20),
        "status_reason": None,
    }
    return GoalView(**fields | changes)


def make_plan(**changes: Any) -> CarePlanView:
    fields: dict[str, Any] = {
        "care_plan_id": uuid4(),
        "version": 1,
        "updated_at": AT,
        "youth_id": uuid4(),
        "referral_id": uuid4(),
        "created_on": date(2026, 11, 18),
        "opened_on": None,
        "held_from": None,
        "ends_on": None,
        "plan_reference": None,
        "plan_title": None,
        "mentor_id": None,
        "supervisor_id": None,
    }
    return CarePlanView(**fields | changes)


def make_rating(value: float, scale: ProgressScale = ProgressScale.MILESTONE) -> RatingView:
    return RatingView(uuid4(), scale, value, uuid4(), AT)


def test_a_goal_of_which_little_is_known_says_little() -> None:
    goal = goal_from_view(make_goal(), SENDER)

    Goal.model_validate(goal)
    assert {"identifier", "category", "target", "note", "achievementStatus"}.isdisjoint(goal)
    assert {"startDate", "expressedBy", "statusReason"}.isdisjoint(goal)
    assert "identifier" not in goal["subject"]


def test_a_plan_of_which_little_is_known_says_little() -> None:
    plan = care_plan_from_view(make_plan(), SENDER)

    CarePlan.model_validate(plan)
    assert plan["status"] == "draft"
    assert {"basedOn", "period", "author", "contributor", "goal"}.isdisjoint(plan)
    assert "<ul>" not in plan["text"]["div"]


def test_a_hub_plan_that_ended_before_the_episode_gives_it_no_end() -> None:
    days = {"opened_on": date(2026, 11, 19), "ends_on": date(2026, 11, 1)}

    plan = care_plan_from_view(make_plan(**days), SENDER)

    assert plan["period"] == {"start": "2026-11-19"}


def test_a_rating_without_a_highest_value_stands_alone() -> None:
    """And a goal may have been rated under a mentor who left, with nobody in her place yet."""
    rated = make_goal(
        lifecycle=GoalStatus.ACTIVE,
        achievement=Achievement.IN_PROGRESS,
        ratings=(make_rating(2.5, ProgressScale.FREQUENCY),),
    )

    plan = care_plan_from_view(make_plan(goals=(rated,)), SENDER)

    CarePlan.model_validate(plan)
    assert plan["activity"][0]["progress"][0]["text"] == "In progress, rating 2.5."
    assert "performer" not in plan["activity"][0]["detail"]
    assert "In progress.</li>" in plan["text"]["div"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([2], "Rating 2 in one session."),
        ([2, 3, 2], "Rating stands at 2 after three sessions."),
        ([0] * 10 + [4], "Rating moved from 0 to 4 over 11 sessions."),
    ],
)
def test_ratings_become_a_sentence_of_numbers(values: list[float], sentence: str) -> None:
    goal = make_goal(ratings=tuple(map(make_rating, values)))

    assert goal_from_view(goal, SENDER)["note"][0]["text"] == sentence


@pytest.mark.parametrize(
    ("place", "class_", "location"),
    [
        ("02", "VR", "loc-telehealth"),
        ("03", "FLD", "loc-school"),
        ("04", "FLD", "loc-shelter"),
        ("10", "VR", "loc-telehealth-home"),
        ("11", "AMB", "loc-office"),
        ("12", "HH", "loc-home"),
        ("14", "HH", "loc-group-home"),
        ("27", "FLD", "loc-street"),
        ("99", "FLD", "loc-community"),
    ],
)
def test_a_place_of_service_is_a_class_and_a_kind_of_place(
    place: str, class_: str, location: str
) -> None:
    begins, ends = at("2026-11-19 16:00"), at("2026-11-19 17:15")
    session = SessionView(
        *(uuid4(), 1, AT, uuid4(), uuid4(), uuid4(), begins, ends, 75, PlaceOfService(place))
    )

    encounter = encounter_from_session(session, SENDER, agency=Agency(uuid4(), "Northlight"))

    Encounter.model_validate(encounter)
    assert encounter["class"]["code"] == class_
    assert encounter["location"][0]["location"]["reference"] == f"Location/{location}"


def test_an_answer_with_partial_facts_is_read() -> None:
    goal_id = uuid4()
    goal = {"goal_id": f"{goal_id}", "text": "Say hello.", "start_date": "2026-09"}

    text = plan_text_from_answer({"version": 3, "goals": [goal]})

    assert (text.version, text.title, text.goals[0].goal_id) == (3, None, goal_id)
    assert text.goals[0].start_date == "2026-09"
