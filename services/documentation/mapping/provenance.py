"""Who answers for a version of a note, as a Provenance. Source: FHIR.md 7.5; sample 10."""

from services.chassis.fhir.search import instant
from services.documentation.domain.views import Agency, ProvenanceView
from services.documentation.mapping import terms
from services.documentation.mapping.terms import Json

HL7_TYPES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
US_CORE_TYPES = "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type"
AUTHOR = {"system": HL7_TYPES, "code": "author", "display": "Author"}
VERIFIER = {"system": HL7_TYPES, "code": "verifier", "display": "Verifier"}
TRANSMITTER = {"system": US_CORE_TYPES, "code": "transmitter", "display": "Transmitter"}


def provenance_from_note(note: ProvenanceView, *, agency: Agency) -> Json:
    """Session, ratings and summary of one version: written by one, verified by another."""
    ours = terms.reference("Organization", agency.organisation_id)
    author = terms.reference("PractitionerRole", note.attested_by or note.mentor_id)
    agents: list[Json] = [{"type": {"coding": [AUTHOR]}, "who": author, "onBehalfOf": ours}]
    if note.is_cosigned:
        verifier = terms.reference("PractitionerRole", note.supervisor_id)
        agents.append({"type": {"coding": [VERIFIER]}, "who": verifier, "onBehalfOf": ours})
    agents.append({"type": {"coding": [TRANSMITTER]}, "who": ours})
    return {
        "resourceType": "Provenance",
        "id": str(note.document_id),
        "meta": {
            "versionId": "1",
            "lastUpdated": instant(note.updated_at),
            "profile": [terms.US_CORE + "provenance"],
        },
        "target": [
            terms.reference("Encounter", note.session_id),
            *(terms.reference("Observation", rating_id) for rating_id in note.ratings),
            terms.reference("DocumentReference", note.document_id),
        ],
        "recorded": terms.local(note.noted_at),
        "agent": agents,
    }
