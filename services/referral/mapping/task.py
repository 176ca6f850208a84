"""A referral's Task as its hub reads it. Source: FHIR.md §7.3, §7.4; samples 03-07, 32, 33."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.codes import Check, HubService, OpenItem
from services.chassis.clock import AGENCY
from services.referral.domain.states import Approval, Business, Reason, TaskRow, View
from services.referral.mapping.terms import IDENTIFIER_TYPE, LOCAL, OUR_REFERRAL

Resource = dict[str, Any]

PROFILE = (
    "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"
)
BSER = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
SDOHCC = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"

BUSINESS_DISPLAYS = {
    Business.ELIGIBILITY_REVIEW: "Eligibility review",
    Business.AWAITING_INFORMATION: "Awaiting information",
    Business.ELIGIBILITY_PROBLEM: "Eligibility problem",
    Business.WAITLISTED: "Waitlisted",
    Business.MENTOR_ASSIGNED: "Mentor assigned",
    Business.ACCEPTED: "Service Request Accepted",
    Business.DECLINED: "Service Request Declined",
    Business.BOOKED: "Service Request Event Scheduled",
    Business.NO_SHOW: "Scheduled Service Request Event Unattended",
    Business.VISIT_CANCELLED: "Scheduled Service Request Event Cancelled",
    Business.HELD: "Service Request Event Completed",
    Business.WITHDRAWAL_ASKED: "Service Request Cancellation Requested",
    Business.WITHDRAWN: "Service Request Fulfillment Cancelled",
    Business.COMPLETED: "Service Request Fulfillment Completed",
}
REASON_DISPLAYS = {
    "birth-date": "Birth date missing or partial",
    "coverage": "Coverage not usable",
    "hub-service": "Hub service not named",
    "tm-goal": "No goal assigned to Therapeutic Mentoring",
    "age-limit": "Age limit reached",
    "coverage-not-active": "Coverage not active",
    "coverage-type": "Coverage type without this service",
    "no-active-hub-service": "No active hub service",
    "deceased": "Deceased",
    "gate-1": "Eligibility no longer holds",
    "hub_inactive": "Hub service ended",
    "consent_revoked": "Consent revoked",
    "eligibility_lost": "Eligibility no longer holds",
    "service_gap": "No mentor at present",
    "referral_ended": "Referral ended",
    "merged": "Joined with another referral",
    "withdrawn": "Withdrawn",
    "declined": "Declined",
    "no_response": "No response",
    "aged_out": "Aged out",
    "discharged": "Discharged",
    "wrong_patient": "Wrong patient",
}
OPEN_ITEM_DISPLAYS = {
    OpenItem.COMPREHENSIVE_ASSESSMENT: "Comprehensive Assessment not received",
    OpenItem.CANS: "CANS not received",
    OpenItem.HUB_PLAN: "Hub plan not received",
    OpenItem.CONSENT_TREATMENT: "No consent to treatment received",
    OpenItem.CONSENT_ROI_HUB: "No release from this agency to the hub received",
}
CRITERIA = {
    Check.HUB_ACTIVE: ("active-hub-service", "Active hub service verified"),
    Check.AGE: ("age-under-limit", "Age under the limit"),
    Check.PLAN_NAMES_TM: ("plan-names-tm", "Plan names Therapeutic Mentoring"),
}
HUB_SERVICES = {
    HubService.OUTPATIENT_THERAPY: "Outpatient Therapy",
    HubService.IN_HOME_THERAPY: "In-Home Therapy",
    HubService.INTENSIVE_CARE_COORDINATION: "Intensive Care Coordination",
}


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is named beside the youth; `mrn` is the sender's own number of it (system, value)."""

    agency_id: UUID
    agency_name: str
    requester_id: UUID
    requester_name: str
    mrn: tuple[str, str] | None = None


def task_from_row(row: TaskRow, parties: Parties) -> Resource:
    """The whole resource; absent elements are left out."""
    view = row.view
    owner, requester = f"Organization/{parties.agency_id}", f"Organization/{parties.requester_id}"
    resource = {
        "resourceType": "Task",
        "id": str(row.task_id),
        "meta": {
            "versionId": str(row.version),
            "lastUpdated": local(row.updated_at),
            "profile": [PROFILE],
        },
        "identifier": identifiers(row, requester=requester, owner=owner),
        "status": view.status.value,
        "statusReason": view.reason and reason_of(view.reason),
        "businessStatus": business_of(view),
        "intent": "order",
        "priority": row.priority,
        "code": {"coding": [coding(TASK_CODE, "fulfill", "Fulfill the focal request")]},
        "focus": {"reference": f"ServiceRequest/{row.referral_id}"},
        "for": patient(row.youth_id, parties.mrn),
        "executionPeriod": period(view),
        "authoredOn": local(row.authored_on),
        "lastModified": local(row.last_modified),
        "requester": {"reference": requester, "display": parties.requester_name},
        "owner": {"reference": owner, "display": parties.agency_name},
        "note": list(row.note),
        "output": outputs(view, parties),
    }
    return {name: value for name, value in resource.items() if value not in (None, [], {})}


def identifiers(row: TaskRow, *, requester: str, owner: str) -> list[Resource]:
    """PLAC: the hub's number, if it sent one. FILL: ours, the referral's id."""
    fill = typed("FILL", "Filler Identifier", OUR_REFERRAL, str(row.referral_id), owner)
    if row.placer is None:
        return [fill]
    placer = row.placer
    return [typed("PLAC", "Placer Identifier", placer.system, placer.value, requester), fill]


def typed(code: str, display: str, system: str | None, value: str, assigner: str) -> Resource:
    number = {"system": system, "value": value} if system else {"value": value}
    return {
        "type": {"coding": [coding(IDENTIFIER_TYPE, code, display)]},
        **number,
        "assigner": {"reference": assigner},
    }


def business_of(view: View) -> Resource | None:
    if view.business is None:
        return None
    system = BSER if view.business[0].isdigit() else f"{LOCAL}referral-business-status"
    shown = coding(system, view.business.value, BUSINESS_DISPLAYS[view.business])
    return {"coding": [shown], "text": view.business_text}


def reason_of(reason: Reason) -> Resource:
    # A reason of scheduling that is newer than this table is shown by its code.
    codes = [
        coding(LOCAL + reason.system, code, REASON_DISPLAYS.get(code, code))
        for code in reason.codes
    ]
    return {"coding": codes, "text": reason.text} if codes else {"text": reason.text}


def period(view: View) -> Resource | None:
    if view.started_at is None:
        return None
    ends = {"end": local(view.ended_at)} if view.ended_at else {}
    return {"start": local(view.started_at), **ends}


def outputs(view: View, parties: Parties) -> list[Resource]:
    """What gate 1 found, what gate 2 still lacks, and at the end our care plan."""
    found = approved(view.approval, parties) if view.approval else []
    missing = [open_item(item) for item in view.open_items]
    care_plan = []
    if view.care_plan_id:
        kind = {"coding": [coding(SDOHCC, "additional-content", "Additional Content")]}
        value = {"reference": f"CarePlan/{view.care_plan_id}"}
        care_plan = [{"type": kind, "valueReference": value}]
    return [*found, *missing, *care_plan]


def approved(approval: Approval, parties: Parties) -> list[Resource]:
    result = {
        "type": output_type("coverage-eligibility", "Coverage eligibility result"),
        "valueReference": {"reference": f"CoverageEligibilityResponse/{approval.response_id}"},
    }
    met = [criterion(check, approval, parties) for check in CRITERIA if check in approval.checks]
    return [result, *met]


def criterion(check: Check, approval: Approval, parties: Parties) -> Resource:
    code, display = CRITERIA[check]
    concept: Resource = {"coding": [coding(f"{LOCAL}program-criterion", code, display)]}
    if check is Check.HUB_ACTIVE:
        since = f", active since {approval.hub_since}" if approval.hub_since else ", active"
        hub = f"{HUB_SERVICES[approval.hub_service]} with {parties.requester_name}"
        concept["text"] = hub + since
    return {
        "type": output_type("program-criterion", "Program criterion met"),
        "valueCodeableConcept": concept,
    }


def open_item(item: OpenItem) -> Resource:
    shown = coding(f"{LOCAL}referral-gap", item.value, OPEN_ITEM_DISPLAYS[item])
    return {
        "type": output_type("open-item", "Open item: does not stop the referral"),
        "valueCodeableConcept": {"coding": [shown]},
    }


def output_type(code: str, display: str) -> Resource:
    return {"coding": [coding(f"{LOCAL}task-output", code, display)]}


def coding(system: str, code: str, display: str) -> Resource:
    return {"system": system, "code": code, "display": display}


def patient(youth_id: UUID, mrn: tuple[str, str] | None) -> Resource:
    """The youth as the reader knows it: our reference, and its own number if it has one."""
    reference: Resource = {"reference": f"Patient/{youth_id}"}
    if mrn:
        reference["identifier"] = {"system": mrn[0], "value": mrn[1]}
    return reference


def local(at: datetime) -> str:
    """An instant with the agency's offset, as the samples have it."""
    return at.astimezone(AGENCY).isoformat()


# --- A hub's PUT --------------------------------------------------------------------------------

MAY_CHANGE = frozenset({"status", "statusReason", "note"})
OURS_TO_SET = frozenset({"meta", "text", "lastModified"})


def changed_elements(shown: Mapping[str, Any], sent: Mapping[str, Any]) -> Sequence[str]:
    """The elements of a Task that a hub sent otherwise than it reads them; our own stamps aside."""
    names = (shown.keys() | sent.keys()) - OURS_TO_SET
    return sorted(name for name in names if shown.get(name) != sent.get(name))
