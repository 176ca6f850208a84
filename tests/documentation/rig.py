"""One documentation service over a real database, and what surrounds it.

The stand-in is a real HTTP server: it is referral's internal door, and the issuers whose keys the
service asks for.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from joserfc.jwk import ECKey

from contracts.codes import PartnerKind, Role
from contracts.events import BY_TYPE, Event
from services.chassis import auth, digits
from services.chassis.auth import ACCESS_TOKEN, staff_id
from services.chassis.clock import AGENCY
from services.chassis.context import Context
from services.chassis.db import Pool
from services.chassis.envelope import Envelope, Stream
from services.chassis.health import Health
from services.chassis.inbox import Inbox
from services.chassis.peers import Peers
from services.chassis.process import Service, apps
from services.chassis.settings import ServiceSettings
from services.chassis.work import Worker
from services.documentation.api.fhir import fhir_router
from services.documentation.api.staff import staff
from services.documentation.domain.views import Agency
from services.documentation.handlers import events
from services.documentation.work import work
from tests.serving import NO_AUTHORITIES, serving

AGENCY_ID = UUID("00000000-0000-4000-8000-00000000a6e4")
BASE = "http://waypost.test/fhir"
TOKENS = "http://waypost.test/auth/token"
ISSUER = "http://issuer.test"
KEY = ECKey.generate_key("P-384", auto_kid=True)
TODAY = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # a Sunday afternoon in New York


@dataclass
class SetClock:
    """Business time as a test sets it."""

    at: datetime = TODAY

    def now(self) -> datetime:
        return self.at


@dataclass
class StandIn:
    """What the service asks of others: plans by (youth, version), numbers by (youth, reader)."""

    plans: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    numbers: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/internal/jwks")
        async def keys() -> Any:
            return {"keys": [KEY.as_dict(private=False)]}

        @app.get("/internal/hub-plans/{youth_id}/{version}")
        async def plan(youth_id: str, version: str) -> Any:
            return self.answer(f"hub-plan/{version}", self.plans.get((youth_id, version)))

        @app.get("/internal/youths/{youth_id}/identifiers/{organisation_id}")
        async def number(youth_id: str, organisation_id: str) -> Any:
            return self.answer("number", self.numbers.get((youth_id, organisation_id)))

        return app

    def answer(self, what: str, found: Mapping[str, Any] | None) -> Any:
        self.asked.append(what)
        if self.down:
            return JSONResponse({}, 503)
        if found is None:
            return JSONResponse({}, 404)
        return Response(digits.dumps(found), media_type="application/json")


@dataclass
class Rig:
    """The service, told what happened and asked by partners and staff."""

    pool: Pool
    clock: SetClock
    stand_in: StandIn
    worker: Worker
    http: httpx.AsyncClient
    inbox: Inbox = field(default_factory=lambda: Inbox("documentation", events))
    numbers: dict[Stream, int] = field(default_factory=dict)

    async def tell(self, *told: Event, at: datetime | None = None) -> None:
        """Hand events to the inbox in this order; one that is refused fails the test."""
        for event in told:
            stream = Stream(event.stream_id, event.topic.split(".")[0])
            self.numbers[stream] = number = self.numbers.get(stream, 0) + 1
            body = event.model_dump_json().encode()
            when = at or self.clock.now()
            envelope = Envelope(uuid4(), event.type, stream, number, when, body)
            await self.inbox.receive(self.pool, [envelope])
        waiting = await self.pool.fetch("SELECT event_type, reason FROM inbox_waiting")
        assert not waiting, waiting

    async def work(self) -> None:
        """Do all that is due by this clock; what asks others may be due by the machine's, too."""
        late = max(self.clock.now(), datetime.now(UTC))
        while await self.worker.run_inside(self.clock.now()) or await self.worker.run_call(late):
            pass

    async def told(self, *types: type[Event]) -> list[Any]:
        """The events that this service has appended, in order; of some types only, if named."""
        rows = await self.pool.fetch("SELECT event_type, body FROM event ORDER BY position")
        found = [BY_TYPE[row["event_type"]].model_validate_json(row["body"]) for row in rows]
        return [event for event in found if not types or isinstance(event, types)]

    # --- Who asks ----------------------------------------------------------------------------

    async def partner(
        self,
        organisation_id: UUID,
        path: str,
        *,
        kind: PartnerKind = PartnerKind.HUB,
        scope: str = "system/*.rs",
        **options: Any,
    ) -> httpx.Response:
        claims = {
            "iss": TOKENS,
            "aud": BASE,
            "client_id": f"client-{organisation_id}",
            "organisation_id": str(organisation_id),
            "kind": kind.value,
            "scope": scope,
        }
        token = auth.sign(KEY, claims, lives_seconds=300, typ=ACCESS_TOKEN)
        return await self.ask("GET", f"/fhir/{path}", token, **options)

    async def staff(
        self,
        subject: str,
        roles: Iterable[Role],
        method: str,
        path: str,
        **options: Any,
    ) -> httpx.Response:
        claims = {"iss": ISSUER, "aud": "waypost", "sub": subject, "roles": [*roles]}
        token = auth.sign(KEY, claims, lives_seconds=300)
        return await self.ask(method, f"/api/documentation/{path}", token, **options)

    async def ask(self, method: str, path: str, token: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)


@asynccontextmanager
async def rig(pool: Pool, folder: Path) -> AsyncIterator[Rig]:
    """The service as its process wires it, without its loops: a test says when work is done."""
    key_file = folder / "documentation.jwk"
    key_file.write_text(json.dumps(KEY.as_dict(private=True)))
    stand_in, clock = StandIn(), SetClock()
    async with serving(stand_in.app()) as url, httpx.AsyncClient(verify=NO_AUTHORITIES) as out:
        settings = settings_for(url, key_file)
        peers = Peers("documentation", settings.peers, KEY, out)
        context = Context(pool, clock, settings, peers, out)
        service = Service(
            "documentation",
            settings,
            doors=(fhir_router(Agency(AGENCY_ID, "Northlight Therapeutic Mentoring")), staff),
            handlers=events,
        )
        public, _ = apps(service, context, Health())
        worker = Worker(pool)
        inside, calls = work(context)
        worker.inside, worker.calls = dict(inside), dict(calls)
        transport = httpx.ASGITransport(public)
        async with httpx.AsyncClient(transport=transport, base_url="http://waypost.test") as http:
            yield Rig(pool, clock, stand_in, worker, http)


def settings_for(url: str, key_file: Path) -> ServiceSettings:
    return ServiceSettings(
        database_dsn="postgresql://unused",
        kafka_servers=("127.0.0.1:9",),
        port=1,
        ops_port=2,
        base_url=BASE,
        token_url=TOKENS,
        referral_url=url,
        scheduling_url=url,
        documentation_url=url,
        notifications_url=url,
        key_file=key_file,
        staff_issuer=ISSUER,
        staff_jwks_url=f"{url}/internal/jwks",
        agency_id=AGENCY_ID,
        agency_npi="1093817462",
        agency_name="Northlight",
        cursor_key="a secret of this test and no other",
    )


def person(subject: str) -> UUID:
    """The id of a member of staff."""
    return staff_id(ISSUER, subject)


def day(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str) -> datetime:
    """A time in New York: "2026-11-19 16:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=AGENCY)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
