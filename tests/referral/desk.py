"""A payer's desk on a real socket, and one referral service with its doors and its due work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from contracts.codes import Role
from contracts.events import Event
from deploy.simulators.payer import Payer
from services.chassis import auth
from services.chassis.auth import Partner, Peer, Staff
from services.chassis.context import Context
from services.chassis.db import Pool, transaction
from services.chassis.doors import install
from services.chassis.envelope import Envelope, Stream
from services.chassis.inbox import Inbox
from services.chassis.peers import Peers
from services.chassis.work import Worker
from services.referral.api.internal import internal
from services.referral.api.staff import staff
from services.referral.app import fhir_router
from services.referral.handlers import events
from services.referral.store import clients
from services.referral.store.payers import Named
from services.referral.work import work
from tests.referral.rig import (
    AGENCY_ID,
    BASE,
    KEY,
    PAYER,
    SETTINGS,
    Hub,
    Rig,
    SetClock,
    example,
    located,
)
from tests.serving import NO_AUTHORITIES, serving

MEMBER = {
    "member_id": "100023456789",
    "first_name": "Jordan",
    "last_name": "Okafor-Reyes",
    "birth_date": "2013-03-09",
    "product": "MassHealth Standard",
    "period": {"start": "2026-01-01"},
    "bh_admin": "MBHP",
}
TOKEN = "agreed with this payer"  # noqa: S105


class Verifier:
    """Reads the claims of tokens that a test wrote: who asks is not what is tested here."""

    async def partner(self, token: str) -> Partner:
        claims = auth.verified(token, KEY, algorithms=["ES384"])
        return auth.partner_of(claims, issuer="test", audience=BASE)

    async def staff(self, token: str) -> Staff:
        name, _, roles = token.partition("/")
        known = frozenset(Role(role) for role in roles.split(",") if role)
        return Staff(name, auth.staff_id("http://issuer.test", name), known)

    async def peer(self, token: str) -> Peer:
        return Peer(token)


@dataclass
class Desk:
    """The simulated payer as a test teaches it."""

    payer: Payer
    url: str
    http: httpx.AsyncClient

    async def teach(self, **changes: Any) -> None:
        answer = await self.http.post(f"{self.url}/members", json=MEMBER | changes)
        answer.raise_for_status()

    async def behave(self, mode: str) -> None:
        answer = await self.http.post(f"{self.url}/behaviour", json={"mode": mode})
        answer.raise_for_status()

    @property
    def asked(self) -> list[Any]:
        return [line for line in self.payer.log.entries() if line["kind"] == "asked"]


@asynccontextmanager
async def desk_at(home: Path) -> AsyncIterator[Desk]:
    payer = Payer(home, TOKEN)
    outward = httpx.AsyncClient(verify=NO_AUTHORITIES)
    async with serving(payer.app()) as url, outward as http:
        yield Desk(payer, url, http)


@dataclass
class Office(Rig):
    """A referral service with staff, peers, due work and events from the others."""

    app: FastAPI
    worker: Worker
    inbox: Inbox
    sent: dict[tuple[UUID, str], int]

    async def work_until_done(self, *, limit: int = 50) -> int:
        """Do all that is due by the test's clock."""
        for done in range(limit):
            if not await self.worker.run_one(now=self.clock.now()):
                return done
        raise AssertionError("work does not come to an end")

    async def as_staff(
        self, method: str, path: str, body: object = None, *, roles: str = "coordinator"
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer pat/{roles}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def as_peer(self, path: str, *, name: str = "documentation") -> httpx.Response:
        return await self.http.get(path, headers={"authorization": f"Bearer {name}"})

    async def hear(self, *told: Event, at: datetime | None = None) -> None:
        """Let the service hear events of others, numbered as their streams are."""
        for event in told:
            stream = Stream(event.stream_id, event.topic.split(".")[0])
            self.sent[stream] = number = self.sent.get(stream, 0) + 1
            body = event.model_dump_json().encode()
            envelope = Envelope(uuid4(), event.type, stream, number, at or self.clock.now(), body)
            await self.inbox.receive(self.pool, [envelope])
        waiting = await self.pool.fetch("SELECT event_type, reason FROM inbox_waiting")
        assert waiting == []

    async def state(self, referral_id: UUID | str) -> str:
        found: str = await self.pool.fetchval(
            "SELECT state FROM referral WHERE referral_id = $1", UUID(str(referral_id))
        )
        return found

    async def items(self, referral_id: UUID | str) -> set[str]:
        rows = await self.pool.fetch(
            "SELECT kind FROM work_item WHERE referral_id = $1 AND closed_at IS NULL",
            UUID(str(referral_id)),
        )
        return {row["kind"] for row in rows}


@asynccontextmanager
async def office_of(pool: Pool) -> AsyncIterator[Office]:
    clock = SetClock()
    async with httpx.AsyncClient(verify=NO_AUTHORITIES) as out:
        context = Context(pool, clock, SETTINGS, Peers("referral", SETTINGS.peers, KEY, out), out)
        app = FastAPI(openapi_url=None)
        app.state.context = context
        agency = Named(AGENCY_ID, NORTHLIGHT)
        for router in (fhir_router(agency), staff, internal):
            app.include_router(router)
        install(app, Verifier())  # type: ignore[arg-type]
        worker = Worker(pool)
        inside, calls = work(context)
        worker.inside, worker.calls = dict(inside), dict(calls)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://waypost.test") as http:
            office = Office(pool, clock, http, app, worker, Inbox("referral", events), {})
            yield office


NORTHLIGHT = "Northlight Therapeutic Mentoring"


async def enrol(pool: Pool, organisation: clients.Organisation) -> None:
    async with transaction(pool) as conn:
        await clients.add_organisation(conn, organisation)


async def enrol_payer(pool: Pool, url: str | None, code: str = "masshealth") -> UUID:
    id_ = uuid4()
    payer = clients.Organisation(
        *(id_, "payer", "MassHealth", PAYER, code),
        eligibility_url=f"{url}/{code}" if url else None,
        eligibility_token=TOKEN if url else None,
    )
    await enrol(pool, payer)
    return id_


@dataclass
class Referred:
    """What the answer to a referral names."""

    referral_id: str
    task_id: str
    youth_id: str


async def refer(hub: Hub, bundle: object | None = None) -> Referred:
    answer = await hub.insist(example("01") if bundle is None else bundle)
    assert answer.status_code == 200, answer.json()
    ids = [located(answer.json(), type_) for type_ in ("ServiceRequest", "Task", "Patient")]
    return Referred(*(id_.split("/")[1] for id_ in ids))
