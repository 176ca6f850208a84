"""What R4 says of each type, as plain tables: the elements that it may have, and of what kind.

Written from fhir.resources' R4B models by `make contracts`. The library knows every element; what
it does not enforce (codes, formats, targets) is checked by our own walk over these tables, so that
every problem is found at once and with its place. At run time nothing asks the library: its models
are thirty megabytes, and a second in which a loop would serve nobody.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TYPES = Path(__file__).parents[4] / "contracts/fhir/r4-types.json"
RESOURCE = "Resource"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: `kind` is a primitive's name or a complex type's."""

    name: str
    kind: str
    primitive: bool
    repeats: bool
    required: bool
    choice: str | None  # the base name of value[x]
    choice_required: bool
    targets: frozenset[str]  # of a Reference; empty: any


@dataclass(frozen=True, slots=True)
class Type:
    name: str
    elements: dict[str, Element]
    required: tuple[Element, ...]
    choices_required: tuple[str, ...]  # base names of which one form is required


@cache
def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TYPES.read_text())
    return found


RESOURCE_TYPES = frozenset(read()["resources"])


@cache
def type_named(name: str) -> Type:
    """The table of a resource, data type or backbone element."""
    elements = {row["name"]: element_from(row) for row in read()["types"][name]}
    choices = {e.choice: e.choice_required for e in elements.values() if e.choice}
    required = tuple(e for e in elements.values() if e.required)
    return Type(name, elements, required, tuple(base for base, needed in choices.items() if needed))


def element_from(row: dict[str, Any]) -> Element:
    return Element(
        name=row["name"],
        kind=row["kind"],
        primitive=row.get("primitive", False),
        repeats=row.get("repeats", False),
        required=row.get("required", False),
        choice=row.get("choice"),
        choice_required=row.get("choice_required", False),
        targets=frozenset(row.get("targets", ())),
    )
