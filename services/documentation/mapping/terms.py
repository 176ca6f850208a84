"""Codes and systems that documentation's resources share, as FHIR.md and DOMAIN 7 name them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.codes import PlaceOfService, ProgressScale
from services.chassis.clock import AGENCY
from services.chassis.fhir.readers import number_of, patient_reference
from services.documentation.domain.views import Reader

Json = dict[str, Any]

BASE = "https://waypost.example"
SESSION_ID = f"{BASE}/ids/session"
RATING_ID = f"{BASE}/ids/goal-rating"
NOTE_ID = f"{BASE}/ids/note"
CARE_PLAN_ID = f"{BASE}/ids/careplan"
PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"

T1027 = {"system": HCPCS, "code": "T1027"}
# SNOMED first: HCPCS alone draws a warning.
PATIENT_ENCOUNTER = {
    "system": "http://snomed.info/sct",
    "code": "308335008",
    "display": "Patient encounter procedure",
}
THERAPEUTIC_MENTORING = {
    "system": f"{BASE}/fhir/CodeSystem/cbhi-service",
    "code": "therapeutic-mentoring",
    "display": "Therapeutic Mentoring",
}
ASSESS_PLAN = {
    "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
    "code": "assess-plan",
    "display": "Assessment and Plan of Treatment",
}
SURVEY = {
    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
    "code": "survey",
    "display": "Survey",
}
CLINICAL_NOTE = {
    "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
    "code": "clinical-note",
    "display": "Clinical Note",
}
PROGRESS_NOTE = {"system": "http://loinc.org", "code": "11506-3", "display": "Progress note"}
# No LOINC code is known for these ratings, so that none is invented.
SCALES = {
    ProgressScale.MILESTONE: {
        "system": f"{BASE}/fhir/CodeSystem/goal-measure",
        "code": "skill-practice-rating",
        "display": "Skill practice rating (0-4)",
    },
    ProgressScale.GAS: {
        "system": f"{BASE}/fhir/CodeSystem/tm-progress-scale",
        "code": "gas",
        "display": "Goal attainment scaling (-2 to +2)",
    },
    ProgressScale.CANS_ITEM: {
        "system": f"{BASE}/fhir/CodeSystem/tm-progress-scale",
        "code": "cans_item",
        "display": "CANS item rating (0-3)",
    },
    ProgressScale.FREQUENCY: {
        "system": f"{BASE}/fhir/CodeSystem/tm-progress-scale",
        "code": "frequency",
        "display": "Count in the goal's period",
    },
    ProgressScale.SELF_REPORT: {
        "system": f"{BASE}/fhir/CodeSystem/tm-progress-scale",
        "code": "self_report",
        "display": "Self-report (1-5)",
    },
}
PRIMARY_PERFORMER = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    "code": "PPRF",
    "display": "primary performer",
}

HOME_HEALTH, FIELD, VIRTUAL, AMBULATORY = (
    {"system": ACT_CODE, "code": code, "display": display}
    for code, display in [
        ("HH", "home health"),
        ("FLD", "field"),
        ("VR", "virtual"),
        ("AMB", "ambulatory"),
    ]
)
# Where the youth is: the class of the encounter, and a Location of scheduling's with its name.
PLACES = {
    PlaceOfService.TELEHEALTH_ELSEWHERE: (
        VIRTUAL,
        "loc-telehealth",
        "Telehealth, youth elsewhere than at home",
    ),
    PlaceOfService.SCHOOL: (FIELD, "loc-school", "School"),
    PlaceOfService.HOMELESS_SHELTER: (FIELD, "loc-shelter", "Homeless shelter"),
    PlaceOfService.TELEHEALTH_AT_HOME: (
        VIRTUAL,
        "loc-telehealth-home",
        "Telehealth, youth at home",
    ),
    PlaceOfService.OFFICE: (AMBULATORY, "loc-office", "Office"),
    PlaceOfService.HOME: (HOME_HEALTH, "loc-home", "Home of the youth"),
    PlaceOfService.GROUP_HOME: (HOME_HEALTH, "loc-group-home", "Group home"),
    PlaceOfService.STREET: (FIELD, "loc-street", "Street or outreach site"),
    PlaceOfService.OTHER: (FIELD, "loc-community", "Community setting"),
}


def reference(type_: str, id_: UUID | str) -> Json:
    return {"reference": f"{type_}/{id_}"}


def local(at: datetime) -> str:
    """A time as people in the agency's zone say it, with its offset."""
    return at.astimezone(AGENCY).isoformat()


def patient(youth_id: UUID, reader: Reader) -> Json:
    """The youth as this reader knows it; never a name."""
    return patient_reference(youth_id, number_of(reader.system, reader.value))
