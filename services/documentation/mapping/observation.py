"""A goal's rating in a session as an Observation, without any text. FHIR.md 7.5; sample 16."""

from contracts.codes import MeasuredBy, ProgressScale
from services.chassis.fhir.search import instant
from services.documentation.domain.notes import NoteState
from services.documentation.domain.views import ObservationView, Reader
from services.documentation.mapping import terms
from services.documentation.mapping.terms import Json

TEXTS = {
    ProgressScale.MILESTONE: "rating of the practised skill, 0-4",
    ProgressScale.GAS: "rating of goal attainment, -2 to +2",
    ProgressScale.CANS_ITEM: "rating of a CANS item, 0-3",
    ProgressScale.FREQUENCY: "count of the practised skill",
    ProgressScale.SELF_REPORT: "rating of how it is going, 1-5",
}
WHOSE = {
    MeasuredBy.MENTOR: "Mentor-observed",
    MeasuredBy.YOUTH: "Youth-reported",
    MeasuredBy.CAREGIVER: "Caregiver-reported",
    MeasuredBy.HUB: "Hub-reported",
}


def observation_from_rating(rating: ObservationView, reader: Reader) -> Json:
    """A rating as a hub reads it; whose it is stands in the code's text, who wrote it beside."""
    goal = terms.reference("Goal", rating.goal_id)
    number = f"{rating.session_id}.{rating.goal_id}"
    found: Json = {
        "resourceType": "Observation",
        "id": str(rating.rating_id),
        "meta": {
            "versionId": str(rating.version),
            "lastUpdated": instant(rating.updated_at),
            "profile": [terms.US_CORE + "simple-observation"],
        },
        "extension": [{"url": terms.PERTAINS_TO_GOAL, "valueReference": goal}],
        "identifier": [{"system": terms.RATING_ID, "value": number}],
        "status": status(rating),
        "category": [{"coding": [terms.SURVEY]}],
        "code": {
            "coding": [terms.SCALES[rating.scale]],
            "text": f"{WHOSE[rating.measured_by]} {TEXTS[rating.scale]}",
        },
        "subject": terms.patient(rating.youth_id, reader),
        "focus": [goal],
        "encounter": terms.reference("Encounter", rating.session_id),
        "effectiveDateTime": terms.local(rating.ends_at),
        "issued": terms.local(rating.noted_at),
        "performer": [terms.reference("PractitionerRole", rating.mentor_id)],
    }
    if rating.value == int(rating.value):
        return found | {"valueInteger": int(rating.value)}
    return found | {"valueQuantity": {"value": rating.value}}


def status(rating: ObservationView) -> str:
    """Entered in error with its session, and when a correction left it out."""
    if rating.state is NoteState.VOIDED or rating.told_in < rating.version:
        return "entered-in-error"
    return "amended" if rating.version > 1 else "final"
