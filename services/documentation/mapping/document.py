"""A version of a note as a DocumentReference: a summary made of facts, never the narrative.

Source: FHIR.md 7.5; sample 17.
"""

from base64 import b64encode

from services.chassis.clock import agency_day
from services.chassis.fhir.search import instant
from services.documentation.domain.goals import RANGES
from services.documentation.domain.notes import NoteState
from services.documentation.domain.views import Agency, DocumentView, Reader, WorkedGoal
from services.documentation.mapping import terms
from services.documentation.mapping.terms import Json

# Where the session was, in the middle of a sentence.
WHERE = {
    "loc-community": "in the community",
    "loc-group-home": "in a group home",
    "loc-home": "at home",
    "loc-office": "at the office",
    "loc-school": "at school",
    "loc-shelter": "in a shelter",
    "loc-street": "on the street",
    "loc-telehealth": "by telehealth",
    "loc-telehealth-home": "by telehealth",
}
CLOSING = "This is a generated summary; the session note itself is not part of it."


def document_from_note(note: DocumentView, reader: Reader, *, agency: Agency) -> Json:
    """What a session note comes to, as a hub reads it."""
    day = agency_day(note.starts_at).isoformat()
    noted = terms.local(note.noted_at)
    found: Json = {
        "resourceType": "DocumentReference",
        "id": str(note.document_id),
        "meta": {
            "versionId": str(note.version),
            "lastUpdated": instant(note.updated_at),
            "profile": [terms.US_CORE + "documentreference"],
        },
        "identifier": [{"system": terms.NOTE_ID, "value": str(note.document_id)}],
        "status": status(note),
        "docStatus": "entered-in-error" if note.state is NoteState.VOIDED else "final",
        "type": {"coding": [terms.PROGRESS_NOTE]},
        "category": [{"coding": [terms.CLINICAL_NOTE]}],
        "subject": terms.patient(note.youth_id, reader),
        "date": noted,
        "author": [terms.reference("PractitionerRole", note.attested_by or note.mentor_id)],
        "custodian": terms.reference("Organization", agency.organisation_id),
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": b64encode(summary(note, day).encode()).decode(),
                    "title": f"Therapeutic Mentoring session summary {day}",
                    "creation": noted,
                }
            }
        ],
        "context": {
            "encounter": [terms.reference("Encounter", note.session_id)],
            "period": {"start": terms.local(note.starts_at), "end": terms.local(note.ends_at)},
        },
    }
    if note.is_cosigned:
        found["authenticator"] = terms.reference("PractitionerRole", note.supervisor_id)
    if note.replaces:
        target = terms.reference("DocumentReference", note.replaces)
        found["relatesTo"] = [{"code": "replaces", "target": target}]
    return found


def status(note: DocumentView) -> str:
    if note.state is NoteState.VOIDED:
        return "entered-in-error"
    return "current" if note.is_current else "superseded"


def summary(note: DocumentView, day: str) -> str:
    """Attendance and goals by the hub's own numbers; nothing that anybody wrote."""
    place = WHERE[terms.PLACES[note.place_of_service][1]]
    lines = [f"Session of {day}, {note.minutes} minutes, {place}."]
    if note.goals:
        lines.append(f"Goals worked on: {'; '.join(worked(goal) for goal in note.goals)}.")
    return "\n".join([*lines, CLOSING, ""])


def worked(goal: WorkedGoal) -> str:
    name = goal.number or "a goal without number"
    if goal.scale is None or goal.value is None:
        return name
    highest = RANGES.get(goal.scale)
    return f"{name}, rating {goal.value:g}" + (f" of {highest[1]}" if highest else "")
