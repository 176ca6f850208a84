"""Versions of a resource: how an answer names its own, and how the earlier ones are listed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from services.chassis.fhir.search import Resource


def versions(resource: Resource) -> dict[str, str]:
    """ETag and Last-Modified of a resource; a Bundle has no version."""
    meta, found = resource.get("meta", {}), {}
    if "versionId" in meta:
        found["ETag"] = etag(resource)
        if "lastUpdated" in meta:
            at = datetime.fromisoformat(meta["lastUpdated"].replace("Z", "+00:00"))
            found["Last-Modified"] = format_datetime(at.astimezone(UTC), usegmt=True)
    return found


def etag(resource: Resource) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'


def is_unchanged(header: str | None, resource: Resource) -> bool:
    """True when If-None-Match names the version that the reader already has."""
    if not header or "versionId" not in resource.get("meta", {}):
        return False
    named = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in named or etag(resource).removeprefix("W/") in named


def history_bundle(versions_: Sequence[Resource], url: str) -> Resource:
    """The history of one resource, the newest version first (bdl-3, bdl-4)."""
    type_, id_ = url.split("/")[-2:]
    entries = [
        {
            "fullUrl": url,
            "resource": resource,
            "request": {"method": "PUT" if number else "POST", "url": f"{type_}/{id_}"},
            "response": {
                "status": "200" if number else "201",
                "etag": etag(resource),
                "lastModified": resource["meta"]["lastUpdated"],
            },
        }
        for number, resource in enumerate(versions_)
    ]
    return {
        "resourceType": "Bundle",
        "type": "history",
        "total": len(entries),
        "link": [{"relation": "self", "url": f"{url}/_history"}],
        "entry": entries[::-1],
    }
