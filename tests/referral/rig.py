"""One referral service over a real database, asked by partners over its real doors."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from joserfc.jwk import ECKey

from contracts.codes import PartnerKind
from contracts.events import BY_TYPE, Event
from contracts.rules import load
from services.chassis import auth
from services.chassis.auth import ACCESS_TOKEN, Partner
from services.chassis.context import Context
from services.chassis.db import Pool, transaction
from services.chassis.doors import install
from services.chassis.fhir.server import FhirRouter
from services.chassis.peers import Peers
from services.chassis.settings import ServiceSettings
from services.referral.api.intake import add_intake
from services.referral.api.reads import add_reads
from services.referral.store import clients
from tests.serving import NO_AUTHORITIES

BASE = "https://waypost.test/fhir"
NPI = "http://hl7.org/fhir/sid/us-npi"
PAYER = "https://waypost.example/ids/payer"
AGENCY, AGENCY_NPI = "Northlight Therapeutic Mentoring", "1093817462"
AGENCY_ID = UUID("00000000-0000-4000-8000-00000000a6e4")
KEY = ECKey.generate_key("P-384", auto_kid=True)
NOW = datetime(2026, 11, 9, 20, 20, 7, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[2] / "contracts/fhir/examples"
RULES = load()


def example(number: str) -> dict[str, Any]:
    (path,) = EXAMPLES.glob(f"{number}-*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@dataclass
class SetClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


class Verifier:
    """Reads the claims of a token that a test wrote: who asks is not what is tested here."""

    async def partner(self, token: str) -> Partner:
        claims = auth.verified(token, KEY, algorithms=["ES384"])
        return auth.partner_of(claims, issuer="test", audience=BASE)


@dataclass
class Hub:
    """A partner with a token of its own."""

    http: httpx.AsyncClient
    organisation_id: UUID
    kind: PartnerKind = PartnerKind.HUB
    scope: str = "system/*.cruds"

    async def send(
        self, method: str, path: str, content: object = None, **headers: str
    ) -> httpx.Response:
        claims = {
            "iss": "test",
            "aud": BASE,
            "client_id": f"client-{self.organisation_id}",
            "organisation_id": str(self.organisation_id),
            "kind": self.kind.value,
            "scope": self.scope,
        }
        token = auth.sign(KEY, claims, lives_seconds=300, typ=ACCESS_TOKEN)
        sent = {"authorization": f"Bearer {token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
        if body is not None:
            sent.setdefault("content-type", "application/fhir+json")
        return await self.http.request(method, path, content=body, headers=sent)

    async def refer(self, bundle: object) -> httpx.Response:
        return await self.send("POST", "/fhir", bundle)

    async def insist(self, bundle: object) -> httpx.Response:
        """Send until there is an answer, as hubs do: 503 says that nothing was stored."""
        async with asyncio.timeout(300):
            while (answer := await self.refer(bundle)).status_code == 503:
                pass
        return answer

    async def read(self, path: str) -> httpx.Response:
        return await self.send("GET", f"/fhir/{path}")


@dataclass
class Rig:
    pool: Pool
    clock: SetClock
    http: httpx.AsyncClient
    app: FastAPI

    async def register(
        self, kind: str, name: str, system: str, value: str, mrn_system: str | None = None
    ) -> UUID:
        """Register an organisation as `waypost client add` does."""
        id_ = AGENCY_ID if kind == "agency" else uuid4()
        organisation = clients.Organisation(id_, kind, name, system, value, mrn_system)
        async with transaction(self.pool) as conn:
            await clients.add_organisation(conn, organisation)
        return id_

    async def hub(self, npi: str = "1234567893", name: str = "Riverbend") -> Hub:
        return Hub(self.http, await self.register("hub", name, NPI, npi))

    async def payer(self, code: str = "masshealth") -> UUID:
        return await self.register("payer", "A payer", PAYER, code)

    async def told(self, *types: type[Event]) -> list[Any]:
        """The events appended so far, in order; of some types only, if named."""
        rows = await self.pool.fetch("SELECT event_type, body FROM event ORDER BY position")
        found = [BY_TYPE[row["event_type"]].model_validate_json(row["body"]) for row in rows]
        return [event for event in found if not types or isinstance(event, types)]

    async def count(self, table: str) -> int:
        number: int = await self.pool.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        return number


@asynccontextmanager
async def rig_of(pool: Pool) -> AsyncIterator[Rig]:
    clock, router = SetClock(), FhirRouter()
    async with httpx.AsyncClient(verify=NO_AUTHORITIES) as out:
        peers = Peers("referral", SETTINGS.peers, KEY, out)
        app = FastAPI(openapi_url=None)
        app.state.context = Context(pool, clock, SETTINGS, peers, out)
        add_intake(router)
        add_reads(router)
        app.include_router(router)
        install(app, Verifier())  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://waypost.test") as http:
            running = Rig(pool, clock, http, app)
            await running.register("agency", AGENCY, NPI, AGENCY_NPI)
            yield running


SETTINGS = ServiceSettings(
    database_dsn="postgresql://unused",
    kafka_servers=("127.0.0.1:9",),
    port=1,
    ops_port=2,
    base_url=BASE,
    token_url="https://waypost.test/auth/token",  # noqa: S106
    referral_url="http://127.0.0.1:9",
    scheduling_url="http://127.0.0.1:9",
    documentation_url="http://127.0.0.1:9",
    notifications_url="http://127.0.0.1:9",
    key_file=Path("unused"),
    staff_issuer="http://issuer.test",
    staff_jwks_url="http://issuer.test/jwks",
    agency_id=AGENCY_ID,
    agency_npi=AGENCY_NPI,
    agency_name=AGENCY,
    cursor_key="a secret of this test and no other",
)


def issues(response: httpx.Response) -> list[tuple[str, str, str | None]]:
    """Severity, code and place of each issue of an OperationOutcome."""
    return [
        (issue["severity"], issue["code"], next(iter(issue.get("expression", ())), None))
        for issue in response.json()["issue"]
    ]


def located(bundle: Mapping[str, Any], type_: str) -> str:
    """`Type/id` of the first entry of a type in a transaction-response."""
    for entry in bundle["entry"]:
        location: str = entry["response"].get("location", "")
        if location.startswith(f"{type_}/"):
            return location.split("/_history")[0]
    raise AssertionError(f"no {type_} in the answer")
