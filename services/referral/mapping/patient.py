"""A youth as a Patient, for the hub that sent it and for the payer that covers it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.referral.domain.intake import Stored
from services.referral.mapping.inbound.asked import is_typed
from services.referral.mapping.inbound.entries import Resource
from services.referral.mapping.mirror import mirror_from_stored
from services.referral.mapping.terms import IDENTIFIER_TYPE, MASSHEALTH_MEMBER

# What a youth's record says of the youth. Whose record it was at the hub is not ours to repeat.
FOR_ITS_HUB = frozenset(
    (
        *("resourceType", "id", "meta", "extension", "identifier", "active", "name", "telecom"),
        *("gender", "birthDate", "_birthDate", "deceasedBoolean", "deceasedDateTime", "address"),
        *("maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "contact"),
        "communication",
    )
)
# A payer knows its member: it needs to recognise the child and no more.
FOR_A_PAYER = frozenset(
    ("resourceType", "id", "meta", "active", "name", "gender", "birthDate", "_birthDate")
)


def patient_from_stored(stored: Stored, *, mrn_system: str | None) -> Resource:
    """A youth as its hub reads it: with its own record number and the Medicaid number only (35)."""
    sent = mirror_from_stored(stored)
    patient = {k: v for k, v in sent.items() if k in FOR_ITS_HUB}
    shown = [
        i
        for i in sent.get("identifier", ())
        if is_typed(i, "MR") or is_medicaid(i) or (mrn_system and i.get("system") == mrn_system)
    ]
    patient.pop("identifier", None)
    return in_order(patient | ({"identifier": shown} if shown else {}))


def seen_as(patient: Resource, youth_id: UUID) -> Resource:
    """The same child under the id of the youth with whom a person joined it."""
    sent = {"other": {"reference": f"Patient/{patient['id']}"}, "type": "seealso"}
    return {**patient, "id": str(youth_id), "link": [sent]}


def patient_for_payer(stored: Stored, member_id: str | None) -> Resource:
    """A member as its payer reads it: the member number, name, gender and birth date."""
    sent = mirror_from_stored(stored)
    patient = {k: v for k, v in sent.items() if k in FOR_A_PAYER}
    if member_id:
        known = [
            i
            for i in sent.get("identifier", ())
            if i.get("value") == member_id and not is_typed(i, "MR")
        ]
        patient["identifier"] = known or [member_number(member_id)]
    return in_order(patient)


def is_medicaid(identifier: Mapping[str, Any]) -> bool:
    return is_typed(dict(identifier), "MA") or identifier.get("system") == MASSHEALTH_MEMBER


def member_number(value: str) -> Resource:
    kind = {"system": IDENTIFIER_TYPE, "code": "MB", "display": "Member Number"}
    return {"type": {"coding": [kind]}, "value": value}


def in_order(patient: Resource) -> Resource:
    """The elements in R4's order, for people who read."""
    order = ("resourceType", "id", "meta", "extension", "identifier", "active", "name")
    return {k: patient[k] for k in order if k in patient} | patient
