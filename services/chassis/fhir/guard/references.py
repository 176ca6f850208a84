"""References: their form, the types they may point to, and contained resources. Opens nothing."""

import re
from typing import Any

from services.chassis.fhir.guard.findings import Container, Findings, Reference
from services.chassis.fhir.guard.schema import RESOURCE_TYPES

_LITERAL = re.compile(
    r"(?:https?://[^\s?#]+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?[^\s#]+")
_URN = re.compile(r"urn:(?:uuid|oid):\S+", re.IGNORECASE)
ANY = frozenset({"Resource"})


def judge_references(found: Findings) -> None:
    """Note every reference that cannot mean what it says (ref-1, dom-3, target types)."""
    entries = _entries(found.containers[0].value) if found.containers else {}
    for reference in found.references:
        text = reference.value.get("reference")
        if isinstance(text, str):
            _judge(found, reference, text, entries)
    for container in found.containers:
        _judge_contained(found, container)


def _judge(found: Findings, at: Reference, text: str, entries: dict[str, str]) -> None:
    if text.startswith("#"):
        target = _contained(at.inside, text[1:])
        if target is None:
            found.means_at(
                f"{at.where}.reference",
                "invariant",
                "Nothing that is contained here has this id (ref-1).",
            )
            return
    elif match := _LITERAL.fullmatch(text) or _CONDITIONAL.fullmatch(text):
        target = match[1]
    elif _URN.fullmatch(text):
        target = entries.get(text.lower(), "")
    else:
        target = None
    if target is None or (target and target not in RESOURCE_TYPES):
        found.means_at(
            f"{at.where}.reference",
            "not-supported",
            "A reference is Type/id, an address ending so, urn:uuid, #id, or Type?identifier=….",
        )
    elif target and at.targets and at.targets != ANY and target not in at.targets:
        text = "R4 allows no reference to this type here."
        found.means_at(f"{at.where}.reference", "invariant", text)


def _contained(inside: Container, id_: str) -> str | None:
    """The type of what `#id` names; `#` alone is the resource that contains."""
    home = inside.outer or inside
    if not id_:
        inside.referenced.add("")
        return home.type
    for resource in home.value.get("contained", ()):
        if resource.get("id") == id_:
            home.referenced.add(id_)
            kind: str = resource["resourceType"]
            return kind
    return None


def _judge_contained(found: Findings, container: Container) -> None:
    contained = container.value.get("contained", ())
    if contained and container.outer:
        found.means_at(
            f"{container.where}.contained",
            "invariant",
            "A contained resource contains no other (dom-2).",
        )
    inner = {c.value.get("id"): c for c in found.containers if c.outer is container}
    for index, resource in enumerate(contained):
        id_ = resource.get("id")
        speaks = id_ in inner and "" in inner[id_].referenced
        if id_ not in container.referenced and not speaks:
            found.means_at(
                f"{container.where}.contained[{index}]",
                "invariant",
                "Nothing here refers to this contained resource (dom-3).",
            )


def _entries(root: dict[str, Any]) -> dict[str, str]:
    """fullUrl, in lower case (urn:uuid compares so) → type of the entry."""
    return {
        entry["fullUrl"].lower(): entry["resource"]["resourceType"]
        for entry in root.get("entry", ())
        if isinstance(entry, dict) and "fullUrl" in entry and "resource" in entry
    }
