"""One service's two applications in process, and everybody who may knock: all keys are real.

`World` is for the tests of every service: real routers, real PostgreSQL, no sockets. Its tokens
are signed as referral, the staff's issuer and our peers sign theirs.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import APIRouter
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from contracts.codes import PartnerKind, Role
from services.chassis import auth, process
from services.chassis.auth import Partner, staff_id
from services.chassis.clock import Clock, SystemClock
from services.chassis.context import Context
from services.chassis.db import Pool, open_pool
from services.chassis.health import Health
from services.chassis.peers import Peers, public_keys
from services.chassis.process import Service
from services.chassis.settings import ServiceSettings
from tests.conftest import run
from tests.postgres import Server
from tests.serving import NO_AUTHORITIES

BASE = "https://waypost.test/fhir"
TOKEN_URL = "https://waypost.test/auth/token"  # noqa: S105
ISSUER = "https://identity.test"
AGENCY = UUID("5a9e0c1e-0000-4000-8000-0000000000aa")
OUR_HUB = UUID("5a9e0c1e-0000-4000-8000-000000000001")
OTHER_HUB = UUID("5a9e0c1e-0000-4000-8000-000000000002")
PAYER = UUID("5a9e0c1e-0000-4000-8000-000000000003")
EVERYTHING = "system/*.cruds"
SERVICES = ("referral", "scheduling", "documentation", "notifications")

HUB = Partner("our-hub", OUR_HUB, PartnerKind.HUB, frozenset({EVERYTHING}))
STRANGER = Partner("other-hub", OTHER_HUB, PartnerKind.HUB, frozenset({EVERYTHING}))
INSURER = Partner("payer", PAYER, PartnerKind.PAYER, frozenset({EVERYTHING}))

Headers = dict[str, str]


@cache
def key_of(name: str) -> ECKey:
    """The private key of a service, or of the staff's issuer."""
    return ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)


def settings(**changes: Any) -> ServiceSettings:
    values: dict[str, Any] = {
        "database_dsn": "postgresql://nowhere",
        "kafka_servers": "nowhere:9092",
        "port": 1,
        "ops_port": 2,
        "base_url": BASE,
        "token_url": TOKEN_URL,
        **{f"{name}_url": f"http://{name}.test" for name in SERVICES},
        "key_file": Path("nowhere"),
        "staff_issuer": ISSUER,
        "staff_jwks_url": f"{ISSUER}/jwks",
        "agency_id": AGENCY,
        "agency_npi": "1234567893",
        "agency_name": "Agency",
        "cursor_key": "c" * 32,
    }
    return ServiceSettings(**(values | changes))


@dataclass
class World:
    """Ask `public` and `ops` like anybody outside, with the headers of whoever asks."""

    name: str
    context: Context
    public: httpx.AsyncClient
    ops: httpx.AsyncClient
    apps: tuple[Any, Any]
    asked_keys: list[str] = field(default_factory=list)

    @property
    def pool(self) -> Pool:
        return self.context.pool

    def partner(self, who: Partner = HUB, *, scope: str | None = None, **claims: Any) -> Headers:
        """The headers of a partner with a token as referral signs it; `claims` bend it."""
        return bearer(access_token(who, scope=scope, **claims))

    def staff(self, *roles: Role, sub: str = "sam", **claims: Any) -> Headers:
        told = {"iss": ISSUER, "aud": "waypost", "sub": sub, "roles": list(roles), **claims}
        return bearer(auth.sign(key_of("issuer"), told, lives_seconds=600))

    def peer(self, name: str, **claims: Any) -> Headers:
        told = {"iss": name, "aud": self.name, **claims}
        return bearer(auth.sign(key_of(name), told, lives_seconds=60))


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def access_token(partner: Partner, *, scope: str | None = None, **claims: Any) -> str:
    told = {
        "iss": TOKEN_URL,
        "aud": BASE,
        "sub": partner.client_id,
        "client_id": partner.client_id,
        "organisation_id": str(partner.organisation_id),
        "kind": partner.kind,
        "scope": " ".join(partner.scopes) if scope is None else scope,
    }
    return auth.sign(key_of("referral"), told | claims, lives_seconds=300, typ=auth.ACCESS_TOKEN)


def staff_id_of(sub: str) -> UUID:
    return staff_id(ISSUER, sub)


@asynccontextmanager
async def open_world(
    name: str,
    pool: Pool,
    *,
    doors: Sequence[APIRouter] = (),
    internal: Sequence[APIRouter] = (),
    clock: Clock | None = None,
    peers: Mapping[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[World]:
    """Open the applications of a service of these routers.

    `peers` are ASGI applications that answer for other services, by name; whoever is not among
    them only shows its keys.
    """
    asked: list[str] = []
    mounts = {
        f"http://{service}.test": httpx.ASGITransport((peers or {}).get(service, shows(service)))
        for service in SERVICES
    }
    mounts[ISSUER] = httpx.ASGITransport(shows("issuer"))

    async def note(request: httpx.Request) -> None:
        asked.append(str(request.url))

    async with httpx.AsyncClient(
        mounts=mounts, event_hooks={"request": [note]}, verify=NO_AUTHORITIES
    ) as http:
        read = settings(**changes)
        peer = Peers(name, read.peers, key_of(name), http)
        context = Context(pool, clock or SystemClock(), read, peer, http)
        service = Service(name, read, doors=doors, internal=internal)
        public, ops = process.apps(service, context, Health())
        async with outside(public) as first, outside(ops) as second:
            yield World(name, context, first, second, (public, ops), asked)


@asynccontextmanager
async def database(
    server: Server, name: str, *, template: str = "template_kernel"
) -> AsyncIterator[Pool]:
    """A database of a test module: what `open_database` is for one test."""
    await run(server, "postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await run(server, "postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
    pool = await open_pool(server.dsn(name))
    try:
        yield pool
    finally:
        pool.terminate()
        await run(server, "postgres", f"DROP DATABASE {name} WITH (FORCE)")


def outside(app: Any) -> httpx.AsyncClient:
    # An exception that gets out of the application is a failed test, not a 500.
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="https://waypost.test")


def shows(name: str) -> Starlette:
    """A server that shows the public keys of one party and nothing else."""

    async def jwks(request: Request) -> JSONResponse:
        return JSONResponse(public_keys(key_of(name)))

    return Starlette(routes=[Route("/jwks", jwks), Route("/internal/jwks", jwks)])


def with_scopes(partner: Partner, *scopes: str) -> Partner:
    return replace(partner, scopes=frozenset(scopes))
