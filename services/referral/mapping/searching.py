"""What a stored resource is found by, and what a search's tokens look for: the same text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.chassis.fhir.outcome import FhirRefused
from services.chassis.fhir.reading import date_range
from services.chassis.fhir.search import Token
from services.referral.mapping.inbound.entries import Resource, identifiers_of

CODED = {"ServiceRequest": ("category", "code")}
DATED = {"ServiceRequest": "authoredOn", "Patient": "birthDate"}

Found = tuple[tuple[str, ...], tuple[str, ...], tuple[datetime, datetime] | None]


def found_by(resource: Resource) -> Found:
    """Tokens, names and time of a resource; nothing for types that are read by id alone."""
    type_ = resource["resourceType"]
    tokens = [
        text
        for name in CODED.get(type_, ())
        for coding in codings(resource.get(name, ()))
        for text in tokens_of(name, coding.get("system", ""), coding.get("code", ""))
    ]
    if type_ == "Patient":
        for identifier in identifiers_of(resource):
            tokens += tokens_of("identifier", *identifier)
        if "gender" in resource:
            tokens += tokens_of("gender", "", resource["gender"])
    names = tuple(dict.fromkeys(names_of(resource))) if type_ == "Patient" else ()
    return tuple(dict.fromkeys(tokens)), names, time_of(resource.get(DATED.get(type_, "")))


def tokens_of(name: str, system: str, code: str) -> tuple[str, ...]:
    """A code in every way that a token can ask for it."""
    return f"{name}:{system}|{code}", f"{name}:*|{code}", f"{name}:{system}|*"


def sought(name: str, tokens: Sequence[Token]) -> list[str]:
    """A search's tokens as they are stored."""
    return [
        f"{name}:{'*' if token.system is None else token.system}|{token.code or '*'}"
        for token in tokens
    ]


def codings(concepts: object) -> Iterator[Mapping[str, Any]]:
    for concept in concepts if isinstance(concepts, list) else [concepts]:
        if isinstance(concept, dict):
            yield from concept.get("coding", ())


def names_of(patient: Resource) -> Iterator[str]:
    """Every name and part of one, in lower case."""
    for name in patient.get("name", ()):
        for text in (name.get("family"), name.get("text"), *name.get("given", ())):
            if text:
                yield text.lower()


def time_of(text: object) -> tuple[datetime, datetime] | None:
    """The half-open time that a date covers, as searches understand dates."""
    try:
        covered = date_range("", text) if isinstance(text, str) else None
        if covered is None or covered.low is None or covered.high is None:
            return None
        return covered.low.astimezone(UTC), covered.high.astimezone(UTC)
    except (FhirRefused, OverflowError):  # at either end of the years no zone has a name for it
        return None
