"""Invented children and the Bundles in which hubs refer them. Everything follows from a seed."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

WAYPOST = "https://waypost.example"
CBHI = f"{WAYPOST}/fhir/CodeSystem/cbhi-service"
MEMBER = f"{WAYPOST}/ids/masshealth-member"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
TERMS = "http://terminology.hl7.org/CodeSystem"
NPI = "http://hl7.org/fhir/sid/us-npi"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"

Resource = dict[str, Any]

GIVEN = [
    "Amara",
    "Bao",
    "Caleb",
    "Dalia",
    "Elio",
    "Farah",
    "Gio",
    "Hana",
    "Idris",
    "Jada",
    "Kenji",
    "Lucia",
    "Milo",
    "Nia",
    "Oscar",
    "Paz",
]
MIDDLE = ["A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N"]
FAMILY = [
    "Abernathy",
    "Barros",
    "Castellano",
    "Dufresne",
    "Eklund",
    "Figueroa",
    "Grabowski",
    "Haddad",
    "Ivers",
    "Joubert",
    "Kowalczyk",
    "Lindqvist",
    "Mbeki",
    "Nakagawa",
    "Oyelaran",
    "Petrosyan",
    "Quiroga",
    "Ramaswamy",
]
TWINS = [("Jayden", "Jaylen"), ("Mira", "Mina"), ("Aiden", "Aidan"), ("Kara", "Kaya")]
GUARDIANS = ["Marta", "Samuel", "Ines", "Pavel", "Rosa", "Tomas", "Lena", "Viktor"]
TOWNS = [("Holyoke", "01040"), ("Chicopee", "01013"), ("Springfield", "01103"), ("Ludlow", "01056")]
SERVICES = {
    "in-home-therapy": "In-Home Therapy",
    "outpatient-therapy": "Outpatient Therapy",
    "intensive-care-coordination": "Intensive Care Coordination",
}
LANGUAGES = {"en": "English", "es": "Spanish", "pt": "Portuguese", "ht": "Haitian Creole"}
GOALS = [
    "Ask a classmate to join a game twice a week with no more than one prompt.",
    "Follow a morning routine of four steps on five of seven days.",
    "Name one feeling and one coping skill before leaving a tense talk, three times a week.",
    "Take the bus to the library and back with an adult two seats away.",
    "Plan and cook one simple meal a week with a written list.",
    "Ask for help in class before leaving the room, on four of five days.",
]


@dataclass(frozen=True)
class HubOffice:
    """A hub as it knows itself: what it writes into its referrals."""

    name: str
    title: str
    npi: str
    clinician_npi: str
    host: str
    service: str

    def system(self, kind: str) -> str:
        return f"https://{self.host}/ids/{kind}"


@dataclass(frozen=True)
class Child:
    """One invented child, and what the hub says of it."""

    hub: HubOffice
    number: int
    given: str
    middle: str
    family: str
    guardian: str
    birth_date: date
    gender: str
    languages: tuple[str, ...]
    town: tuple[str, str]
    mrn: str
    member_id: str
    placer: str
    goals: tuple[str, ...]
    product: str = "MassHealth Standard"
    bh_admin: str = "MBHP"
    names_hub: bool = True
    names_goals: bool = True
    uuids: tuple[UUID, ...] = field(default=(), repr=False)
    shuffle: int = 0


def children(seed: int, hubs: list[HubOffice], count: int, today: date) -> list[Child]:
    """`count` children, hubs in turn; the same for the same seed and day."""
    draw = random.Random(seed)
    return [_child(draw, hubs[n % len(hubs)], seed, n, today) for n in range(count)]


def _child(draw: random.Random, hub: HubOffice, seed: int, number: int, today: date) -> Child:
    serial = f"{seed % 100_000 * 1000 + number:08}"  # up to 1,000 children of a seed
    spoken = draw.choice([("en",), ("es", "en"), ("en", "es"), ("pt", "en"), ("en",)])
    return Child(
        hub=hub,
        number=number,
        given=draw.choice(GIVEN),
        middle=draw.choice(MIDDLE),
        family=f"{draw.choice(FAMILY)}-{draw.choice(FAMILY)}",
        guardian=draw.choice(GUARDIANS),
        birth_date=today - timedelta(days=draw.randint(8 * 366, 17 * 365)),
        gender=draw.choice(["female", "male", "other"]),
        languages=spoken,
        town=draw.choice(TOWNS),
        mrn=f"{hub.name[:2].upper()}-{serial}",
        member_id=f"1{serial}{draw.randrange(1000):03}",
        placer=f"REF-{serial}",
        goals=tuple(draw.sample(GOALS, draw.randint(1, 3))),
        uuids=tuple(UUID(int=draw.getrandbits(128), version=4) for _ in range(20)),
        shuffle=draw.getrandbits(32),
    )


def without_hub_service(child: Child) -> Child:
    return replace(child, names_hub=False)


def without_goals(child: Child) -> Child:
    return replace(child, names_goals=False)


def twins(child: Child) -> tuple[Child, Child]:
    """This child and a twin: all but alike in name and number, at home in one place."""
    first, second = TWINS[child.number % len(TWINS)]
    member = int(child.member_id)
    return (
        replace(child, given=first),
        replace(
            child,
            given=second,
            mrn=f"{child.mrn}-2",
            placer=f"{child.placer}-2",
            member_id=str(member - 1 if member % 10 else member + 1),
        ),
    )


def same_child(child: Child, other: Child) -> Child:
    """`other`'s referral, with this child in it: two hubs refer one child."""
    return replace(
        other,
        given=child.given,
        middle=child.middle,
        family=child.family,
        guardian=child.guardian,
        birth_date=child.birth_date,
        gender=child.gender,
        languages=child.languages,
        town=child.town,
        member_id=child.member_id,
    )


def member_of(child: Child, today: date) -> dict[str, Any]:
    """The child as its payer knows it: what the payer simulator is taught."""
    return {
        "member_id": child.member_id,
        "first_name": child.given,
        "last_name": child.family,
        "birth_date": child.birth_date.isoformat(),
        "product": child.product,
        "bh_admin": child.bh_admin,
        "period": {"start": f"{today.year}-01-01"},
    }


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
        return [self.clinician(), self.role(), self.patient(), self.guardian()]

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
            "telecom": [{"system": "phone", "value": "+1-413-555-0142", "use": "home"}],
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
