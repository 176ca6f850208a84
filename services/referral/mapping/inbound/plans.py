"""The hub's plan and which of its goals are Therapeutic Mentoring's (FHIR.md §7.2)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from contracts.codes import GoalStatus
from services.referral.domain.intake import PlanGoal, SentPlan
from services.referral.mapping.inbound.dates import period_of
from services.referral.mapping.inbound.entries import Resource, identifiers_of
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.inbound.labels import is_part_2
from services.referral.mapping.terms import (
    CBHI_SERVICE,
    HCPCS,
    MENTORING,
    MENTORING_HCPCS,
    PERTAINS_TO_GOAL,
)

DETAILS = ("category", "target", "startDate", "identifier", "expressedBy")


def plan_from(graph: Graph, request: Resource, youth_id: UUID) -> SentPlan | None:
    """The plan on which the request is based, with our ids of its goals; None: neither came.

    CarePlan.goal lists the plan's goals and assigns nothing: a goal is TM's when the request
    pertains to it, or an activity of the plan does that is TM. What is labelled as a record of a
    substance use program stays in the mirror alone.
    """
    ref, plan = hub_plan(graph, request)
    assigned = {e["valueReference"].get("reference") for e in pertaining(request)}
    assigned |= {goal.get("reference") for goal in goals_of_activities(plan)}
    listed = [goal.get("reference") for goal in plan.get("goal", ())] if plan else []
    refs = dict.fromkeys([*listed, *sorted(filter(None, assigned))])
    found = (goal_from(graph, ref, plan, assigned, youth_id) for ref in refs if ref)
    goals = once_each(goal for goal in found if goal)
    if not plan and not goals:
        return None
    begins, ends = period_of(plan)
    return SentPlan(
        plan_id=ref.partition("/")[2] if ref else None,
        title=plan.get("title"),
        author=plan.get("author", {}).get("reference"),
        begins=begins,
        ends=ends,
        stands=plan.get("status") not in ("revoked", "entered-in-error", "completed"),
        goals=goals,
    )


def once_each(goals: Iterable[PlanGoal]) -> tuple[PlanGoal, ...]:
    """One goal per number: sent twice under one, the first counts, and is TM's if either is."""
    once: dict[UUID, PlanGoal] = {}
    for goal in goals:
        first = once.setdefault(goal.goal_id, goal)
        if goal.tm_assigned and not first.tm_assigned:
            once[goal.goal_id] = replace(first, tm_assigned=True)
    return tuple(once.values())


def hub_plan(graph: Graph, request: Resource) -> tuple[str | None, Resource]:
    for element in [*request.get("basedOn", ()), *request.get("supportingInfo", ())]:
        target = graph.get(element.get("reference"))
        if target and target["resourceType"] == "CarePlan" and not is_part_2(target):
            return element["reference"], target
    return None, {}


def pertaining(request: Resource) -> Iterator[Mapping[str, Any]]:
    for extension in request.get("extension", ()):
        if extension.get("url") == PERTAINS_TO_GOAL and "valueReference" in extension:
            yield extension


def goals_of_activities(plan: Resource) -> Iterator[Mapping[str, Any]]:
    for activity in plan.get("activity", ()):
        detail = activity.get("detail", {})
        if is_mentoring(detail.get("code", {})):
            yield from detail.get("goal", ())


def is_mentoring(concept: Mapping[str, Any]) -> bool:
    """Whether one of the codes asks for Therapeutic Mentoring."""
    return any(
        (c.get("system") == CBHI_SERVICE and c.get("code") == MENTORING)
        or (c.get("system") in HCPCS and c.get("code") == MENTORING_HCPCS)
        for c in concept.get("coding", ())
    )


def goal_from(
    graph: Graph, ref: str, plan: Resource, assigned: set[str | None], youth_id: UUID
) -> PlanGoal | None:
    goal = graph.follow({"reference": ref}, plan)
    if not goal or goal["resourceType"] != "Goal" or is_part_2(goal):
        return None
    mirror_id = ref.partition("/")[2] or ref
    numbers = identifiers_of(goal)
    name = str(numbers[0]) if numbers else mirror_id
    return PlanGoal(
        goal_id=goal_id(youth_id, name),
        mirror_id=mirror_id,
        tm_assigned=ref in assigned,
        status=GoalStatus(goal["lifecycleStatus"]),
        wording=goal["description"].get("text") or display_of(goal["description"]),
        details={k: goal[k] for k in DETAILS if k in goal},
    )


def goal_id(youth_id: UUID, name: str) -> UUID:
    """Our id of a goal: the same over all versions of a plan, by the hub's identifier.

    Without an identifier, `name` is its mirror's id.
    """
    return uuid5(youth_id, f"goal:{name}")


def display_of(concept: Mapping[str, Any]) -> str:
    return next((c["display"] for c in concept.get("coding", ()) if "display" in c), "")
