"""A working goal as a FHIR Goal: the hub's words, our progress. FHIR.md 7.6; samples 18, 19."""

from services.chassis.fhir.search import instant
from services.documentation.domain.goals import Achievement
from services.documentation.domain.views import GoalView, RatingView, Reader
from services.documentation.mapping import terms
from services.documentation.mapping.terms import Json

GOAL_ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"
ACHIEVEMENTS = {
    Achievement.IN_PROGRESS: "In Progress",
    Achievement.IMPROVING: "Improving",
    Achievement.WORSENING: "Worsening",
    Achievement.NO_CHANGE: "No Change",
    Achievement.ACHIEVED: "Achieved",
    Achievement.SUSTAINING: "Sustaining",
    Achievement.NOT_ACHIEVED: "Not Achieved",
    Achievement.NO_PROGRESS: "No Progress",
    Achievement.NOT_ATTAINABLE: "Not Attainable",
}
COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def goal_from_view(goal: GoalView, reader: Reader) -> Json:
    """A goal as a hub reads it.

    Only the hub that sent the referral can open it and the mirror of the person who expressed the
    goal, so that no other is pointed there.
    """
    found: Json = {
        "resourceType": "Goal",
        "id": str(goal.goal_id),
        "meta": {
            "versionId": str(goal.version),
            "lastUpdated": instant(goal.updated_at),
            "profile": [terms.US_CORE + "goal"],
        },
        "identifier": [dict(one) for one in goal.identifiers],
        "lifecycleStatus": goal.lifecycle.value,
        "category": [dict(one) for one in goal.category],
        "description": {"text": goal.description},
        "subject": terms.patient(goal.youth_id, reader),
        "target": [dict(one) for one in goal.target],
        "statusDate": goal.status_on.isoformat(),
    }
    if goal.achievement:
        display = ACHIEVEMENTS[goal.achievement]
        coding = {"system": GOAL_ACHIEVEMENT, "code": goal.achievement.value, "display": display}
        found["achievementStatus"] = {"coding": [coding]}
    if goal.start_date:
        found["startDate"] = goal.start_date
    if goal.status_reason:
        found["statusReason"] = goal.status_reason
    if reader.is_sender:
        found["addresses"] = [terms.reference("ServiceRequest", goal.referral_id)]
        if goal.expressed_by:
            found["expressedBy"] = {"reference": goal.expressed_by}
    if goal.ratings:
        # Of many ratings the last one: the others are found by their focus.
        found["outcomeReference"] = [terms.reference("Observation", goal.ratings[-1].rating_id)]
        found["note"] = [note(goal.ratings, movement(goal.ratings))]
    return {name: value for name, value in found.items() if value != []}


def note(ratings: tuple[RatingView, ...], text: str) -> Json:
    """An annotation by the mentor of the last session that rated the goal."""
    last = ratings[-1]
    return {
        # R4 lets a person sign an annotation, not a role.
        "authorReference": terms.reference("Practitioner", last.mentor_id),
        "time": terms.local(last.noted_at),
        "text": text,
    }


def movement(ratings: tuple[RatingView, ...]) -> str:
    """Where the ratings on the last one's scale went, in a sentence made of numbers alone."""
    values = [one.value for one in ratings if one.scale is ratings[-1].scale]
    first, last = f"{values[0]:g}", f"{values[-1]:g}"
    count = COUNTS[len(values)] if len(values) < len(COUNTS) else str(len(values))
    if len(values) == 1:
        return f"Rating {last} in one session."
    if first == last:
        return f"Rating stands at {last} after {count} sessions."
    return f"Rating moved from {first} to {last} over {count} sessions."
