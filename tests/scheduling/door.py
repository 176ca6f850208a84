"""The service's own application, asked over HTTP without a network; tokens are names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx

from contracts.codes import PartnerKind, Role
from services.chassis.auth import Partner, Staff, Unauthenticated, staff_id
from services.chassis.context import Context
from services.chassis.db import Pool
from services.chassis.health import Health
from services.chassis.process import Service, apps
from services.chassis.settings import ServiceSettings
from services.chassis.work import Worker
from services.scheduling.api import feeds
from services.scheduling.api.fhir import door
from services.scheduling.api.staff import staff
from services.scheduling.work import work
from tests.scheduling.builders import NOW
from tests.serving import NO_AUTHORITIES

ISSUER = "https://identity.example"
AGENCY = UUID(int=1)
SCOPES = frozenset({"system/*.rs"})


def settings(**changes: Any) -> ServiceSettings:
    url = "http://127.0.0.1:1"
    given: dict[str, Any] = {
        "database_dsn": "postgresql:///unused",
        "kafka_servers": "127.0.0.1:1",
        "port": 1,
        "ops_port": 2,
        "base_url": "http://testserver/fhir",
        "token_url": f"{url}/auth/token",
        **{f"{name}_url": url for name in ("referral", "scheduling")},
        **{f"{name}_url": url for name in ("documentation", "notifications")},
        "key_file": Path("unused"),
        "staff_issuer": ISSUER,
        "staff_jwks_url": f"{url}/jwks",
        "agency_id": AGENCY,
        "agency_npi": "1234567893",
        "agency_name": "Northlight",
        "cursor_key": "k" * 32,
    }
    return ServiceSettings(**{**given, **changes})


class Names:
    """Stands in for the verifier, which has its own tests: a token is who it says."""

    def __init__(self) -> None:
        self.partners: dict[str, Partner] = {}

    async def partner(self, token: str) -> Partner:
        if token not in self.partners:
            raise Unauthenticated("unknown")
        return self.partners[token]

    async def staff(self, token: str) -> Staff:
        """`role:sub`, or `role+role:sub`."""
        if ":" not in token:
            raise Unauthenticated("unknown")
        roles, sub = token.split(":")
        return Staff(sub, staff_id(ISSUER, sub), frozenset(map(Role, roles.split("+"))))


@dataclass
class SetClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class Door:
    """What a test asks. `clock.at` is the business time of the service."""

    http: httpx.AsyncClient
    names: Names
    clock: SetClock

    async def ask(
        self, method: str, path: str, *, by: str, json: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {by}"}
        if key:
            headers["Idempotency-Key"] = key
        path = path if path.startswith("/fhir") else f"/api/scheduling{path}"
        return await self.http.request(method, path, json=json, headers=headers)

    async def get(self, path: str, *, by: str) -> httpx.Response:
        return await self.ask("GET", path, by=by)

    async def post(
        self, path: str, json: Any, *, by: str, key: str | None = None
    ) -> httpx.Response:
        return await self.ask("POST", path, by=by, json=json, key=key)

    def hub(self, organisation_id: UUID) -> str:
        """The token of a hub."""
        return self.partner(organisation_id, PartnerKind.HUB)

    def payer(self, organisation_id: UUID) -> str:
        return self.partner(organisation_id, PartnerKind.PAYER)

    def partner(self, organisation_id: UUID, kind: PartnerKind) -> str:
        token = f"{kind}-{organisation_id}"
        self.names.partners[token] = Partner(token, organisation_id, kind, SCOPES)
        return token


@asynccontextmanager
async def open_door(pool: Pool) -> AsyncIterator[Door]:
    clock, names = SetClock(), Names()
    async with httpx.AsyncClient(verify=NO_AUTHORITIES) as nothing:
        peers = cast(Any, SimpleNamespace())
        context = Context(pool, clock, settings(), peers, nothing)
        service = Service("scheduling", context.settings, doors=[door(AGENCY), staff, feeds.router])
        app, _ = apps(service, context, Health())
        app.state.verifier = names
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            yield Door(http, names, clock)


async def work_off(pool: Pool, *, days: int = 0) -> None:
    """Do all that is due inside the service, so many days from now."""
    clock = SetClock(NOW + timedelta(days=days))
    worker = Worker(pool)
    worker.inside = dict(work(cast(Any, SimpleNamespace(clock=clock, peers=None)))[0])
    while await worker.run_inside(clock.now()):
        pass
