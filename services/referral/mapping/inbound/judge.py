"""What makes readable input unusable to us: the rows `business-rule` of FHIR.md §4.

A gap is none of these: what is merely missing is kept and asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.chassis.fhir.outcome import Issue
from services.referral.mapping.inbound.asked import key_of
from services.referral.mapping.inbound.dates import last_day
from services.referral.mapping.inbound.entries import Entry, Submission
from services.referral.mapping.inbound.graph import Graph
from services.referral.mapping.inbound.plans import is_mentoring
from services.referral.mapping.inbound.resolve import WHOSE, Resolved

OLDEST_YEARS = 120


@dataclass(frozen=True, slots=True)
class Agency:
    """Ourselves: who a request must name, if it names anyone."""

    organisation_id: UUID
    npi: str
    name: str

    @property
    def ref(self) -> str:
        return f"Organization/{self.organisation_id}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One submission, resolved, with what is needed to judge it."""

    submission: Submission
    resolved: Resolved
    graph: Graph
    agency: Agency
    organisation_id: UUID  # the client's
    today: date
    is_known: bool  # the referral is here already

    @property
    def patient_ref(self) -> str:
        return f"Patient/{self.resolved.youth_id}"


def judge(reading: Reading) -> Iterator[Issue]:
    """Everything that is refused, all at once."""
    for rule in RULES:
        yield from rule(reading)


def one_referral(at: Reading) -> Iterator[Issue]:
    """One referral and one child in a submission; an update may leave out either."""
    requests = list(at.submission.of("ServiceRequest"))
    patients = list(at.submission.of("Patient"))
    tasks = list(at.submission.of("Task"))
    one = "A submission holds one referral: exactly one ServiceRequest and one Patient."
    for extra in requests[1:] + patients[1:]:
        yield extra.error("business-rule", one)
    for extra in tasks[1:]:
        yield extra.error("business-rule", "A referral has one Task at most.")
    is_bundle = at.submission.is_bundle
    if is_bundle and not requests and not (at.is_known and is_update(at.submission)):
        yield Issue("error", "business-rule", one, "Bundle.entry")
    if is_bundle and not patients and requests and requests[0].method == "POST":
        yield Issue("error", "business-rule", one, "Bundle.entry")


def is_update(submission: Submission) -> bool:
    return any(entry.method == "PUT" for entry in submission.entries)


def one_child(at: Reading) -> Iterator[Issue]:
    for entry in at.submission.all:
        if not (name := WHOSE.get(entry.type)) or name not in entry.resource:
            continue
        ref = entry.resource[name].get("reference", "")
        if ref.startswith("Group/"):
            text = "Therapeutic Mentoring is for one youth, not for a group."
            yield entry.error("business-rule", text, f".{name}")
        elif ref.startswith("Patient/") and ref != at.patient_ref and is_ours(at, ref):
            text = "This belongs to another child than the referral."
            yield entry.error("business-rule", text, f".{name}")


def is_ours(at: Reading, ref: str) -> bool:
    return at.graph.get(ref) is not None


def numbered(at: Reading) -> Iterator[Issue]:
    """A referral needs a number by which its sender speaks of it again."""
    for entry in at.submission.of("ServiceRequest"):
        key = key_of(entry)
        if key is None or not key.system:
            text = "A referral needs an identifier with system and value, best of type PLAC."
            yield entry.error("business-rule", text, ".identifier")
    for entry in at.submission.entries:
        if entry.method == "PUT" and entry.type == "Task":
            text = "A Task is changed by itself: PUT Task/[id] with If-Match."
            yield entry.error("not-supported", text)
        elif entry.method == "PUT" and entry.criteria and entry.criteria not in entry.identifiers:
            text = "The identifier in the body is not the one that the PUT names."
            yield entry.error("business-rule", text, ".identifier")


def asks_for_mentoring(at: Reading) -> Iterator[Issue]:
    for entry in at.submission.of("ServiceRequest"):
        code = entry.resource.get("code", {})
        if code.get("coding") and not is_mentoring(code):
            text = (
                "None of the codes asks for Therapeutic Mentoring, the one service of this agency."
            )
            yield entry.error("business-rule", text, ".code", "service-not-offered")


def is_for_us(at: Reading) -> Iterator[Issue]:
    text = "This names others and not this agency, so it is not for us to fulfil."
    for entry in at.submission.of("ServiceRequest"):
        if (named := entry.resource.get("performer")) and not any(
            is_agency_or_unknown(at, element, entry) for element in named
        ):
            yield entry.error("business-rule", text, ".performer")
    for entry in at.submission.of("Task"):
        owner = entry.resource.get("owner")
        if owner and not is_agency_or_unknown(at, owner, entry):
            yield entry.error("business-rule", text, ".owner")


def is_agency_or_unknown(at: Reading, element: Mapping[str, Any], entry: Entry) -> bool:
    """Words alone, and a reference that leads nowhere, name nobody."""
    organisation = at.graph.organisation(element, entry.resource)
    if organisation:
        return organisation.organisation_id == at.agency.organisation_id
    target = at.graph.follow(element, entry.resource)
    return target is None and "identifier" not in element


def is_from_the_client(at: Reading) -> Iterator[Issue]:
    """Whose referral it is: the token's organisation, also where the body names another."""
    text = "The requester's organisation is not registered to this client."
    for entry in at.submission.all:
        if entry.type not in ("ServiceRequest", "Task") or "requester" not in entry.resource:
            continue
        element = entry.resource["requester"]
        organisation = at.graph.organisation(element, entry.resource)
        if organisation:
            if organisation.organisation_id != at.organisation_id:
                yield entry.error("business-rule", text, ".requester")
        elif names_an_organisation(at, element, entry):
            yield entry.error("business-rule", text, ".requester")


def names_an_organisation(at: Reading, element: Mapping[str, Any], entry: Entry) -> bool:
    target = at.graph.follow(element, entry.resource)
    if target is None:
        # By number alone: an organisation that we do not know, or a clinician whom we need not.
        return element.get("type") == "Organization"
    return target["resourceType"] == "Organization" or "reference" in target.get("organization", {})


def can_have_been_born(at: Reading) -> Iterator[Issue]:
    for entry in at.submission.of("Patient"):
        born = last_day(entry.resource.get("birthDate"))
        if born is None:
            continue
        first = at.today.year - OLDEST_YEARS
        if (
            entry.resource["birthDate"][:10]
            > at.today.isoformat()[: len(entry.resource["birthDate"])]
        ):
            yield entry.error("business-rule", "The birth date is in the future.", ".birthDate")
        elif born.year < first or (born.year == first and before_in_year(born, at.today)):
            text = f"The birth date is more than {OLDEST_YEARS} years ago."
            yield entry.error("business-rule", text, ".birthDate")


def before_in_year(day: date, other: date) -> bool:
    return (day.month, day.day) < (other.month, other.day)


def begins_at_the_beginning(at: Reading) -> Iterator[Issue]:
    """What a first receipt may say of its own state (DOMAIN.md §5.1 starts there)."""
    for entry in at.submission.of("ServiceRequest"):
        if entry.resource["intent"] in ("proposal", "plan"):
            text = "A proposal or plan asks for nothing yet: send an order."
            yield entry.error("business-rule", text, ".intent")
        if not at.is_known and entry.resource["status"] != "active":
            text = "A new referral is active."
            yield entry.error("business-rule", text, ".status")
    for entry in at.submission.of("Task"):
        if not at.is_known and entry.resource["status"] != "requested":
            text = "A new Task is requested: what follows is for us to say."
            yield entry.error("business-rule", text, ".status")


RULES: tuple[Callable[[Reading], Iterator[Issue]], ...] = (
    one_referral,
    numbered,
    one_child,
    asks_for_mentoring,
    is_for_us,
    is_from_the_client,
    can_have_been_born,
    begins_at_the_beginning,
)
