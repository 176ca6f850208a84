"""A session as an Encounter: "was the youth seen?" Source: FHIR.md 7.5; samples 11 to 13 and 29."""

from contracts.codes import PartnerKind
from services.chassis.fhir.search import instant
from services.documentation.domain.notes import NoteState
from services.documentation.domain.views import Agency, Reader, SessionView
from services.documentation.mapping import terms
from services.documentation.mapping.terms import Json

# What is no longer in force was finished all the same: so it stands in its history.
STATUS = {
    NoteState.FINAL: "finished",
    NoteState.SUPERSEDED: "finished",
    NoteState.VOIDED: "entered-in-error",
}


def encounter_from_session(session: SessionView, reader: Reader, *, agency: Agency) -> Json:
    """A session as its reader may see it, in a version that is or was in force.

    A payer learns that, when and where the youth was seen: no participant, no referral. A hub
    that did not send the referral cannot open it, so that it is not named to it.
    """
    class_, location, name = terms.PLACES[session.place_of_service]
    period = {"start": terms.local(session.starts_at), "end": terms.local(session.ends_at)}
    encounter: Json = {
        "resourceType": "Encounter",
        "id": str(session.session_id),
        "meta": {
            "versionId": str(session.version),
            "lastUpdated": instant(session.updated_at),
            "profile": [terms.US_CORE + "encounter"],
        },
        "identifier": [{"system": terms.SESSION_ID, "value": str(session.session_id)}],
        "status": STATUS[session.state],
        "class": class_,
        "type": [
            {
                "coding": [terms.PATIENT_ENCOUNTER, terms.T1027],
                "text": "Therapeutic Mentoring session",
            }
        ],
        "serviceType": {"coding": [terms.THERAPEUTIC_MENTORING], "text": "Therapeutic Mentoring"},
        "subject": terms.patient(session.youth_id, reader),
    }
    if reader.is_sender and reader.kind is PartnerKind.HUB:
        encounter["basedOn"] = [terms.reference("ServiceRequest", session.referral_id)]
    if reader.kind is PartnerKind.HUB:
        encounter["participant"] = [
            {
                "type": [{"coding": [terms.PRIMARY_PERFORMER]}],
                "period": period,
                "individual": terms.reference("PractitionerRole", session.mentor_id),
            }
        ]
    return encounter | {
        "period": period,
        "length": {
            "value": session.minutes,
            "unit": "min",
            "system": "http://unitsofmeasure.org",
            "code": "min",
        },
        "location": [{"location": terms.reference("Location", location) | {"display": name}}],
        "serviceProvider": terms.reference("Organization", agency.organisation_id)
        | {"display": agency.name},
    }
