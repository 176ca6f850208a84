"""The invariants that we enforce, by type: R4's own, and US Core's where a type is used.

Each rule notes at most one problem for the place where the walk stands. The list is FHIR.md §6,
steps 7 and 8; other US Core cardinalities never refuse what a hub sends.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.chassis.fhir.guard.findings import Findings
from services.chassis.fhir.guard.narrative import is_safe
from services.chassis.fhir.guard.primitives import MAX_ATTACHMENT_BYTES
from services.chassis.fhir.outcome import FhirRefused, Issue

US_NPI = "http://hl7.org/fhir/sid/us-npi"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

MAX_IDENTIFIER_BYTES = 1_000  # what it is found by; no index holds more than 2,700

# An address on a FHIR server: its end is the type and the id of what is there.
_RESTFUL = re.compile(r"https?://\S+/([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")

Value = dict[str, Any]
Rule = Callable[[Findings, Value], None]


def judge(found: Findings, value: Value, type_: str) -> None:
    """Note what breaks a rule of this type, or could change a meaning unseen."""
    if "modifierExtension" in value:
        text = "This modifier extension could change the meaning of what it stands on."
        found.means("extension", text, "modifierExtension")
    if "implicitRules" in value:
        found.means("not-supported", "Content under implicit rules is not read.", "implicitRules")
    if len(value) == 1 and "id" in value and type_ != "Element":
        found.means("invariant", "An element has a value or children, not an id alone (ele-1).")
    if rule := RULES.get(type_):
        rule(found, value)


def _period(found: Findings, period: Value) -> None:
    start, end = period.get("start"), period.get("end")
    if start and end and later(start, end):
        found.means("invariant", "The period ends before it starts (per-1).")


def later(one: str, other: str) -> bool:
    """True when the first is surely after the second; a partial date covers all its days."""
    if "T" in one and "T" in other:
        return _instant(one) > _instant(other)
    shared = min(len(one.partition("T")[0]), len(other.partition("T")[0]))
    return one[:shared] > other[:shared]


def _instant(text: str) -> datetime:
    """Second 60 counts as the one before it: PostgreSQL and Python know no leap second."""
    whole, _, rest = text.partition(".")
    fraction = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    zone = rest[len(fraction) :]
    return datetime.fromisoformat(whole.replace(":60", ":59", 1) + zone)


def _extension(found: Findings, extension: Value) -> None:
    has_value = any(name.lstrip("_").startswith("value") for name in extension)
    if has_value == ("extension" in extension):
        found.means("invariant", "An extension has a value or extensions, not both (ext-1).")


def _identifier(found: Findings, identifier: Value) -> None:
    value = identifier.get("value")
    if len(f"{identifier.get('system')}{value}".encode()) > MAX_IDENTIFIER_BYTES:
        text = f"System and value of an identifier have {MAX_IDENTIFIER_BYTES} bytes at most."
        found.means("too-long", text, "value")
    if identifier.get("system") == US_NPI and isinstance(value, str) and not is_npi(value):
        found.means("invariant", "This NPI is not ten digits with a right check digit.", "value")


def is_npi(value: str) -> bool:
    """Ten digits whose last is Luhn's check digit of 80840 and the other nine."""
    if len(value) != 10 or not value.isascii() or not value.isdigit():
        return False
    total = 0
    for position, digit in enumerate(reversed("80840" + value)):
        number = int(digit) * (2 if position % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _attachment(found: Findings, attachment: Value) -> None:
    data = attachment.get("data")
    if data is None:
        return
    content = base64.b64decode("".join(data.split()))
    if len(content) > MAX_ATTACHMENT_BYTES:
        issue = Issue(
            "error", "too-costly", "An attachment is larger than 3 MB.", expression=found.where()
        )
        raise FhirRefused(413, [issue])
    if attachment.get("size", len(content)) != len(content):
        found.means("invariant", "The attachment has another size than it says.", "size")
    if "hash" in attachment:
        stated = base64.b64decode("".join(attachment["hash"].split()))
        # R4 defines Attachment.hash as SHA-1; it only detects damage here.
        if stated != hashlib.sha1(content, usedforsecurity=False).digest():
            found.means("invariant", "The attachment's hash is not that of its data.", "hash")


def _narrative(found: Findings, narrative: Value) -> None:
    if not is_safe(narrative.get("div", "")) and found.inside:
        found.unsafe.append(found.inside.value)
        found.warn("informational", "The narrative holds what txt-1 forbids and was left out.")


def _activity(found: Findings, activity: Value) -> None:
    if "reference" in activity and "detail" in activity:
        found.means("invariant", "An activity has a reference or a detail, not both (cpl-3).")


def _target(found: Findings, target: Value) -> None:
    if any(name.lstrip("_").startswith("detail") for name in target) and "measure" not in target:
        found.means("invariant", "A target with a detail needs its measure (gol-1).", "measure")


def _task(found: Findings, task: Value) -> None:
    authored, modified = task.get("authoredOn"), task.get("lastModified")
    if authored and modified and later(authored, modified):
        text = "The Task was modified before it was authored (inv-1)."
        found.means("invariant", text, "lastModified")


def _contact(found: Findings, contact: Value) -> None:
    if not contact.keys() & {"name", "telecom", "address", "organization"}:
        text = "A contact has a name, a telecom, an address or an organization (pat-1)."
        found.means("invariant", text)


def _observation(found: Findings, observation: Value) -> None:
    valued = any(name.lstrip("_").startswith("value") for name in observation)
    if valued and "dataAbsentReason" in observation:
        text = "A value is given, so none is absent (obs-6)."
        found.means("invariant", text, "dataAbsentReason")
    own = _codes(observation.get("code", {}))
    components = observation.get("component", ())
    if valued and any(own & _codes(component.get("code", {})) for component in components):
        found.means("invariant", "The value stands in the component of the same code (obs-7).")


def _codes(concept: Value) -> set[tuple[Any, Any]]:
    return {(c.get("system"), c.get("code")) for c in concept.get("coding", ())}


def _patient(found: Findings, patient: Value) -> None:
    for index, name in enumerate(patient.get("name", ())):
        if not (name.keys() & {"family", "given"} or _says_absent(name)):
            text = "A name has a family or a given name, or says why not (us-core-6)."
            found.means("invariant", text, "name", index)


def _says_absent(name: Value) -> bool:
    extended = [name, name.get("_family") or {}, *(g or {} for g in name.get("_given", ()))]
    return any(e.get("url") == DATA_ABSENT for part in extended for e in part.get("extension", ()))


def _practitioner_role(found: Findings, role: Value) -> None:
    if not role.keys() & {"practitioner", "organization", "healthcareService", "location"}:
        found.means("invariant", "A role is of somebody or somewhere (us-core-13).")


def _related_person(found: Findings, person: Value) -> None:
    if not person.keys() & {"name", "relationship"}:
        text = "A related person has a name or a relationship (us-core-14)."
        found.means("invariant", text)


def _coverage(found: Findings, coverage: Value) -> None:
    """us-core-15 only warns: a missing member number is a gap of the referral, never a refusal."""
    identifiers = coverage.get("identifier", ())
    if "subscriberId" not in coverage and not any("value" in i for i in identifiers):
        found.warn("incomplete", "The coverage has no member number (us-core-15).")


def _document(found: Findings, document: Value) -> None:
    for index, content in enumerate(document.get("content", ())):
        if not content["attachment"].keys() & {"url", "data"}:
            text = "An attachment has its data or an address (us-core-6)."
            found.means("invariant", text, "content", index, "attachment")


def _bundle(found: Findings, bundle: Value) -> None:
    kind = bundle["type"]
    if "total" in bundle and kind not in ("searchset", "history"):
        found.means("invariant", "Only a search or a history has a total (bdl-1).", "total")
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(bundle.get("entry", ())):
        _entry(found, kind, index, entry)
        if url := entry.get("fullUrl"):
            resource = entry.get("resource", {})
            version = resource.get("meta", {}).get("versionId", "")
            if (url.lower(), version) in seen:
                text = "Another entry has the same fullUrl (bdl-7)."
                found.means("invariant", text, "entry", index, "fullUrl")
            seen.add((url.lower(), version))
            if "/_history/" in url:
                text = "A fullUrl names no version (bdl-8)."
                found.means("invariant", text, "entry", index, "fullUrl")
            named, own = _RESTFUL.fullmatch(url), (resource.get("resourceType"), resource.get("id"))
            if named and own[1] is not None and named.groups() != own:
                text = "The fullUrl names another resource than the one that it stands on."
                found.means("invariant", text, "entry", index, "fullUrl")


def _entry(found: Findings, kind: str, index: int, entry: Value) -> None:
    if "search" in entry and kind != "searchset":
        text = "Only a search has entry.search (bdl-2)."
        found.means("invariant", text, "entry", index, "search")
    needs_request = kind in ("batch", "transaction", "history")
    if needs_request != ("request" in entry):
        text = "Each entry of a transaction has its request, and no other Bundle has one (bdl-3)."
        found.means("invariant", text, "entry", index, "request")
    needs_response = kind in ("batch-response", "transaction-response", "history")
    if needs_response != ("response" in entry):
        text = "Each entry of an answer has its response, and no other Bundle has one (bdl-4)."
        found.means("invariant", text, "entry", index, "response")


RULES: dict[str, Rule] = {
    "Attachment": _attachment,
    "Bundle": _bundle,
    "CarePlanActivity": _activity,
    "Coverage": _coverage,
    "DocumentReference": _document,
    "Extension": _extension,
    "GoalTarget": _target,
    "Identifier": _identifier,
    "Narrative": _narrative,
    "Observation": _observation,
    "Patient": _patient,
    "PatientContact": _contact,
    "Period": _period,
    "PractitionerRole": _practitioner_role,
    "RelatedPerson": _related_person,
    "Task": _task,
}
