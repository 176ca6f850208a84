"""The CapabilityStatement of the one address that partners see, made from the four routers.

`python -m services.cli.capabilities` writes the file that referral serves as `/fhir/metadata`. It
claims exactly what answers: a route that is added or taken away changes it.
"""

import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from services.chassis.fhir.server import FhirRouter

FILE = Path(__file__).parents[2] / "contracts/fhir/capability-statement.json"
BASE = "https://waypost.example/fhir"
SERVICES = ("referral", "scheduling", "documentation", "notifications")
CHANGED_ON = "2026-11-22"  # of the form of this page; what it says is versioned with the code

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport"
TOPIC = f"{BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
TOPICS = ("referral-progress", "care-progress")
COMBINATION = (
    "http://hl7.org/fhir/StructureDefinition/capabilitystatement-search-parameter-combination"
)
# What no route depends on, so that the services can be put together without a machine to run on.
PLACEHOLDERS = {
    "DATABASE_DSN": "postgresql://nowhere",
    "KAFKA_SERVERS": "nowhere:9092",
    "PORT": "1",
    "OPS_PORT": "2",
    "BASE_URL": BASE,
    "TOKEN_URL": "https://waypost.example/auth/token",
    "KEY_FILE": "nowhere",
    "STAFF_ISSUER": "https://nowhere.example",
    "STAFF_JWKS_URL": "https://nowhere.example/jwks",
    "AGENCY_ID": "00000000-0000-4000-8000-000000000000",
    "AGENCY_NPI": "1234567893",
    "AGENCY_NAME": "Agency",
    "CURSOR_KEY": "nothing" * 5,
    **{f"{name.upper()}_URL": f"http://{name}.example" for name in SERVICES},
}


def routers() -> Iterator[FhirRouter]:
    """What each service serves under /fhir, as its `app.py` wires it."""
    kept = dict(os.environ)
    os.environ.update({f"WAYPOST_{name}": value for name, value in PLACEHOLDERS.items()})
    try:
        for name in SERVICES:
            for door in import_module(f"services.{name}.app").service().doors:
                if isinstance(door, FhirRouter):
                    yield door
    finally:
        os.environ.clear()
        os.environ.update(kept)


def statement() -> dict[str, Any]:
    """The whole resource; the same routes give the same text."""
    system: set[str] = set()
    served: dict[str, dict[str, Any]] = {}
    for router in routers():
        told = router.describe()
        system |= set(told["interaction"])
        for about in told["resource"]:
            merge(served.setdefault(about["type"], {}), about)
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{BASE}/metadata",
        "name": "Waypost",
        "title": "Waypost: Therapeutic Mentoring referrals, sessions and goals",
        "status": "active",
        "date": CHANGED_ON,
        "kind": "instance",
        "implementation": {"description": "Waypost", "url": BASE},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": security(),
                "resource": [resource(served[type_]) for type_ in sorted(served)],
                "interaction": [{"code": code} for code in sorted(system)],
            }
        ],
    }


def merge(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two services may serve one type: reads here, a hub's writes there."""
    for name, value in other.items():
        if isinstance(value, list):
            before = one.get(name, [])
            one[name] = sorted([*before, *(item for item in value if item not in before)])
        elif isinstance(value, dict):
            one[name] = one.get(name, {}) | value
        else:
            one[name] = one.get(name) or value


def security() -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {
        "service": [{"coding": [{"system": system, "code": "SMART-on-FHIR"}]}],
        "description": "SMART Backend Services; see /.well-known/smart-configuration.",
    }


def resource(about: dict[str, Any]) -> dict[str, Any]:
    type_, searches = about["type"], "search-type" in about["interaction"]
    found: dict[str, Any] = {}
    extension = [topic(name) for name in TOPICS] if type_ == "Subscription" else []
    if extension := extension + [together(names) for names in about["together"]]:
        found["extension"] = extension
    found["type"] = type_
    found["interaction"] = [{"code": code} for code in about["interaction"]]
    found["versioning"] = "versioned"
    if "read" in about["interaction"]:
        found["conditionalRead"] = "not-match"
    if about["conditionalUpdate"]:
        found["conditionalUpdate"] = True
    if about["searchInclude"]:
        found["searchInclude"] = about["searchInclude"]
    if searches:
        found["searchRevInclude"] = ["Provenance:target"]
        parameters = sorted(about["searchParam"].items())
        found["searchParam"] = [{"name": name, "type": kind} for name, kind in parameters]
    if type_ == "Subscription":
        found["operation"] = [operation("status"), operation("events")]
    return found


def topic(name: str) -> dict[str, Any]:
    return {"url": TOPIC, "valueCanonical": f"{BASE}/SubscriptionTopic/{name}"}


def together(names: list[str]) -> dict[str, Any]:
    required = [{"url": "required", "valueString": name} for name in names]
    return {"url": COMBINATION, "extension": required}


def operation(name: str) -> dict[str, Any]:
    definition = f"{BACKPORT}/OperationDefinition/backport-subscription-{name}"
    return {"name": name, "definition": definition}


def text() -> str:
    return json.dumps(statement(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
