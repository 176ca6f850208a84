"""Hubs' EHRs: they refer youths, are notified, and read back what became of them.

`python -m deploy.simulators.hub --port P --home DIR [--hub NAME …]`

One process, several hubs. Each has its own folder DIR/<name> with key.json, jwks.json (register
this one), configuration.json and log.jsonl, made when --hub or a request first names the hub.

| route under /hubs/<name> | |
|---|---|
| GET jwks.json | its public key |
| POST configure | any of base_url, token_url, client_id, webhook_secret, scope; the rest stays |
| POST refer | a transaction Bundle, sent byte for byte to base_url |
| POST send | {"method", "path", "body", "headers", "patience"}: anything else, e.g. an amendment |
| POST read | {"path"} |
| POST subscribe | {"topic": "care-progress", "filter": "Encounter?patient=Patient/…" or none} |
| POST hook | what a notifier calls; checks the Standard Webhooks signature |
| POST behaviour | {"mode", "times"}: how `hook` answers; see MODES |
| GET log | everything sent and received, in order; of a notification each event by its number |

Answers of refer, send, read and subscribe: {"status", "headers", "body", "attempts"}.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deploy.simulators.hub_client import PATIENCE_SECONDS, Answer, FhirClient
from deploy.simulators.serving import (
    Json,
    Kept,
    Log,
    arguments,
    ec_key,
    refused,
    serve,
    write_whole,
)

TOPICS = "https://waypost.example/fhir/SubscriptionTopic/"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
AUTHORIZATION = "Bearer synthetic-value-of-the-subscriber"
MODES = {"normal", "500", "503", "429", "410", "302", "silent", "endless"}
SILENT_SECONDS = 300
OLDEST_SECONDS = 300  # Standard Webhooks: an older stamp may be a replay


class Hub:
    """One hub's EHR and everything it remembers."""

    def __init__(self, home: Path, http: httpx.AsyncClient, hook_url: str) -> None:
        self.key = ec_key(home / "key.json")
        self.jwks = {"keys": [self.key.as_dict(private=False)]}
        write_whole(home / "jwks.json", json.dumps(self.jwks))
        self.configuration = Kept(home / "configuration.json", default={})
        self.behaviour = Kept(home / "behaviour.json", default={"mode": "normal", "times": None})
        self.log = Log(home / "log.jsonl")
        self.http, self.hook_url = http, hook_url
        self.client = FhirClient(http, self.key, self.configuration.value)

    def configure(self, told: Json) -> None:
        self.configuration.keep(self.configuration.value | told)
        self.client = FhirClient(self.http, self.key, self.configuration.value)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Json = None,
        patience: float = PATIENCE_SECONDS,
    ) -> Answer:
        answer = await self.client.ask(method, path, body=body, headers=headers, patience=patience)
        self.log.add(
            "sent",
            method=method,
            path=path,
            placers=placers_in(body),
            status=answer.status,
            location=answer.headers.get("location"),
            entries=entries_of(answer.body),
            attempts=answer.attempts,
        )
        return answer

    def next_mode(self) -> str:
        """How to answer this time; a limited misbehaviour wears off."""
        now = self.behaviour.value
        if now["times"] is not None:
            left = now["times"] - 1
            again = {"mode": now["mode"], "times": left} if left > 0 else None
            self.behaviour.keep(again or {"mode": "normal", "times": None})
        return str(now["mode"])


class Hubs:
    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.hubs: dict[str, Hub] = {}
        # Never the environment's proxy: everything here is on this machine.
        self.http = httpx.AsyncClient(timeout=30, trust_env=False)
        for folder in home.iterdir() if home.exists() else ():
            if (folder / "key.json").exists():
                self.hub(folder.name)

    def hub(self, name: str) -> Hub:
        if not re.fullmatch("[a-z0-9-]+", name):  # it becomes a folder
            raise HTTPException(404)
        if name not in self.hubs:
            hook = f"{self.url}/hubs/{name}/hook"
            self.hubs[name] = Hub(self.home / name, self.http, hook)
        return self.hubs[name]

    def app(self) -> Starlette:
        doors = {
            "jwks.json": ("GET", self.jwks),
            "configure": ("POST", self.configure),
            "refer": ("POST", self.refer),
            "send": ("POST", self.send),
            "read": ("POST", self.read),
            "subscribe": ("POST", self.subscribe),
            "hook": ("POST", self.hook),
            "behaviour": ("POST", self.behave),
            "log": ("GET", self.show_log),
        }

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            yield
            await self.http.aclose()

        return Starlette(
            routes=[
                Route(f"/hubs/{{name:str}}/{path}", door, methods=[method])
                for path, (method, door) in doors.items()
            ],
            lifespan=lifespan,
        )

    def of(self, request: Request) -> Hub:
        return self.hub(request.path_params["name"])

    async def jwks(self, request: Request) -> JSONResponse:
        return JSONResponse(self.of(request).jwks)

    async def configure(self, request: Request) -> JSONResponse:
        self.of(request).configure(await request.json())
        return JSONResponse({"hook": self.of(request).hook_url})

    async def refer(self, request: Request) -> JSONResponse:
        return reply(await self.of(request).send("POST", "", await request.body()))

    async def send(self, request: Request) -> JSONResponse:
        wish = await request.json()
        body = wish.get("body")
        content = None if body is None else json.dumps(body).encode()
        answer = await self.of(request).send(
            wish["method"],
            wish["path"],
            content,
            wish.get("headers"),
            wish.get("patience", PATIENCE_SECONDS),
        )
        return reply(answer)

    async def read(self, request: Request) -> JSONResponse:
        return reply(await self.of(request).send("GET", (await request.json())["path"]))

    async def subscribe(self, request: Request) -> JSONResponse:
        wish, hub = await request.json(), self.of(request)
        subscription = subscription_to(wish["topic"], hub.hook_url, wish.get("filter"))
        body = json.dumps(subscription).encode()
        return reply(await hub.send("POST", "Subscription", body))

    async def behave(self, request: Request) -> JSONResponse:
        wish = await request.json()
        if wish.get("mode") not in MODES:
            return refused(400, f"mode is one of {', '.join(sorted(MODES))}.")
        self.of(request).behaviour.keep({"mode": wish["mode"], "times": wish.get("times")})
        return JSONResponse(self.of(request).behaviour.value)

    async def show_log(self, request: Request) -> JSONResponse:
        return JSONResponse(self.of(request).log.entries())

    async def hook(self, request: Request) -> Response:
        """Take a notification: 200 once it is in the log, 401 when the signature is not ours."""
        hub, body = self.of(request), await request.body()
        verified = is_signed(body, dict(request.headers), hub.configuration.value)
        mode = hub.next_mode() if verified else "401"
        hub.log.add(
            "received",
            webhook_id=request.headers.get("webhook-id"),
            traceparent=request.headers.get("traceparent"),
            verified=verified,
            authorised=request.headers.get("authorization") == AUTHORIZATION,
            answered=200 if mode == "normal" else mode,
            **notification_in(body),
        )
        return await answer_in(mode)


async def answer_in(mode: str) -> Response:
    match mode:
        case "normal":
            return Response(status_code=200)
        case "silent":
            await asyncio.sleep(SILENT_SECONDS)
            return Response(status_code=200)
        case "endless":
            return StreamingResponse(noise(), media_type="text/plain")
        case "302":
            return Response(status_code=302, headers={"Location": "http://169.254.169.254/"})
        case "429":
            return Response(status_code=429, headers={"Retry-After": "1"})
    return Response(status_code=int(mode))


async def noise() -> AsyncIterator[bytes]:
    while True:
        yield b"." * 65_536
        await asyncio.sleep(0)


def is_signed(body: bytes, headers: Json, configuration: Json) -> bool:
    """Standard Webhooks: a v1 signature over id, stamp and body that only our secret can make."""
    secret = base64.b64decode(configuration.get("webhook_secret", "").removeprefix("whsec_"))
    stamp = headers.get("webhook-timestamp", "")
    if not secret or not stamp.isdigit() or abs(time.time() - int(stamp)) > OLDEST_SECONDS:
        return False
    signed = b".".join([headers.get("webhook-id", "").encode(), stamp.encode(), body])
    ours = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    given = headers.get("webhook-signature", "").split()[:5]
    return any(hmac.compare_digest(f"v1,{ours}".encode(), one.encode()) for one in given)


def notification_in(body: bytes) -> dict[str, Json]:
    """What a Backport notification says: which subscription, which numbers, about what.

    We ask for twenty events in one at most (`backport-max-count`).
    """
    try:
        parameters = json.loads(body)["entry"][0]["resource"]["parameter"]
        first = {one["name"]: value_of(one) for one in parameters}
        events = [one["part"] for one in parameters if one["name"] == "notification-event"]
        numbered = [{one["name"]: value_of(one) for one in part} for part in events]
    except (ValueError, KeyError, IndexError, TypeError):
        return {"type": "unreadable"}
    return {
        "subscription": first.get("subscription"),
        "topic": str(first.get("topic", "")).removeprefix(TOPICS),
        "type": first.get("type"),
        "since_start": first.get("events-since-subscription-start"),
        "events": [
            {"number": int(one["event-number"]), "focus": one.get("focus")} for one in numbered
        ],
    }


def value_of(parameter: Json) -> Json:
    values = [value for name, value in parameter.items() if name.startswith("value")]
    value = values[0] if values else None
    return value["reference"] if isinstance(value, dict) else value


def placers_in(body: bytes | None) -> list[str]:
    """Our own numbers of the referrals in what we send, so that each can be accounted for."""
    try:
        sent = json.loads(body or b"{}")
        resources = [sent] + [entry["resource"] for entry in sent.get("entry", [])]
        requests = [one for one in resources if one.get("resourceType") == "ServiceRequest"]
        return [f"{one['system']}|{one['value']}" for r in requests for one in r["identifier"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def entries_of(body: Json) -> list[Json]:
    """Status and location of each entry of a transaction-response."""
    entries = body.get("entry", []) if isinstance(body, dict) else []
    responses = [entry["response"] for entry in entries if "response" in entry]
    return [{"status": one.get("status"), "location": one.get("location")} for one in responses]


def subscription_to(topic: str, hook_url: str, filter_: str | None) -> Json:
    """A Backport R4 subscription to our hook, ids only."""
    subscription: Json = {
        "resourceType": "Subscription",
        "meta": {"profile": [f"{BACKPORT}backport-subscription"]},
        "status": "requested",
        "reason": "Follow the youths we referred",
        "criteria": f"{TOPICS}{topic}",
        "channel": {
            "extension": [
                {"url": f"{BACKPORT}backport-heartbeat-period", "valueUnsignedInt": 3600},
                {"url": f"{BACKPORT}backport-timeout", "valueUnsignedInt": 20},
                {"url": f"{BACKPORT}backport-max-count", "valuePositiveInt": 20},
            ],
            "type": "rest-hook",
            "endpoint": hook_url,
            "payload": "application/fhir+json",
            "_payload": {
                "extension": [
                    {"url": f"{BACKPORT}backport-payload-content", "valueCode": "id-only"}
                ]
            },
            "header": [f"Authorization: {AUTHORIZATION}"],
        },
    }
    if filter_:
        criterion = {"url": f"{BACKPORT}backport-filter-criteria", "valueString": filter_}
        subscription["_criteria"] = {"extension": [criterion]}
    return subscription


def reply(answer: Answer) -> JSONResponse:
    kept = ("location", "etag", "last-modified", "content-type", "retry-after")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    return JSONResponse(
        {
            "status": answer.status,
            "headers": headers,
            "body": answer.body,
            "attempts": answer.attempts,
        }
    )


def main() -> None:
    parser = arguments("Hubs' EHRs.")
    parser.add_argument("--hub", action="append", default=[], help="a hub's name; repeatable")
    options = parser.parse_args()
    hubs = Hubs(options.home, f"http://{options.host}:{options.port}")
    for name in options.hub:
        hubs.hub(name)
    serve(hubs.app(), options)


if __name__ == "__main__":
    main()
