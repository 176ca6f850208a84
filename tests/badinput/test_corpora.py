"""Whole folders through the guard: nothing but an answer or a refusal, and the right one."""

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from services.chassis.fhir.guard import check
from services.chassis.fhir.guard.structure import walk
from services.chassis.fhir.guard.text import parse
from services.chassis.fhir.outcome import FhirRefused
from tests.badinput.samples import OURS, THIRD_PARTY, folder, need

SEED = int(os.environ.get("SEED", "20261122"))
MUTATIONS = int(os.environ.get("MUTATIONS", "2000"))

# HL7's clean cases that we refuse all the same, each with its reason.
STRICTER = {
    "contained-resource.json": "an id of 65 letters is too long in R4",
}
# HL7's negative cases that are no fault of ours to find, each with its reason.
KEPT = {
    "obs-temp-bad.json": "a profile on vital signs: no US Core cardinality refuses input",
    "bad-markdown.json": "markup in text is data: kept, and escaped on output",
    "pat-dob-ext.json": "an extension that we do not know is kept",
    "pat-example-ext.json": "an extension that we do not know is kept",
    "encounter-period.json": "starts on the day on which it ends: not surely later",
}


@pytest.mark.parametrize("file", sorted(OURS.glob("*.json")), ids=lambda f: f.name)
def test_our_own_samples_are_r4(file: Path) -> None:
    found = walk(parse(file.read_bytes()))

    assert (found.structure, found.meaning) == ([], [])


def test_us_core_examples_and_clean_cases_are_not_refused_for_their_structure() -> None:
    for name in ("us-core-6.1.0", "valid-fhir-test-cases"):
        for file in need(folder(name), name):
            found = walk(parse(file.read_bytes()))
            assert (found.structure == []) != (file.name in STRICTER), (file.name, found.structure)


def test_every_nasty_case_is_refused_or_kept_for_a_reason() -> None:
    for file in need(folder("nasty-fhir-test-cases"), "nasty-fhir-test-cases"):
        if file.name != "EXPECTED.json":
            assert (refusal(file.read_bytes()) is None) <= (file.name in KEPT), file.name


def test_the_seeded_defects_of_structure_codes_and_invariants_are_found() -> None:
    file = THIRD_PARTY / "packages/seeded-errors-59.json"
    if not file.exists():
        pytest.skip("the seeded defects are not on this machine")
    beyond = ("profile", "maybe-profile", "profile-slice", "codesystem", "invariant txt-1", "VALID")
    missed = [
        case["name"]
        for case in json.loads(file.read_bytes())
        if (refusal(json.dumps(case["resource"]).encode()) is None) != (case["expect"] in beyond)
    ]

    assert missed == []


def test_what_we_accept_the_fhir_library_accepts() -> None:
    """Our walk stands in for the library at run time; it must never be the laxer of the two."""
    resources = [json.loads(file.read_bytes()) for file in sorted(OURS.glob("*.json"))]
    for name in ("us-core-6.1.0", "valid-fhir-test-cases", "sdohcc", "bser", "davinci-cdex"):
        resources += [json.loads(file.read_bytes()) for file in folder(name)]
    draw = random.Random(SEED)
    resources += [mutated(draw, resources[draw.randrange(36)]) for _ in range(200)]

    laxer = [r for r in resources if isinstance(r, dict) and accepted(r) and not ok(r)]

    assert laxer == [], f"SEED={SEED}"


def accepted(resource: dict[str, Any]) -> bool:
    """By our text rules and our walk: half a surrogate pair, for one, is refused as text."""
    try:
        return not walk(parse(json.dumps(resource).encode())).structure
    except FhirRefused:
        return False


def ok(resource: dict[str, Any]) -> bool:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        # The library knows no `_valuePositiveInt`, which R4 allows like any other.
        return all(str(fault["loc"][-1]).startswith("_value") for fault in error.errors())
    return True


def test_mutated_samples_are_answered_or_refused_never_worse() -> None:
    draw = random.Random(SEED)
    samples = [json.loads(file.read_bytes()) for file in sorted(OURS.glob("*.json"))]
    for number in range(MUTATIONS):
        body = json.dumps(mutated(draw, draw.choice(samples))).encode()
        try:
            refusal(body)
        except Exception as error:
            raise AssertionError(f"SEED={SEED} mutation {number}") from error


WRONG: list[Any] = [
    None, True, 0, -1, 1e308, "", " ", "x", "\x00", "\ud800", [], {}, [[]], [None], {"a": {}},
    {"resourceType": "Patient"}, {"reference": "#"}, "9999-99-99", "a" * 70_000, [1] * 30,
]  # fmt: skip


ABSENT = {
    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
    "valueCode": "unknown",
}


def mutated(draw: random.Random, resource: Any) -> Any:
    """A copy with one to three places replaced, removed, doubled, renamed or said to be absent."""
    copied = json.loads(json.dumps(resource))
    for _ in range(draw.randint(1, 3)):
        copied = copy.deepcopy(copied)  # what was put in twice is changed once
        places = list(inside(copied))
        parent, key = draw.choice(places)
        act = draw.randrange(5)
        if act == 4 and isinstance(key, str):
            parent[f"_{key}"] = {"extension": [ABSENT]}
            del parent[key]
        elif act == 0:
            parent[key] = copy.deepcopy(draw.choice(WRONG))
        elif act == 1:
            del parent[key]
        elif isinstance(parent, list):
            parent.append(parent[key])
        else:
            parent[draw.choice(["id", "code", "status", "value", "extension", "zzz"])] = parent[key]
        if not copied:
            return {"resourceType": "Patient"}
    return copied


def inside(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, content in items:
        found.append((value, key))
        if isinstance(content, dict | list):
            found += inside(content)
    return found


def refusal(body: bytes) -> FhirRefused | None:
    try:
        check(body)
    except FhirRefused as error:
        return error
    return None
