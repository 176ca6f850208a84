"""Submissions of hubs: sample 01 with what a test changes in it."""

import copy
import json
from typing import Any
from uuid import uuid4

from tests.referral.rig import example

Bundle = dict[str, Any]
Resource = dict[str, Any]

URN = "urn:uuid:0f5c2a50-5a0e-4c2f-9d3b-1f6f6b0e00"
EHR = "https://ehr.riverbend.example/ids/"


def make_bundle(
    *,
    number: str = "REF-2026-11-0042",
    mrn: str = "RB-204417",
    member: str = "100023456789",
    npi: str = "1234567893",
    only_if_new: bool = True,
) -> Bundle:
    """A good referral. `only_if_new` False: without `ifNoneExist` on any entry."""
    text = json.dumps(example("01"))
    for old, new in (
        ("REF-2026-11-0042", number),
        ("RB-204417", mrn),
        ("100023456789", member),
        ("1234567893", npi),
    ):
        text = text.replace(old, new)
    bundle: Bundle = json.loads(text)
    if not only_if_new:
        for entry in bundle["entry"]:
            entry["request"].pop("ifNoneExist", None)
    return bundle


def of(bundle: Bundle, type_: str, place: int = 0) -> Resource:
    """The resource of a type, to be changed in place."""
    found = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == type_]
    resource: Resource = found[place]
    return resource


def entry_of(bundle: Bundle, type_: str) -> dict[str, Any]:
    entry: dict[str, Any] = next(
        e for e in bundle["entry"] if e["resource"]["resourceType"] == type_
    )
    return entry


def place_of(bundle: Bundle, type_: str) -> int:
    place: int = bundle["entry"].index(entry_of(bundle, type_))
    return place


def without(bundle: Bundle, *types: str) -> Bundle:
    """The same without the entries of some types, and without what points to them."""
    gone = {e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] in types}
    kept = [e for e in bundle["entry"] if e["fullUrl"] not in gone]
    return {**bundle, "entry": [pruned(entry, gone) for entry in kept]}


def pruned(value: Any, gone: set[str]) -> Any:
    if isinstance(value, dict):
        found = {k: pruned(v, gone) for k, v in value.items() if not points_to(v, gone)}
        return {k: v for k, v in found.items() if v != []}
    if isinstance(value, list):
        return [pruned(item, gone) for item in value if not points_to(item, gone)]
    return value


def points_to(value: Any, gone: set[str]) -> bool:
    if not isinstance(value, dict):
        return False
    inner = value.get("valueReference", value)
    text = inner.get("reference") if isinstance(inner, dict) else None
    return isinstance(text, str) and text in gone


def reexported(bundle: Bundle) -> Bundle:
    """The same content as another export writes it: new urns, order, times and narratives."""
    text = json.dumps(bundle)
    for entry in bundle["entry"]:
        text = text.replace(entry["fullUrl"], f"urn:uuid:{str(uuid4()).upper()}")
    again: Bundle = json.loads(text)
    again["entry"].reverse()
    for entry in again["entry"]:
        meta = entry["resource"].setdefault("meta", {})
        meta |= {"lastUpdated": "2026-11-10T08:00:00Z", "versionId": "7"}
    request = of(again, "ServiceRequest")
    request["authoredOn"] = "2026-11-09T20:20:00Z"  # the same moment, written in UTC
    of(again, "Task")["lastModified"] = "2026-11-10T08:00:00Z"
    return again


def alone(bundle: Bundle) -> Resource:
    """The ServiceRequest with what it needs contained in it."""
    request = copy.deepcopy(of(bundle, "ServiceRequest"))
    inside = ("Patient", "Coverage", "Goal", "CarePlan", "EpisodeOfCare")
    taken = [e for e in bundle["entry"] if e["resource"]["resourceType"] in inside]
    text = json.dumps({**request, "contained": [e["resource"] for e in taken]})
    for n, entry in enumerate(taken):
        text = text.replace(entry["fullUrl"], f"#c{n}")
    found: Resource = json.loads(text)
    for n, resource in enumerate(found["contained"]):
        resource["id"] = f"c{n}"
    gone = {e["fullUrl"] for e in bundle["entry"]}
    whole: Resource = pruned(found, gone)
    payer = {"system": "https://waypost.example/ids/payer", "value": "masshealth"}
    for resource in whole["contained"]:
        if resource["resourceType"] == "Coverage":
            resource["payor"] = [{"identifier": payer}]
    return whole


def as_update(bundle: Bundle, type_: str) -> tuple[str, Resource]:
    """Path and body of a conditional update of one resource of a Bundle."""
    resource = of(bundle, type_)
    number = resource["identifier"][0]
    return f"/fhir/{type_}?identifier={number['system']}|{number['value']}", resource
