"""The writing routes of referral and notifications, and what must hold of every answer there."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from services.chassis.db import Pool
from services.chassis.doors import policy_of, routes_of
from tests.badinput.samples import ours
from tests.notifications.rig import Rig as Notifications
from tests.referral.bundles import EHR, make_bundle, of
from tests.referral.desk import Office, refer
from tests.referral.rig import Hub

MARKER = "Zebra-7731"
NUMBER = {"system": f"{EHR}person", "value": "P-1"}  # for what the samples give none
# What no refusal may change, by service.
KEPT = {
    "referral": ("youth", "referral", "event", "mirror", "submission", "task", "work"),
    "notifications": ("subscription", "event", "delivery", "work"),
}
# A problem of one of these codes stands at a place.
LOCATED = {"structure", "required", "code-invalid", "invariant", "extension"}


@dataclass
class Door:
    """One service with a partner who knocks."""

    service: str
    pool: Pool
    http: httpx.AsyncClient
    headers: Mapping[str, str]
    routes: list[tuple[str, str]]  # method and address
    attempts: int = 0  # of the last request: more than one where the machine was busy

    async def knock(self, method: str, path: str, body: bytes, **headers: str) -> httpx.Response:
        """Send it, and check what holds of every answer."""
        before = await self.counts()
        answer = await self.send(method, path, body, **headers)

        assert answer.status_code < 500, (method, path, answer.status_code)
        if answer.status_code >= 400:
            check_refusal(answer)
            after = await self.counts()
            rejects = after.pop("rejects", None), before.pop("rejects", None)
            assert after == before
            if rejects[0] is not None and not path.startswith("/fhir/Task/"):
                kept = rejects[0] - (rejects[1] or 0)
                assert 1 <= kept <= self.attempts, (kept, answer.status_code, answer.text)
        return answer

    async def send(self, method: str, path: str, body: bytes, **headers: str) -> httpx.Response:
        sent = {"content-type": "application/fhir+json", **self.headers}
        if path.startswith("/fhir/Task/"):
            sent["if-match"] = 'W/"1"'
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.attempts = 0
        async with asyncio.timeout(60):  # 503: hubs send again
            while True:
                self.attempts += 1
                answer = await self.http.request(method, path, content=body, headers=sent)
                if answer.status_code != 503:
                    return answer

    async def counts(self) -> dict[str, int]:
        tables = [*KEPT[self.service]]
        columns = [f"(SELECT count(*) FROM {table}) AS {table}" for table in tables]  # noqa: S608
        if self.service == "referral":
            columns.append("(SELECT count(*) FROM intake_reject) AS rejects")
        return dict(await self.pool.fetchrow(f"SELECT {', '.join(columns)}") or {})


def check_refusal(answer: httpx.Response) -> None:
    """An OperationOutcome that says what and where, and repeats nothing that was sent."""
    assert answer.headers["content-type"].startswith("application/fhir+json")
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert 1 <= len(outcome["issue"]) <= 50
    assert any(issue["severity"] == "error" for issue in outcome["issue"])
    for issue in outcome["issue"]:
        assert issue["details"]["text"]
        assert "expression" in issue or issue["code"] not in LOCATED or is_of_all(issue)
    assert MARKER not in answer.text


def is_of_all(issue: Mapping[str, Any]) -> bool:
    """What is no object has no place in it."""
    return bool(issue["code"] == "structure" and "JSON object" in issue["details"]["text"])


def writes_of(app: Any) -> list[tuple[str, str]]:
    """Method and pattern of each route of a partner by which something is written."""
    return [
        (method, str(getattr(route, "path", "")))
        for route in routes_of(app)
        for method in sorted(getattr(route, "methods", ()))
        if method in ("POST", "PUT")
        and not str(getattr(route, "path", "")).endswith("/_search")
        and (policy := policy_of(route))
        and policy.door == "partner"
    ]


async def referral_door(office: Office, hub: Hub) -> Door:
    """The referral service, where the good referral is already in service of these addresses."""
    known = await refer(hub)
    bundle = make_bundle()
    routes = []
    for method, path in writes_of(office.app):
        address = path.replace("{id_}", known.task_id)
        if method == "PUT" and "{" not in path:
            (number,) = of(bundle, path.rpartition("/")[2]).get("identifier", [NUMBER])[:1]
            address = f"{path}?identifier={number['system']}|{number['value']}"
        routes.append((method, address))
    return Door("referral", office.pool, office.http, await headers_of(hub), routes)


async def headers_of(hub: Hub) -> dict[str, str]:
    """The headers by which this hub is known, taken from a request of its own."""
    seen: dict[str, str] = {}

    async def look(request: httpx.Request) -> None:
        seen.update(request.headers)

    hooks = hub.http.event_hooks
    hub.http.event_hooks = {"request": [look]}
    await hub.read("Task")
    hub.http.event_hooks = hooks
    return {"authorization": seen["authorization"]}


async def notifications_door(rig: Notifications) -> Door:
    hub = rig.hub()
    id_ = await rig.subscribe(hub, "referral-progress")
    routes = [
        (method, path.replace("{id_}", str(id_)))
        for method, path in writes_of(rig.http._transport.app)  # type: ignore[attr-defined]
    ]
    headers = {"authorization": f"Bearer {hub.name}"}
    return Door("notifications", rig.pool, rig.http, headers, routes)


def marked(resource: Any) -> Any:
    """A copy whose free text and numbers carry a mark that no answer may repeat."""
    if isinstance(resource, dict):
        return {
            k: f"{v} {MARKER}"
            if k in ("text", "family", "title") and isinstance(v, str)
            else marked(v)
            for k, v in resource.items()
        }
    return [marked(item) for item in resource] if isinstance(resource, list) else resource


def beside(resource: Any) -> bytes:
    """The good referral with one more resource in it, which we would only mirror."""
    bundle = ours("01")
    type_ = resource.get("resourceType", "Basic") if isinstance(resource, dict) else "Basic"
    bundle["entry"].append({"resource": resource, "request": {"method": "POST", "url": type_}})
    return json.dumps(bundle).encode()
