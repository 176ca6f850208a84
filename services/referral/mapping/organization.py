"""The directory's entries as Organizations. Nothing that a hub sends is among them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.referral.mapping.inbound.entries import Resource
from services.referral.mapping.mirror import with_version
from services.referral.mapping.terms import US_CORE

KINDS = {"payer": ("pay", "Payer")}
PROVIDER = ("prov", "Healthcare Provider")
ORGANISATION_TYPE = "http://terminology.hl7.org/CodeSystem/organization-type"


def organization(
    *,
    organisation_id: UUID,
    kind: str,
    name: str,
    system: str,
    value: str,
    telecom: Sequence[Mapping[str, Any]],
    address: Sequence[Mapping[str, Any]],
    version: int,
    updated_at: datetime,
) -> Resource:
    """A registered organisation as every partner reads it."""
    code, display = KINDS.get(kind, PROVIDER)
    coding = {"system": ORGANISATION_TYPE, "code": code, "display": display}
    resource: Resource = {
        "resourceType": "Organization",
        "id": str(organisation_id),
        "meta": {"profile": [f"{US_CORE}us-core-organization"]},
        "identifier": [{"system": system, "value": value}],
        "active": True,
        "type": [{"coding": [coding]}],
        "name": name,
    }
    if telecom:
        resource["telecom"] = [dict(point) for point in telecom]
    if address:
        resource["address"] = [dict(place) for place in address]
    return with_version(resource, version, updated_at)
