"""What a submission speaks of and may already be here: numbers, ids, conditions."""

import re
from dataclasses import dataclass
from urllib.parse import unquote
from uuid import UUID

from services.referral.domain.intake import Identifier
from services.referral.mapping.inbound.entries import (
    CONTROL,
    Entry,
    Link,
    Submission,
    identifiers_of,
)
from services.referral.mapping.terms import IDENTIFIER_TYPE, IMPERSONAL

LITERAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
OUR_ORGANISATION = re.compile(
    r"Organization/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:/|$)"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a submission speaks of and may already be here."""

    key: Identifier | None  # the hub's number of the referral
    mrns: tuple[Identifier, ...]
    numbers: tuple[tuple[str, str], ...]  # (type, `system|value`) of what is of no one child
    conditions: tuple[tuple[str, str], ...]  # (type, identifier) of updates without their request
    ids: tuple[str, ...]  # of ours, as references name them


def asked(submission: Submission, *, base_url: str, mrn_system: str | None) -> Asked:
    """What the service has to look up before the submission can be understood."""
    request = submission.one("ServiceRequest")
    key = key_of(request) if request else None
    numbers = {(e.type, str(i)) for e in submission.all for i in e.identifiers}
    numbers |= set(conditions_of(submission))
    mrns = [i for e in submission.of("Patient") if (i := mrn_of(e, mrn_system))]
    ids = set()
    for entry in submission.all:
        for link in entry.links:
            text = link.element.get("reference", "")
            if named := conditional(text):
                numbers.add((named[0], str(named[1])))
                mrns += [named[1]] if named[0] == "Patient" else []
            elif ours := in_base(text, base_url):
                ids.add(ours.partition("/")[2])
            elif not text and (inner := logical(link)):
                numbers |= {(type_, str(inner)) for type_ in IMPERSONAL}
                mrns += [inner] if "subject" in link.path or "patient" in link.path else []
    conditions = () if request else conditions_of(submission)
    mrns += [e.criteria for e in submission.of("Patient") if e.criteria]
    shared = tuple(number for number in numbers if number[0] in IMPERSONAL)
    return Asked(key, tuple(mrns), shared, conditions, tuple(ids))


def conditions_of(submission: Submission) -> tuple[tuple[str, str], ...]:
    return tuple((e.type, str(e.criteria)) for e in submission.all if e.criteria)


def names_in(submission: Submission) -> tuple[list[Identifier], list[UUID]]:
    """The numbers and ids by which organisations are named, anywhere in it."""
    numbers = {i for e in submission.all if e.type == "Organization" for i in e.identifiers}
    ids = []
    for entry in submission.all:
        for link in entry.links:
            text = link.element.get("reference", "")
            if named := conditional(text):
                numbers.add(named[1])
            elif inner := logical(link):
                numbers.add(inner)
            if found := OUR_ORGANISATION.search(text):
                ids.append(UUID(found[1]))
        for inner in entry.resource.get("contained", ()):
            numbers.update(identifiers_of(inner))
    return list(numbers), ids


def placer_of(submission: Submission) -> tuple[str | None, str] | None:
    """The hub's own number of its Task, if it sent one."""
    task = submission.one("Task")
    listed = [i for i in task.resource.get("identifier", ()) if "value" in i] if task else []
    chosen = next((i for i in listed if is_typed(i, "PLAC")), next(iter(listed), None))
    return (chosen.get("system"), chosen["value"]) if chosen else None


def key_of(request: Entry) -> Identifier | None:
    """The hub's number: the PLAC identifier, else the first, else an http(s) fullUrl (§7.1)."""
    listed = request.resource.get("identifier", ())
    placers = [i for i in listed if is_typed(i, "PLAC")] or listed[:1]
    for identifier in placers:
        if "value" in identifier:
            return Identifier(identifier.get("system", ""), identifier["value"])
    if request.full_url and request.full_url.startswith(("http://", "https://")):
        return Identifier("urn:ietf:rfc:3986", request.full_url)
    return None


def mrn_of(patient: Entry, mrn_system: str | None) -> Identifier | None:
    """The hub's record number of a child: typed MR, else of the system registered for the hub."""
    listed = [i for i in patient.resource.get("identifier", ()) if "system" in i and "value" in i]
    numbers = [i for i in listed if is_typed(i, "MR")]
    numbers = numbers or [i for i in listed if i["system"] == mrn_system]
    return Identifier(numbers[0]["system"], numbers[0]["value"]) if numbers else None


def is_typed(identifier: dict[str, object], code: str) -> bool:
    kind = identifier.get("type")
    codings = kind.get("coding", ()) if isinstance(kind, dict) else ()
    return any(c.get("code") == code and c.get("system") == IDENTIFIER_TYPE for c in codings)


def conditional(text: str) -> tuple[str, Identifier] | None:
    """`Type?identifier=system|value`, read."""
    type_, mark, query = text.partition("?")
    name, equals, value = query.partition("=")
    system, bar, number = unquote(value).partition("|")
    if not (mark and equals and bar and name == "identifier" and type_.isalpha()):
        return None
    if CONTROL.search(system + number):
        return None  # no identifier has such letters, so it names nothing
    return type_, Identifier(system, number)


def in_base(text: str, base_url: str) -> str | None:
    """`Type/id` when a reference is relative or points into our own base; its version left out."""
    relative = text.removeprefix(base_url.rstrip("/") + "/") if base_url else text
    found = LITERAL.fullmatch(relative)
    return f"{found[1]}/{found[2]}" if found else None


def logical(link: Link) -> Identifier | None:
    identifier = link.element.get("identifier")
    if isinstance(identifier, dict) and "system" in identifier and "value" in identifier:
        return Identifier(identifier["system"], identifier["value"])
    return None
