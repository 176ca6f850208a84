"""Questions to payers and their answers as FHIR. Source: FHIR.md §7.4; samples 08, 09."""

from typing import Any

from contracts.codes import Ineligibility
from contracts.rules import RulePack
from services.referral.domain.payer import Asked, Outcome, kind_of, type_failure
from services.referral.mapping.task import Parties, Resource, local, patient
from services.referral.mapping.terms import CBHI_SERVICE, MENTORING, MENTORING_HCPCS

HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SERVICE: Resource = {
    "coding": [
        {"system": HCPCS, "code": MENTORING_HCPCS},
        {"system": CBHI_SERVICE, "code": MENTORING, "display": "Therapeutic Mentoring"},
    ],
    "text": "Therapeutic Mentoring",
}
DISPOSITION = (
    "Derived by the provider from the payer 271 response; not an attestation by the payer."
)
ENTERED = "Entered by the provider from what the payer told a member of staff."


def request_from_inquiry(asked: Asked, parties: Parties) -> Resource:
    return {
        "resourceType": "CoverageEligibilityRequest",
        "id": str(asked.inquiry_id),
        "meta": {"versionId": "1", "lastUpdated": local(asked.asked_at)},
        "identifier": [{"system": "https://waypost.example/ids/270-trace", "value": asked.trace}],
        "status": "active",
        "priority": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/processpriority",
                    "code": "normal",
                }
            ]
        },
        "purpose": ["validation", "benefits"],
        "patient": patient(asked.youth_id, parties.mrn),
        "servicedDate": asked.service_date.isoformat(),
        "created": local(asked.asked_at),
        "provider": {"reference": f"Organization/{parties.agency_id}"},
        "insurer": {"reference": f"Organization/{asked.payer_id}"},
        "insurance": [{"focal": True, "coverage": coverage(asked)}],
        "item": [{"productOrService": SERVICE}],
    }


def response_from_inquiry(
    asked: Asked, parties: Parties, *, payer_name: str, rules: RulePack
) -> Resource:
    """The answer as we read it; it never claims to be the payer's own attestation."""
    resource: dict[str, Any] = {
        "resourceType": "CoverageEligibilityResponse",
        "id": str(asked.response_id),
        "meta": {"versionId": "1", "lastUpdated": local(asked.answered_at)},
        "identifier": [
            {"system": "https://waypost.example/ids/271-trace", "value": asked.answer_trace}
        ],
        "status": "active",
        "purpose": ["validation", "benefits"],
        "patient": patient(asked.youth_id, parties.mrn),
        "servicedDate": asked.service_date.isoformat(),
        "created": local(asked.answered_at),
        "requestor": {"reference": f"Organization/{parties.agency_id}"},
        "request": {"reference": f"CoverageEligibilityRequest/{asked.inquiry_id}"},
        "outcome": outcome_of(asked),
        "disposition": ENTERED if asked.source == "staff" else DISPOSITION,
        "insurer": {"reference": f"Organization/{asked.payer_id}", "display": payer_name},
    }
    if asked.answer_trace is None:
        del resource["identifier"]
    if asked.reading.is_settled:
        resource["insurance"] = [insurance(asked, rules=rules)]
    return resource


def outcome_of(asked: Asked) -> str:
    """`complete` for a yes or no, `queued` while the payer is silent, `error` for a rejection."""
    if asked.reading.is_settled:
        return "complete"
    return "queued" if asked.reading.outcome is Outcome.PAYER_UNAVAILABLE else "error"


def insurance(asked: Asked, *, rules: RulePack) -> Resource:
    reading = asked.reading
    shown: Resource = {"coverage": coverage(asked), "inforce": reading.is_active}
    benefit = {"start": reading.begins, "end": reading.ends}
    if period := {name: day.isoformat() for name, day in benefit.items() if day}:
        shown["benefitPeriod"] = period
    if reading.is_active and reading.product:
        shown["item"] = [item(asked, reading.product, rules=rules)]
    return shown


def item(asked: Asked, product: str, *, rules: RulePack) -> Resource:
    on = asked.service_date
    failure = type_failure(product, on=on, rules=rules)
    excluded = failure is not None and failure.code is Ineligibility.COVERAGE_TYPE
    prior = rules.value("prior_auth", on=on, payer=kind_of(product), product=product).value
    shown: Resource = {"productOrService": SERVICE, "excluded": excluded}
    if prior is not None:
        shown["authorizationRequired"] = prior != "not_required"
    return shown


def coverage(asked: Asked) -> Resource:
    return {"reference": f"Coverage/{asked.coverage_id}"}
