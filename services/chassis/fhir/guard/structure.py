"""One walk over a body that finds every problem of structure and meaning with its place.

Steps 4 to 8 of FHIR.md §6. Structure (400) is R4's own; what is well-formed but wrong (422) are
codes outside a required binding, wrong targets, invariants and what may change a meaning unseen.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from services.chassis.fhir.guard import invariants
from services.chassis.fhir.guard.findings import Container, Enough, Findings
from services.chassis.fhir.guard.primitives import ABSOLUTE, CHECKS, SURE, Sure
from services.chassis.fhir.guard.references import judge_references
from services.chassis.fhir.guard.schema import (
    RESOURCE,
    RESOURCE_TYPES,
    Element,
    Type,
    type_named,
)
from services.chassis.fhir.guard.text import MAX_DEPTH, too_deep
from services.chassis.fhir.outcome import FhirRefused, Issue

MAX_ITEMS = 2_000
# A status, method or address that is required decides what is done: why it is absent does not do.
DECISIVE = frozenset({"code", "uri"})
ADDRESSES = frozenset({"canonical", "uri", "url"})  # may name a contained resource too (dom-3)
BINDINGS = Path(__file__).parents[4] / "contracts/fhir/required-bindings.json"
_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")


def walk(value: Any) -> Findings:
    """All that is wrong with a resource. Raises FhirRefused only for what is too costly."""
    found = Findings()
    if not isinstance(value, dict):
        found.place.append("Resource")
        text = "A FHIR resource is expected: a JSON object with a resourceType."
        found.structure.append(Issue("error", "structure", text))  # nothing has a place yet
        return found
    named = value.get("resourceType")
    found.place.append(named if isinstance(named, str) and named in RESOURCE_TYPES else "Resource")
    try:
        _resource(found, value, contained=False)
        if not found.structure:
            judge_references(found)
    except Enough:
        pass
    return found


def _resource(found: Findings, value: dict[str, Any], *, contained: bool) -> None:
    name = value.get("resourceType")
    if not isinstance(name, str) or not name:
        found.wrong("The type of this resource is missing, or is no text.", "resourceType")
        return
    if name not in RESOURCE_TYPES:
        found.wrong("This is no resource type of FHIR R4.", "resourceType", code="not-supported")
        return
    outer = found.inside
    found.inside = Container(name, tuple(found.place), value, outer if contained else None)
    found.containers.append(found.inside)
    _object(found, value, type_named(name), resource=True)
    found.inside = outer


def _object(found: Findings, value: dict[str, Any], type_: Type, *, resource: bool = False) -> None:
    found.depth += 1
    if found.depth > MAX_DEPTH:
        raise too_deep()
    before = len(found.structure)
    if not value:
        found.wrong("An object must not be empty: leave the element out.")
    chosen: dict[str, str] = {}
    elements, is_sure = type_.elements, sure_of(type_.name)
    for name, content in value.items():
        element = elements.get(name)
        if element is None:
            if not (resource and name == "resourceType"):
                _beside(found, type_, name, content)
            continue
        if element.choice and chosen.setdefault(element.choice, name) != name:
            found.wrong("Only one form of this element may be given.", name)
        if not (name in is_sure and is_sure[name](content)):
            _element(found, value, type_, element, content)
    _cardinality(found, value, type_, chosen)
    if len(found.structure) == before:
        invariants.judge(found, value, type_.name)
    found.depth -= 1


@cache
def sure_of(type_: str) -> dict[str, Sure]:
    """The single primitives of a type that one glance can find right, so that no more is asked."""
    return {
        name: one_of(codes) if codes is not None and element.kind == "code" else sure
        for name, element in type_named(type_).elements.items()
        if element.primitive and not element.repeats and (sure := SURE.get(element.kind))
        for codes in [required_codes().get((type_, name))]
    }


def one_of(codes: frozenset[str]) -> Sure:
    return lambda value: isinstance(value, str) and value in codes


def _cardinality(
    found: Findings, value: dict[str, Any], type_: Type, chosen: dict[str, str]
) -> None:
    for element in type_.required:
        if element.name in value:
            continue
        if element.kind in DECISIVE or f"_{element.name}" not in value:
            found.wrong("This element is required.", element.name, code="required")
    for choice in type_.choices_required:
        if choice not in chosen:
            found.wrong("One form of this element is required.", choice, code="required")


def _element(
    found: Findings, parent: dict[str, Any], type_: Type, element: Element, content: Any
) -> None:
    place = found.place
    place.append(element.name)
    if not element.repeats and not isinstance(content, list):
        _item(found, parent, type_, element, None, content)
    elif element.repeats and isinstance(content, list):
        _check_length(found, content)
        found.depth += 1
        place.append(0)
        for index, item in enumerate(content):
            place[-1] = index
            _item(found, parent, type_, element, index, item)
        place.pop()
        found.depth -= 1
    elif element.repeats and content is not None:
        found.wrong("A list is expected here.")
    elif content is None:
        found.wrong("null stands for nothing in FHIR: leave the element out.")
    else:
        found.wrong("A single value is expected here, not a list.")
    place.pop()


def _item(
    found: Findings,
    parent: dict[str, Any],
    type_: Type,
    element: Element,
    index: int | None,
    item: Any,
) -> None:
    """One value; `found.place` ends with its index where the element is a list."""
    if isinstance(item, dict) and not element.primitive:
        if element.kind == RESOURCE:
            _resource(found, item, contained=element.name == "contained")
        else:
            if element.kind == "Reference":
                found.note_reference(item, element.targets)
            _object(found, item, type_named(element.kind))
    elif item is None:
        if not (element.primitive and _stands_beside(parent, element.name, index)):
            found.wrong("null stands for nothing in FHIR: leave it out.")
    elif element.primitive:
        _primitive(found, parent, type_, element, item)
    else:
        found.wrong("An object is expected here.")


def _check_length(found: Findings, content: list[Any]) -> None:
    if not content:
        found.wrong("A list must not be empty: leave the element out.")
    if len(content) > MAX_ITEMS:
        text = f"A list has more than {MAX_ITEMS} items."
        raise FhirRefused(413, [Issue("error", "too-costly", text, expression=found.where())])


def _stands_beside(parent: dict[str, Any], name: str, index: int | None) -> bool:
    """A null keeps the place of a value whose extension stands in `_name`."""
    beside = parent.get(f"_{name}")
    return (
        index is not None
        and isinstance(beside, list)
        and index < len(beside)
        and isinstance(beside[index], dict)
    )


def _primitive(
    found: Findings, parent: dict[str, Any], type_: Type, element: Element, value: Any
) -> None:
    if problem := CHECKS[element.kind](value):
        found.wrong(problem)
    elif element.kind == "code":
        allowed = required_codes().get((type_.name, element.name))
        if allowed is not None and value not in allowed:
            found.means("code-invalid", "R4 does not allow this code here.")
    elif element.name == "system" and "code" in parent and not ABSOLUTE.fullmatch(value):
        found.wrong("The system of a code is an absolute address.")
    elif element.kind in ADDRESSES and value.startswith("#"):
        found.note_contained(value[1:])
    elif element.name == "fullUrl" and not ABSOLUTE.fullmatch(value):
        found.wrong("A fullUrl is an absolute address (http, https or urn:uuid).")


def _beside(found: Findings, type_: Type, name: str, content: Any) -> None:
    """`_name` carries id and extensions of a primitive; anything else is unknown.

    An id is a plain string, in R4 it can carry nothing.
    """
    element = type_.elements.get(name[1:]) if name.startswith("_") else None
    if element is None or not element.primitive or element.name == "id":
        shown = name if _NAME.fullmatch(name) else "…"
        found.wrong(f"FHIR R4 knows no such element of {type_.name}.", shown)
        return
    if element.repeats != isinstance(content, list):
        found.wrong("This must be a list just where its element is one.", name)
        return
    found.place.append(name)
    if element.repeats:
        _check_length(found, content)
        for index, item in enumerate(content):
            found.place.append(index)
            _extended(found, item, may_be_null=True)
            found.place.pop()
    else:
        _extended(found, content, may_be_null=False)
    found.place.pop()


def _extended(found: Findings, item: Any, *, may_be_null: bool) -> None:
    if isinstance(item, dict):
        _object(found, item, type_named("Element"))
    elif item is not None or not may_be_null:
        found.wrong("An object is expected here.")


def prepare(types: Iterable[str]) -> None:
    """Build the tables of these types, and of all that they are made of, before a body comes."""
    todo, read = [*types, *(name for name, _ in required_codes())], set[str]()
    while todo:
        if (name := todo.pop()) not in read:
            read.add(name)
            sure_of(name)
            elements = type_named(name).elements.values()
            todo += [e.kind for e in elements if not e.primitive and e.kind != RESOURCE]


@cache
def required_codes() -> dict[tuple[str, str], frozenset[str]]:
    """(type, element) → the codes that R4 allows; backbone elements by their own type's name."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for path, codes in orjson.loads(BINDINGS.read_bytes())["bindings"].items():
        first, *steps = path.split(".")
        type_ = type_named(first)
        for step in steps[:-1]:
            type_ = type_named(type_.elements[step].kind)
        found[type_.name, steps[-1]] = frozenset(codes)
    return found
