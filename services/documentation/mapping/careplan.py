"""Our care plan as a FHIR CarePlan, based on the hub's. Source: FHIR.md 7.6; sample 20."""

from html import escape

from contracts.codes import GoalStatus
from services.chassis.fhir.search import instant
from services.documentation.domain.goals import LIVE, RANGES, Achievement
from services.documentation.domain.views import CarePlanView, GoalView, RatingView, Reader
from services.documentation.mapping import terms
from services.documentation.mapping.goal import ACHIEVEMENTS, note
from services.documentation.mapping.terms import Json

TITLE = "Therapeutic Mentoring plan"
ACTIVITY_STATUS = {
    "draft": "on-hold",
    "active": "in-progress",
    "on-hold": "on-hold",
    "completed": "completed",
}
XHTML = "http://www.w3.org/1999/xhtml"
LIFECYCLES = {
    GoalStatus.ACCEPTED: "Not started",
    GoalStatus.ACTIVE: "In progress",
    GoalStatus.ON_HOLD: "On hold",
    GoalStatus.COMPLETED: "Ended",
}


def care_plan_from_view(plan: CarePlanView, reader: Reader) -> Json:
    """Our plan as a hub reads it: draft until the episode opens, on hold and over as it is.

    The hub that sent the referral is pointed to its own plan and request, which no other can open.
    """
    shown = LIVE | {GoalStatus.COMPLETED} if plan.closed_on else LIVE
    goals = [goal for goal in plan.goals if goal.lifecycle in shown]
    found: Json = {
        "resourceType": "CarePlan",
        "id": str(plan.care_plan_id),
        "meta": {
            "versionId": str(plan.version),
            "lastUpdated": instant(plan.updated_at),
            "profile": [terms.US_CORE + "careplan"],
        },
        "text": {"status": "generated", "div": narrative(plan, goals)},
        "identifier": [{"system": terms.CARE_PLAN_ID, "value": str(plan.care_plan_id)}],
        "status": status(plan),
        "intent": "plan",
        "category": [{"coding": [terms.ASSESS_PLAN]}],
        "title": TITLE,
        "subject": terms.patient(plan.youth_id, reader),
        "created": plan.created_on.isoformat(),
        "goal": [terms.reference("Goal", goal.goal_id) for goal in goals],
        "activity": [activity(plan, goal) for goal in goals if goal.ratings],
    }
    if reader.is_sender:
        found["activity"].append({"reference": terms.reference("ServiceRequest", plan.referral_id)})
        if plan.plan_reference:
            based_on = {"reference": plan.plan_reference, "display": plan.plan_title}
            found["basedOn"] = [{name: value for name, value in based_on.items() if value}]
    if period := period_of(plan):
        found["period"] = period
    if plan.supervisor_id:
        found["author"] = terms.reference("PractitionerRole", plan.supervisor_id)
    if plan.mentor_id:
        found["contributor"] = [terms.reference("PractitionerRole", plan.mentor_id)]
    return {name: value for name, value in found.items() if value != []}


def status(plan: CarePlanView) -> str:
    if plan.opened_on is None:
        return "draft"
    if plan.closed_on:
        return "completed"
    return "on-hold" if plan.held_from else "active"


def period_of(plan: CarePlanView) -> Json:
    """From the episode's first day to its last, else that of the hub's plan, as far as known.

    A hub's plan that ended before the episode opened says nothing about its end.
    """
    start, end = plan.opened_on, plan.closed_on or plan.ends_on
    if start and end and end < start:
        end = None
    days = {"start": start, "end": end}
    return {name: day.isoformat() for name, day in days.items() if day} if start else {}


def activity(plan: CarePlanView, goal: GoalView) -> Json:
    """The mentoring for one goal, and how it is getting on; a detail, so no reference beside it."""
    detail: Json = {
        "kind": "ServiceRequest",
        "code": {
            "coding": [terms.T1027, terms.THERAPEUTIC_MENTORING],
            "text": "Therapeutic Mentoring",
        },
        "goal": [terms.reference("Goal", goal.goal_id)],
        "status": ACTIVITY_STATUS[status(plan)],
        "doNotPerform": False,
    }
    if plan.mentor_id:
        detail["performer"] = [terms.reference("PractitionerRole", plan.mentor_id)]
    return {
        "outcomeReference": [terms.reference("Observation", goal.ratings[-1].rating_id)],
        "progress": [note(goal.ratings, progress(goal))],
        "detail": detail,
    }


def progress(goal: GoalView) -> str:
    """The trend and the last rating: "Improving, rating 3 of 4."."""
    last = goal.ratings[-1]
    trend = ACHIEVEMENTS[goal.achievement or Achievement.IN_PROGRESS].capitalize()
    return f"{trend}, rating {rating(last)}."


def rating(last: RatingView) -> str:
    highest = RANGES.get(last.scale)
    return f"{last.value:g} of {highest[1]}" if highest else f"{last.value:g}"


def narrative(plan: CarePlanView, goals: list[GoalView]) -> str:
    """The plan for people. Goal texts are the hub's: data to show, never markup to run."""
    period = period_of(plan)
    until = f" to {period['end']}" if "end" in period else ""
    days = f", {period['start']}{until}" if period else ""
    items = "".join(f"<li>{escape(goal.description)} {standing(goal)}</li>" for goal in goals)
    list_ = f"<ul>{items}</ul>" if items else ""
    return f'<div xmlns="{XHTML}"><p>{TITLE}{days}.</p>{list_}</div>'


def standing(goal: GoalView) -> str:
    words = LIFECYCLES[goal.lifecycle]
    if goal.ratings and goal.achievement not in (None, Achievement.IN_PROGRESS):
        trend = ACHIEVEMENTS[goal.achievement].lower()
        return f"{words}, {trend} ({goal.status_on.isoformat()})."
    return f"{words}."
