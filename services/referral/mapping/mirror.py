"""What a hub sent, as it reads it back: the same but for id, version, time and references."""

import json
from datetime import datetime
from typing import Any

import orjson

from services.chassis.fhir.guard import dumps
from services.referral.domain.intake import Stored
from services.referral.mapping.inbound.entries import Entry, Resource


def body_of(entry: Entry) -> str:
    """An entry as it is kept: under our id, numbers with the digits that were sent."""
    type_, _, id_ = entry.ref.partition("/")
    rest = {k: v for k, v in entry.resource.items() if k not in ("resourceType", "id", "meta")}
    meta = entry.resource.get("meta", {})
    kept = {k: v for k, v in meta.items() if k not in ("versionId", "lastUpdated")}
    whole = {"resourceType": type_, "id": id_} | ({"meta": kept} if kept else {}) | rest
    return dumps(whole).decode()


def mirror_from_stored(stored: Stored) -> Resource:
    """A stored resource with its version and time; decimals go out with the digits that came."""
    resource: Resource = json.loads(stored.body, parse_float=orjson.Fragment)
    return with_version(resource, stored.version, stored.updated_at)


def with_version(resource: Resource, version: int, at: datetime) -> Resource:
    meta: dict[str, Any] = {"versionId": str(version), "lastUpdated": at.isoformat()}
    rest = {k: v for k, v in resource.items() if k not in ("resourceType", "id", "meta")}
    return {
        "resourceType": resource["resourceType"],
        "id": resource["id"],
        "meta": meta | resource.get("meta", {}),
        **rest,
    }
