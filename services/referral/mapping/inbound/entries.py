"""A submission as its entries: what each asks for, and the references that stand in it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from services.chassis.fhir.guard import dumps
from services.chassis.fhir.outcome import FhirRefused, Issue
from services.referral.domain.intake import Identifier, Organisation, Stored

Resource = dict[str, Any]

# Facts of the export, not of the child: they differ each time that a hub sends the same thing.
NOT_CONTENT = frozenset({"id", "meta", "text", "implicitRules"})
OF_LINK = ("reference", "display")
SHORTEST_INSTANT = 17
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


@dataclass(slots=True)
class Link:
    """A Reference in a resource: where it stands, and the element itself, to be rewritten."""

    path: str
    element: dict[str, Any]


@dataclass(slots=True)
class Entry:
    """One resource of a submission. `place` is its number in the Bundle; None if contained."""

    path: str
    place: int | None
    resource: Resource
    method: str = "POST"
    full_url: str | None = None
    criteria: Identifier | None = None  # of a conditional update, or of ifNoneExist
    if_match: int | None = None
    links: list[Link] = field(default_factory=list)
    shape: bytes = b""
    # What became of it, once it has been compared with what is here:
    ref: str = ""
    stored: Stored | None = None
    organisation: Organisation | None = None

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def only_if_new(self) -> bool:
        return self.method == "POST" and self.criteria is not None

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return identifiers_of(self.resource)

    def error(self, code: str, text: str, where: str = "", detail: str | None = None) -> Issue:
        return Issue("error", code, text, f"{self.path}{where}", detail)

    def warning(self, text: str, where: str = "", code: str = "informational") -> Issue:
        return Issue("warning", code, text, f"{self.path}{where}")


@dataclass(slots=True)
class Submission:
    """What came in one request: one referral and what belongs to it, or an amendment of it."""

    entries: list[Entry]  # those of the request, in its order
    contained: list[Entry]  # what stood inside the ServiceRequest and becomes a resource of its own
    is_bundle: bool

    @property
    def all(self) -> list[Entry]:
        return self.entries + self.contained

    def one(self, type_: str) -> Entry | None:
        """The only, or first, entry of a type."""
        return next(self.of(type_), None)

    def of(self, type_: str) -> Iterator[Entry]:
        return (entry for entry in self.all if entry.type == type_)


def submission_from_bundle(bundle: Resource) -> Submission:
    """The entries of a transaction. Raises FhirRefused for a condition that we cannot search by."""
    entries = [entry_of(item, place) for place, item in enumerate(bundle.get("entry", ()))]
    return gathered(entries, is_bundle=True)


def submission_from_resource(
    resource: Resource, *, method: str, criteria: Identifier | None, if_match: int | None
) -> Submission:
    """A resource that was sent alone."""
    entry = Entry(resource["resourceType"], 0, resource, method, None, criteria, if_match)
    return gathered([entry], is_bundle=False)


def gathered(entries: list[Entry], *, is_bundle: bool) -> Submission:
    contained = [inner for entry in entries for inner in taken_out(entry)]
    for entry in entries + contained:
        entry.shape = read(entry)
    return Submission(entries, contained, is_bundle)


def entry_of(item: dict[str, Any], place: int) -> Entry:
    request, path = item["request"], f"Bundle.entry[{place}]"
    method, url = request["method"], request["url"]
    criteria = None
    if method == "PUT":
        if "?" not in url:
            raise FhirRefused(422, [not_by_id(f"{path}.request.url")])
        criteria = criteria_from(url.partition("?")[2], f"{path}.request.url")
    elif condition := request.get("ifNoneExist"):
        criteria = criteria_from(condition.lstrip("?"), f"{path}.request.ifNoneExist")
    if_match = version_from(request.get("ifMatch"), f"{path}.request.ifMatch")
    resource = item["resource"]
    return Entry(
        f"{path}.resource", place, resource, method, item.get("fullUrl"), criteria, if_match
    )


def criteria_from(query: str, path: str | None) -> Identifier:
    """The identifier that a condition names: the one parameter that we take."""
    name, _, value = query.partition("=")
    value = unquote(value)
    system, bar, number = value.partition("|")
    if name != "identifier" or "&" in query:
        text = "A condition is one identifier: identifier=[system]|[value]."
        raise FhirRefused(400, [Issue("error", "not-supported", text, path)])
    if not (bar and system and number) or CONTROL.search(value):
        text = "The identifier of a condition has a system and a value: [system]|[value]."
        raise FhirRefused(400, [Issue("error", "invalid", text, path)])
    return Identifier(system, number)


def version_from(etag: str | None, path: str | None) -> int | None:
    """The number in `W/"n"`; None when nothing was asked. Raises FhirRefused (400)."""
    if etag is None:
        return None
    if not (found := re.fullmatch(r'(?:W/)?"([0-9]{1,9})"', etag.strip())):
        text = 'A version is written as its ETag: W/"1".'
        raise FhirRefused(400, [Issue("error", "invalid", text, path)])
    return int(found[1])


def not_by_id(path: str) -> Issue:
    text = "An update names what it changes by identifier: PUT [type]?identifier=[system]|[value]."
    return Issue("error", "not-supported", text, path)


def taken_out(entry: Entry) -> list[Entry]:
    """What a ServiceRequest contains, as entries of their own, so that each can be read by itself.

    A resource that is contained elsewhere stays where it is: mirrors change as little as can be.
    """
    if entry.type != "ServiceRequest":
        return []
    inner = entry.resource.pop("contained", [])
    return [
        Entry(f"{entry.path}.contained[{n}]", None, resource, full_url=f"#{resource.get('id')}")
        for n, resource in enumerate(inner)
    ]


def identifiers_of(resource: Resource) -> tuple[Identifier, ...]:
    """Those with system and value; a few types have one identifier and no list."""
    found = resource.get("identifier", ())
    listed = found if isinstance(found, list) else [found]
    return tuple(
        Identifier(i["system"], i["value"]) for i in listed if "system" in i and "value" in i
    )


# --- One walk: the references, and what is content --------------------------------------------


def read(entry: Entry) -> bytes:
    """Collect the references of an entry; returns a digest of all else that is content.

    Times count as instants, numbers as they were written; ids, meta and narrative do not count.
    """

    def plain(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return plain_object(value, path)
        if isinstance(value, list):
            return [plain(item, f"{path}[{n}]") for n, item in enumerate(value)]
        return as_instant(value) if isinstance(value, str) else value

    def plain_object(value: dict[str, Any], path: str) -> dict[str, Any]:
        is_link = isinstance(value.get("reference"), str)
        if is_link or ("identifier" in value and is_logical(value)):
            entry.links.append(Link(path, value))
        found = {}
        for key in sorted(value):
            item = value[key]
            if isinstance(item, str):  # nearly all are, so no call is spent on them
                if not (is_link and key in OF_LINK):
                    found[key] = item if len(item) < SHORTEST_INSTANT else as_instant(item)
            else:
                found[key] = plain(item, f"{path}.{key}")
        return found

    left_out = NOT_CONTENT | {"lastModified"} if entry.type == "Task" else NOT_CONTENT
    content = sorted(entry.resource.keys() - left_out)
    return digest({key: plain(entry.resource[key], f"{entry.path}.{key}") for key in content})


def digest(content: Any) -> bytes:
    return hashlib.blake2b(dumps(content), digest_size=16).digest()


def content_of(entry: Entry) -> bytes:
    """Digest of an entry whose references have been rewritten: equal means same content."""
    targets = [link.element.get("reference", "") for link in entry.links]
    return digest([entry.shape.hex(), *targets])


def bundle_digest(submission: Submission) -> bytes:
    """Digest of all that was sent, whatever the urn:uuids and the order of the entries.

    Taken once references are rewritten: each counts as the content of its target, if that was
    sent too.
    """
    shape_of = {entry.ref: entry.shape.hex() for entry in submission.all}
    parts = []
    for entry in submission.all:
        targets = [link.element.get("reference", "") for link in entry.links]
        parts.append([entry.type, entry.shape.hex(), *(shape_of.get(t, t) for t in targets)])
    return digest(sorted(parts))


def as_instant(text: str) -> str:
    if len(text) > 40 or text[10:11] != "T" or not INSTANT.fullmatch(text):
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # a leap second, the year 0001: as they were written
        return text


def is_logical(value: dict[str, Any]) -> bool:
    """A Reference that names its target by identifier alone."""
    inner = value.get("identifier")
    return isinstance(inner, dict) and "value" in inner and "resourceType" not in value
