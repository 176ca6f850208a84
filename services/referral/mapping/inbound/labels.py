"""What an entry says of itself: that it is confidential, or a code by another one's words."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.chassis.fhir.outcome import Issue
from services.referral.mapping.inbound.entries import Entry, Resource
from services.referral.mapping.terms import CBHI_SERVICE, MENTORING

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
# Records of a substance use program: not to be copied, told or shown on without consent (Part 2).
PART_2 = frozenset({(ACT_CODE, "42CFRPart2"), (ACT_CODE, "ETH")})
CONFIDENTIAL = PART_2 | {
    *((CONFIDENTIALITY, "R"), (CONFIDENTIALITY, "V")),
    *((ACT_CODE, "PSY"), (ACT_CODE, "MH")),
}
KEPT = "Kept, and read back to you with its label."
SEGREGATED = (
    "Kept apart with its label: nothing of it is used, told or shown without a consent to share"
    " records of a substance use program."
)
DISPLAYS = {
    MENTORING: "Therapeutic Mentoring",
    "outpatient-therapy": "Outpatient Therapy",
    "in-home-therapy": "In-Home Therapy",
    "intensive-care-coordination": "Intensive Care Coordination",
}
SAYS_A_SERVICE = {"ServiceRequest": "code", "CarePlan": "category", "EpisodeOfCare": "type"}
OTHER_WORDS = "The display is not that of this code: the code is what counts. Correct one of them."


def is_part_2(resource: Mapping[str, Any]) -> bool:
    return not PART_2.isdisjoint(labels_of(resource))


def labels_of(resource: Mapping[str, Any]) -> set[tuple[str | None, str | None]]:
    security = resource.get("meta", {}).get("security", ())
    return {(label.get("system"), label.get("code")) for label in security}


def notices(entry: Entry) -> Iterator[Issue]:
    """What the sender should know of labels and words; nothing of it refuses."""
    labels = labels_of(entry.resource)
    if not PART_2.isdisjoint(labels):
        yield entry.warning(SEGREGATED, ".meta.security")
    elif not CONFIDENTIAL.isdisjoint(labels):
        path = f"{entry.path}.meta.security"
        yield Issue("information", "informational", KEPT, path)
    if name := SAYS_A_SERVICE.get(entry.type):
        for place, coding in codings(entry.resource, name):
            shown = DISPLAYS.get(coding.get("code", ""))
            if coding.get("system") == CBHI_SERVICE and shown and differs(coding, shown):
                yield entry.warning(OTHER_WORDS, f".{place}.display")


def codings(resource: Resource, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each coding of one element, a concept or a list of them, with its place."""
    found = resource.get(name, ())
    concepts = [(name, found)] if isinstance(found, dict) else []
    concepts += [(f"{name}[{n}]", one) for n, one in enumerate(found) if isinstance(one, dict)]
    for place, concept in concepts:
        for n, coding in enumerate(concept.get("coding", ())):
            yield f"{place}.coding[{n}]", coding


def differs(coding: Mapping[str, Any], shown: str) -> bool:
    said = coding.get("display")
    return said is not None and plain(said) != plain(shown)


def plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
