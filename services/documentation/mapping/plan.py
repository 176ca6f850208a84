"""What referral's internal door says of a hub's plan, as values."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.documentation.domain.goals import GoalText, PlanText


def plan_text_from_answer(answer: Mapping[str, Any]) -> PlanText:
    """Read `GET /internal/hub-plans/{youth_id}/{version}`; a KeyError says what it lacks."""
    return PlanText(
        version=answer["version"],
        title=answer.get("plan_title"),
        plan_reference=answer.get("plan_reference"),
        author_reference=answer.get("author_reference"),
        goals=tuple(goal_text_from_answer(goal) for goal in answer["goals"]),
    )


def goal_text_from_answer(goal: Mapping[str, Any]) -> GoalText:
    return GoalText(
        goal_id=UUID(goal["goal_id"]),
        description=goal["text"],
        category=goal.get("category") or (),
        target=goal.get("target") or (),
        start_date=goal.get("start_date"),
        identifiers=goal.get("identifiers") or (),
        expressed_by=goal.get("expressed_by"),
    )
