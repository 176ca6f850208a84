"""Code systems that the validator is given: our own, and what US Core binds as required.

Ours are the codes of our samples and the codes that our code can say. The lists of US Core's
value sets are the few codes that anybody here uses, not copies.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts import codes
from services.referral.domain.states import HOLD_TEXTS, Business, CloseReason
from services.referral.mapping.task import CRITERIA

LOCAL = "https://waypost.example/fhir/CodeSystem/"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"
RACE = "urn:oid:2.16.840.1.113883.6.238"
RACES = ("1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1")
ETHNICITIES = ("2135-2", "2186-5")
VSAC = "http://cts.nlm.nih.gov/fhir/ValueSet/"
VALUE_SETS: Mapping[str, tuple[str, Sequence[str]]] = {
    "2.16.840.1.114222.4.11.836": (RACE, RACES),
    "2.16.840.1.114222.4.11.837": (RACE, ETHNICITIES),
    "2.16.840.1.113762.1.4.1": (f"{V3}AdministrativeGender", ("M", "F")),
    "2.16.840.1.113762.1.4.1021.102": (f"{V3}NullFlavor", ("ASKU", "UNK")),
    "2.16.840.1.113762.1.4.1021.103": (f"{V3}NullFlavor", ("ASKU", "OTH", "UNK")),
}
FRAGMENTS: Mapping[str, Sequence[str]] = {
    RACE: (*RACES, *ETHNICITIES),
    "urn:ietf:bcp:13": ("application/fhir+json", "application/json", "application/pdf",
                        "text/plain", "text/html"),
    "urn:ietf:bcp:47": ("en", "en-US", "es", "pt", "ht", "vi", "zh", "km"),
}  # fmt: skip
# What our code can say beyond the samples, by code system.
SAID: Mapping[str, Iterable[str]] = {
    "cbhi-service": list(codes.HubService),
    "issue-detail": [f"gap-{code}" for code in (*codes.Gap, *codes.OpenItem)],
    "tm-progress-scale": list(codes.ProgressScale),
    "program-criterion": [code for code, _ in CRITERIA.values()],
    "referral-business-status": [code for code in Business if not code[0].isdigit()],
    "referral-gap": [*codes.Gap, *codes.OpenItem],
    "referral-reason": [*codes.Ineligibility, *CloseReason, *HOLD_TEXTS, "merged", "withdrawn"],
    "staff-role": ["clinical-supervisor"],
}


def write(folder: Path, samples: Path) -> None:
    """Write them as FHIR resources into a folder of their own."""
    found: dict[str, dict[str, str]] = {}
    for file in samples.glob("*.json"):
        for system, code, display in codings(json.loads(file.read_bytes())):
            if system.startswith(LOCAL):
                found.setdefault(system, {})[code] = display
    for name, more in SAID.items():
        for code in more:
            found.setdefault(LOCAL + name, {}).setdefault(str(code), str(code))
    for number, (system, concepts) in enumerate(sorted(found.items())):
        save(folder, code_system(f"ours-{number}", system, concepts, "complete"))
    for number, (system, listed) in enumerate(FRAGMENTS.items()):
        shown = {code: code for code in listed}
        save(folder, code_system(f"fragment-{number}", system, shown, "fragment"))
    for oid, (system, listed) in VALUE_SETS.items():
        concepts_ = [{"code": code} for code in listed]
        include = [{"system": system, "concept": concepts_}]
        resource = {"resourceType": "ValueSet", "id": oid, "url": VSAC + oid, "status": "active"}
        save(folder, {**resource, "compose": {"include": include}})
    save(folder, topic_extension())


def code_system(id_: str, url: str, concepts: Mapping[str, str], content: str) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "id": id_,
        "url": url,
        "status": "active",
        "content": content,
        "caseSensitive": True,
        "concept": [{"code": code, "display": shown} for code, shown in sorted(concepts.items())],
    }


def save(folder: Path, resource: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    name = f"{resource['resourceType']}-{resource['id']}.json"
    (folder / name).write_text(json.dumps(resource))


def topic_extension() -> dict[str, Any]:
    """An extension of Subscriptions Backport 1.1.0 whose definition its R4 package lacks."""
    backport = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    url = f"{backport}capabilitystatement-subscriptiontopic-canonical"
    elements = [
        {"id": "Extension", "path": "Extension", "min": 0, "max": "*"},
        {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
        {"id": "Extension.url", "path": "Extension.url", "fixedUri": url},
        {
            "id": "Extension.value[x]",
            "path": "Extension.value[x]",
            "min": 1,
            "type": [{"code": "canonical"}],
        },
    ]
    return {
        "resourceType": "StructureDefinition",
        "id": "topic-canonical",
        "url": url,
        "name": "TopicCanonical",
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": "CapabilityStatement.rest.resource"}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {"element": elements},
    }


def codings(value: Any) -> Iterator[tuple[str, str, str]]:
    """System, code and display of every coding in a resource."""
    if isinstance(value, dict) and {"system", "code"} <= value.keys():
        yield value["system"], value["code"], str(value.get("display", value["code"]))
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from codings(item)
