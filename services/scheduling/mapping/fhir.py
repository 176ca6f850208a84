"""Staff, places, appointments and episodes as FHIR R4 resources: plain dicts, no child's name.

Sources: FHIR.md 3, 4, 7; samples 14, 15, 25 and 26.
"""

from typing import Any
from uuid import UUID

from contracts.codes import PlaceOfService
from services.chassis.clock import AGENCY
from services.chassis.fhir.readers import number_of, patient_reference
from services.chassis.fhir.search import instant
from services.scheduling.domain.appointments import Appointment, AppointmentState
from services.scheduling.domain.episodes import Episode, EpisodeState, Reader
from services.scheduling.domain.people import DirectoryEntry, StaffMember, StaffRole

Json = dict[str, Any]

BASE = "https://waypost.example"
STAFF_ID = f"{BASE}/ids/staff"
APPOINTMENT_ID = f"{BASE}/ids/appointment"
EPISODE_ID = f"{BASE}/ids/episode"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
POS = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
THERAPEUTIC_MENTORING = {
    "coding": [
        {
            "system": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            "code": "T1027",
        },
        {
            "system": f"{BASE}/fhir/CodeSystem/cbhi-service",
            "code": "therapeutic-mentoring",
            "display": "Therapeutic Mentoring",
        },
    ],
    "text": "Therapeutic Mentoring",
}
EMPLOYEE_NUMBER = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
            "code": "EI",
            "display": "Employee number",
        }
    ]
}
ROLES = {
    StaffRole.MENTOR: ("therapeutic-mentor", "Therapeutic Mentor"),
    StaffRole.SUPERVISOR: ("clinical-supervisor", "Clinical Supervisor"),
}
APPOINTMENT_STATUS = {
    AppointmentState.BOOKED: "booked",
    AppointmentState.FROZEN: "pending",
    AppointmentState.COMPLETED: "fulfilled",
    AppointmentState.NO_SHOW: "noshow",
    AppointmentState.CANCELLED: "cancelled",
}
EPISODE_STATUS = {
    EpisodeState.PENDING: "planned",
    EpisodeState.OPEN: "active",
    EpisodeState.ON_HOLD: "onhold",
    EpisodeState.CLOSED: "finished",
}

# Kinds of places, never an address. Documentation's encounters point at these ids.
COMMUNITY = {"system": ROLE_CODE, "code": "COMM", "display": "Community Location"}
RESIDENCE = {"system": ROLE_CODE, "code": "PTRES", "display": "Patient's Residence"}
SCHOOL = {"system": ROLE_CODE, "code": "SCHOOL", "display": "school"}
PLACES: dict[str, tuple[PlaceOfService, str, Json | None]] = {
    "loc-community": (PlaceOfService.OTHER, "Community setting", COMMUNITY),
    "loc-group-home": (PlaceOfService.GROUP_HOME, "Group home", RESIDENCE),
    "loc-home": (PlaceOfService.HOME, "Home of the youth", RESIDENCE),
    "loc-office": (PlaceOfService.OFFICE, "Office", None),
    "loc-school": (PlaceOfService.SCHOOL, "School", SCHOOL),
    "loc-shelter": (PlaceOfService.HOMELESS_SHELTER, "Homeless shelter", COMMUNITY),
    "loc-street": (PlaceOfService.STREET, "Street or outreach site", COMMUNITY),
    "loc-telehealth": (
        PlaceOfService.TELEHEALTH_ELSEWHERE,
        "Telehealth, youth elsewhere than at home",
        None,
    ),
    "loc-telehealth-home": (
        PlaceOfService.TELEHEALTH_AT_HOME,
        "Telehealth, youth at home",
        RESIDENCE,
    ),
}
PLACES_SINCE = "2026-11-01T12:00:00Z"  # when the list above was last changed


def practitioner(entry: DirectoryEntry) -> Json:
    """A mentor or supervisor by the agency's own number: mentors have no NPI, so none is sent."""
    person = entry.person
    return {
        "resourceType": "Practitioner",
        "id": str(person.staff_id),
        "meta": meta(entry.version, instant(entry.updated_at), "practitioner"),
        "identifier": [{"type": EMPLOYEE_NUMBER, "system": STAFF_ID, "value": person.staff_number}],
        "active": entry.active,
        "name": [{"family": person.family, "given": list(person.given)}],
        "telecom": telecom(person),
    }


def practitioner_role(entry: DirectoryEntry, *, agency_id: UUID) -> Json:
    """What the person does at the agency; has the id of the person."""
    code, display = ROLES[entry.role]
    system = f"{BASE}/fhir/CodeSystem/staff-role"
    return {
        "resourceType": "PractitionerRole",
        "id": str(entry.person.staff_id),
        "meta": meta(entry.version, instant(entry.updated_at), "practitionerrole"),
        "active": entry.active,
        "practitioner": {"reference": f"Practitioner/{entry.person.staff_id}"},
        "organization": {"reference": f"Organization/{agency_id}"},
        "code": [
            {"coding": [{"system": system, "code": code, "display": display}], "text": display}
        ],
        "telecom": telecom(entry.person),
    }


def telecom(person: StaffMember) -> list[Json]:
    return [{"system": "phone", "value": person.phone, "use": "work"}]


def location(id_: str, *, agency_id: UUID) -> Json | None:
    """A kind of place by its id; None when there is no such kind."""
    if id_ not in PLACES:
        return None
    place, name, role = PLACES[id_]
    kind = name.removesuffix(" setting")
    pos = {"system": POS, "code": place.value}
    return {
        "resourceType": "Location",
        "id": id_,
        "meta": meta(1, PLACES_SINCE, "location"),
        "status": "active",
        "name": name,
        "mode": "kind",
        "type": [
            {
                "coding": [role, pos] if role else [pos],
                "text": f"{kind}, place of service {place.value}",
            }
        ],
        "managingOrganization": {"reference": f"Organization/{agency_id}"},
    }


def appointment_as_read(appointment: Appointment, reader: Reader) -> Json:
    """A planned session. Without a place: a hub sees when, and who with."""
    id_ = str(appointment.appointment_id)
    slot = appointment.plan.slot
    accepted = "tentative" if appointment.state == AppointmentState.FROZEN else "accepted"
    resource: Json = {
        "resourceType": "Appointment",
        "id": id_,
        "meta": meta(appointment.version, instant(appointment.updated_at)),
        "identifier": [{"system": APPOINTMENT_ID, "value": id_}],
        "status": APPOINTMENT_STATUS[appointment.state],
        "serviceType": [THERAPEUTIC_MENTORING],
    }
    if reader.is_sender:
        resource["basedOn"] = [{"reference": f"ServiceRequest/{appointment.referral_id}"}]
    actors = [
        patient_reference(appointment.youth_id, number_of(reader.system, reader.value)),
        {"reference": f"PractitionerRole/{appointment.mentor_id}"},
    ]
    return resource | {
        "start": slot.start.astimezone(AGENCY).isoformat(),
        "end": slot.end.astimezone(AGENCY).isoformat(),
        "created": appointment.booked_at.astimezone(AGENCY).isoformat(timespec="seconds"),
        "participant": [
            {"actor": actor, "required": "required", "status": accepted} for actor in actors
        ],
    }


def episode_as_read(episode: Episode, reader: Reader, *, agency_id: UUID) -> Json:
    """One continuous enrolment. A hub that did not send the referral cannot open it."""
    id_ = str(episode.episode_id)
    resource: Json = {
        "resourceType": "EpisodeOfCare",
        "id": id_,
        "meta": meta(episode.version, instant(episode.updated_at)),
        "identifier": [{"system": EPISODE_ID, "value": id_}],
        "status": EPISODE_STATUS[episode.state],
        "type": [{"coding": THERAPEUTIC_MENTORING["coding"][1:], "text": "Therapeutic Mentoring"}],
        "patient": patient_reference(episode.youth_id, number_of(reader.system, reader.value)),
        "managingOrganization": {"reference": f"Organization/{agency_id}"},
    }
    if episode.state == EpisodeState.CLOSED and episode.opened_on is None:
        resource["status"] = "cancelled"
    if episode.opened_on:
        resource["period"] = {"start": episode.opened_on.isoformat()}
        if episode.closed_on:
            resource["period"]["end"] = episode.closed_on.isoformat()
    if reader.is_sender:
        resource["referralRequest"] = [{"reference": f"ServiceRequest/{episode.referral_id}"}]
    if episode.supervisor_id:
        resource["careManager"] = {"reference": f"PractitionerRole/{episode.supervisor_id}"}
    return resource


def meta(version: int, updated: str, profile: str | None = None) -> Json:
    about: Json = {"versionId": str(version), "lastUpdated": updated}
    return about | ({"profile": [US_CORE + profile]} if profile else {})
