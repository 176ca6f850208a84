"""The Bundle in which a hub refers a child; those in which it says more, less or wrong things."""

import random
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.demo.children.child import ADULT_YEARS, Child, age
from deploy.demo.children.names import LANGUAGES

WAYPOST = "https://waypost.example"
CBHI = f"{WAYPOST}/fhir/CodeSystem/cbhi-service"
MEMBER = f"{WAYPOST}/ids/masshealth-member"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
TERMS = "http://terminology.hl7.org/CodeSystem"
NPI = "http://hl7.org/fhir/sid/us-npi"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SERVICES = {
    "in-home-therapy": "In-Home Therapy",
    "outpatient-therapy": "Outpatient Therapy",
    "intensive-care-coordination": "Intensive Care Coordination",
}

Resource = dict[str, Any]


def bundle(child: Child, *, agency_npi: str, payer: tuple[str, str], now: datetime) -> Resource:
    """The transaction in which the hub refers the child; its entries in an order of their own."""
    writer = _Writer(child, agency_npi, payer, now.astimezone(UTC).replace(microsecond=0))
    entries = writer.entries()
    random.Random(child.shuffle).shuffle(entries)
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def amendment(child: Child, *, agency_npi: str, payer: tuple[str, str], now: datetime) -> Resource:
    """The same referral again as a conditional PUT, with what it lacked."""
    whole = replace(child, names_hub=True, names_goals=True)
    sent = bundle(whole, agency_npi=agency_npi, payer=payer, now=now)
    for entry in sent["entry"]:
        if entry["resource"]["resourceType"] == "ServiceRequest":
            url = entry["request"].pop("ifNoneExist")
            entry["request"] = {"method": "PUT", "url": f"ServiceRequest?{url}"}
    return sent


def without_goal(
    child: Child, number: int, *, agency_npi: str, payer: tuple[str, str], now: datetime
) -> Resource:
    """The same referral again, and a plan from which one goal has gone."""
    sent = amendment(child, agency_npi=agency_npi, payer=payer, now=now)
    value = f"G-{child.placer}-{number}"
    gone = next(
        entry
        for entry in sent["entry"]
        if entry["resource"]["resourceType"] == "Goal"
        and entry["resource"]["identifier"][0]["value"] == value
    )
    sent["entry"].remove(gone)
    reference = {"reference": gone["fullUrl"]}
    for entry in sent["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "CarePlan":
            resource["goal"].remove(reference)
            entry["request"] = {
                "method": "PUT",
                "url": f"CarePlan?{entry['request']['ifNoneExist']}",
            }
        if resource["resourceType"] == "ServiceRequest":
            resource["extension"] = [
                one for one in resource["extension"] if one["valueReference"] != reference
            ]
    return sent


def spoilt(sent: Resource) -> Resource:
    """The same Bundle with two slips of the pen: codes that R4 does not have."""
    slips = {"Patient": {"gender": "boy"}, "Coverage": {"status": "valid"}}
    wrong: Resource = deepcopy(sent)
    for entry in wrong["entry"]:
        entry["resource"] |= slips.get(entry["resource"]["resourceType"], {})
    return wrong


class _Writer:
    """Writes one child's Bundle."""

    def __init__(
        self, child: Child, agency_npi: str, payer: tuple[str, str], now: datetime
    ) -> None:
        self.child, self.hub, self.payer, self.now = child, child.hub, payer, now
        self.agency_npi = agency_npi
        self.today = now.date()
        self.plan_from = self.today - timedelta(days=60)
        self.plan_to = self.today + timedelta(days=150)
        names = "hub agency payer clinician role patient guardian coverage condition plan episode"
        self.urls = {
            name: f"urn:uuid:{uuid}"
            for name, uuid in zip(
                [*names.split(), "request", "task", "goal0", "goal1", "goal2"],
                child.uuids,
                strict=False,
            )
        }

    def entries(self) -> list[Resource]:
        child = self.child
        return [
            self.organization("hub", self.hub.title, (NPI, self.hub.npi)),
            self.organization("agency", "Northlight Therapeutic Mentoring", (NPI, self.agency_npi)),
            self.organization("payer", "MassHealth", self.payer),
            *self.people(),
            self.coverage(),
            self.condition(),
            *(self.goal(n, text) for n, text in enumerate(child.goals)),
            self.plan(),
            *([self.episode()] if child.names_hub else []),
            self.request(),
            self.task(),
        ]

    def entry(self, name: str, resource: Resource, match: tuple[str, str] | None) -> Resource:
        request = {"method": "POST", "url": resource["resourceType"]}
        if match:
            request["ifNoneExist"] = f"identifier={match[0]}|{match[1]}"
        return {"fullUrl": self.urls[name], "resource": resource, "request": request}

    def to(self, name: str) -> Resource:
        return {"reference": self.urls[name]}

    def organization(self, name: str, title: str, identifier: tuple[str, str]) -> Resource:
        resource = {
            "resourceType": "Organization",
            "meta": {"profile": [f"{US_CORE}/us-core-organization"]},
            "identifier": [identified(identifier)],
            "active": True,
            "name": title,
        }
        return self.entry(name, resource, identifier)

    def people(self) -> list[Resource]:
        guardian = [self.guardian()] if age(self.child, self.today) < ADULT_YEARS else []
        return [self.clinician(), self.role(), self.patient(), *guardian]

    def clinician(self) -> Resource:
        number = (NPI, self.hub.clinician_npi)
        resource = {
            "resourceType": "Practitioner",
            "identifier": [identified(number)],
            "active": True,
            "name": [{"family": "Marchetti", "given": ["Rowan"], "suffix": ["LICSW"]}],
        }
        return self.entry("clinician", resource, number)

    def role(self) -> Resource:
        resource = {
            "resourceType": "PractitionerRole",
            "active": True,
            "practitioner": self.to("clinician"),
            "organization": self.to("hub"),
            "code": [coded("http://nucc.org/provider-taxonomy", "1041C0700X")],
            "telecom": [{"system": "phone", "value": "+1-413-555-0155", "use": "work"}],
        }
        return self.entry("role", resource, None)

    def patient(self) -> Resource:
        child, (town, zip_code) = self.child, self.child.town
        mrn = (self.hub.system("mrn"), child.mrn)
        resource = {
            "resourceType": "Patient",
            "meta": {"profile": [f"{US_CORE}/us-core-patient"]},
            "identifier": [
                typed("MR") | identified(mrn),
                typed("MA") | identified((MEMBER, child.member_id)),
            ],
            "active": True,
            "name": [
                {"use": "official", "family": child.family, "given": [child.given, child.middle]}
            ],
            "telecom": [{"system": "phone", "value": "+1-413-555-0142", "use": "home"}],
            "gender": child.gender,
            "birthDate": child.birth_date.isoformat(),
            "address": [
                {"use": "home", "line": [f"{child.number + 1} Sample Lane"], "city": town}
                | {"state": "MA", "postalCode": zip_code, "country": "US"}
            ],
            "communication": [
                {"language": coded("urn:ietf:bcp:47", code, LANGUAGES[code]), "preferred": not n}
                for n, code in enumerate(child.languages)
            ],
            "managingOrganization": self.to("hub"),
        }
        return self.entry("patient", resource, mrn)

    def guardian(self) -> Resource:
        resource = {
            "resourceType": "RelatedPerson",
            "active": True,
            "patient": self.to("patient"),
            "relationship": [coded(f"{TERMS}/v3-RoleCode", "GUARD", "guardian")],
            "name": [{"family": self.child.family, "given": [self.child.guardian]}],
            "telecom": [
                {"system": "phone", "value": "+1-413-555-0142", "use": "home"},
                {"system": "email", "value": f"{self.child.placer.lower()}@family.example"},
            ],
        }
        return self.entry("guardian", resource, None)

    def coverage(self) -> Resource:
        number = (MEMBER, self.child.member_id)
        resource = {
            "resourceType": "Coverage",
            "identifier": [typed("MB") | identified(number)],
            "status": "active",
            "subscriberId": self.child.member_id,
            "beneficiary": self.to("patient"),
            "relationship": coded(f"{TERMS}/subscriber-relationship", "self"),
            "period": {"start": f"{self.today.year}-01-01"},
            "payor": [self.to("payer")],
        }
        return self.entry("coverage", resource, number)

    def condition(self) -> Resource:
        resource = {
            "resourceType": "Condition",
            "clinicalStatus": coded(f"{TERMS}/condition-clinical", "active"),
            "verificationStatus": coded(f"{TERMS}/condition-ver-status", "confirmed"),
            "category": [coded(f"{TERMS}/condition-category", "problem-list-item")],
            "code": coded("http://hl7.org/fhir/sid/icd-10-cm", "F90.2"),
            "subject": self.to("patient"),
        }
        return self.entry("condition", resource, None)

    def goal(self, n: int, text: str) -> Resource:
        number = (self.hub.system("goal"), f"G-{self.child.placer}-{n}")
        measure = coded(f"{WAYPOST}/fhir/CodeSystem/goal-measure", "skill-practice-rating")
        resource = {
            "resourceType": "Goal",
            "identifier": [identified(number)],
            "lifecycleStatus": "active",
            "description": {"text": text},
            "subject": self.to("patient"),
            "startDate": self.plan_from.isoformat(),
            "target": [
                {
                    "measure": measure,
                    "detailString": "Rating 3 or higher in 4 consecutive sessions",
                    "dueDate": (self.today + timedelta(days=90)).isoformat(),
                }
            ],
            "expressedBy": self.to("role"),
        }
        return self.entry(f"goal{n}", resource, number)

    def plan(self) -> Resource:
        number = (self.hub.system("careplan"), f"P-{self.child.placer}")
        resource = {
            "resourceType": "CarePlan",
            "identifier": [identified(number)],
            "status": "active",
            "intent": "plan",
            "category": [
                coded("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan")
            ],
            "title": f"{SERVICES[self.hub.service]} treatment plan",
            "subject": self.to("patient"),
            "period": {"start": self.plan_from.isoformat(), "end": self.plan_to.isoformat()},
            "created": self.plan_from.isoformat(),
            "author": self.to("role"),
            "addresses": [self.to("condition")],
            "goal": [self.to(f"goal{n}") for n in range(len(self.child.goals))],
        }
        return self.entry("plan", resource, number)

    def episode(self) -> Resource:
        number = (self.hub.system("episode"), f"E-{self.child.placer}")
        resource = {
            "resourceType": "EpisodeOfCare",
            "identifier": [identified(number)],
            "status": "active",
            "type": [coded(CBHI, self.hub.service, SERVICES[self.hub.service])],
            "patient": self.to("patient"),
            "managingOrganization": self.to("hub"),
            "period": {"start": (self.today - timedelta(days=80)).isoformat()},
            "careManager": self.to("role"),
        }
        return self.entry("episode", resource, number)

    def request(self) -> Resource:
        number = (self.hub.system("referral"), self.child.placer)
        goals = range(len(self.child.goals)) if self.child.names_goals else ()
        supporting = [self.to("plan")] + ([self.to("episode")] if self.child.names_hub else [])
        resource: Resource = {
            "resourceType": "ServiceRequest",
            "meta": {"profile": [f"{US_CORE}/us-core-servicerequest"]},
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal",
                    "valueReference": self.to(f"goal{n}"),
                }
                for n in goals
            ],
            "identifier": [typed("PLAC") | identified(number)],
            "basedOn": [self.to("plan")],
            "status": "active",
            "intent": "order",
            "priority": "routine",
            "code": {
                "coding": [
                    {"system": HCPCS, "code": "T1027"},
                    {"system": CBHI, "code": "therapeutic-mentoring"},
                ],
                "text": "Therapeutic Mentoring",
            },
            "subject": self.to("patient"),
            "occurrencePeriod": {"start": self.today.isoformat(), "end": self.plan_to.isoformat()},
            "authoredOn": self.now.isoformat(),
            "requester": self.to("role"),
            "performer": [self.to("agency")],
            "reasonReference": [self.to("condition")],
            "insurance": [self.to("coverage")],
            "supportingInfo": supporting,
        }
        if not goals:
            del resource["extension"]
        if self.child.hours_per_week:
            quantity = {"value": self.child.hours_per_week, "unit": "h/wk"}
            resource["quantityQuantity"] = quantity
        return self.entry("request", resource, number)

    def task(self) -> Resource:
        number = (self.hub.system("task"), f"T-{self.child.placer}")
        resource = {
            "resourceType": "Task",
            "identifier": [typed("PLAC") | identified(number)],
            "status": "requested",
            "intent": "order",
            "priority": "routine",
            "code": coded("http://hl7.org/fhir/CodeSystem/task-code", "fulfill"),
            "focus": self.to("request"),
            "for": self.to("patient"),
            "authoredOn": self.now.isoformat(),
            "requester": self.to("hub"),
            "owner": self.to("agency"),
        }
        return self.entry("task", resource, number)


def identified(number: tuple[str, str]) -> Resource:
    return {"system": number[0], "value": number[1]}


def typed(code: str) -> Resource:
    return {"type": coded(f"{TERMS}/v2-0203", code)}


def coded(system: str, code: str, display: str | None = None) -> Resource:
    return {
        "coding": [{"system": system, "code": code} | ({"display": display} if display else {})]
    }
