"""The notifications service on a real database, with a hub's EHR on a real socket.

Events go straight into its inbox; referral, our own, is answered for by a stand-in that a test
can silence.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

import httpx
from fastapi import FastAPI

from contracts.codes import (
    ConsentKind,
    HubService,
    MeasuredBy,
    Modality,
    PartnerKind,
    PlaceOfService,
    ProgressScale,
    TaskStatus,
)
from contracts.events import (
    ConsentGranted,
    ConsentRevoked,
    Event,
    GoalAdded,
    GoalProgressUpdated,
    GoalRetired,
    HubEngaged,
    ReferralReceived,
    ReferralStatusChanged,
    SessionLogged,
)
from services.chassis import doors
from services.chassis.auth import Partner, Staff, Unauthenticated
from services.chassis.db import Pool
from services.chassis.envelope import Envelope, Stream
from services.chassis.errors import NotFound, PeerUnavailable
from services.chassis.inbox import Inbox
from services.chassis.work import Worker
from services.notifications import work
from services.notifications.api.preferences import staff
from services.notifications.api.subscriptions import fhir
from services.notifications.handlers import events
from services.notifications.partners.hooks import Hook
from tests.simulators.rig import Simulator

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)  # still the 21st in Massachusetts
BASE = "https://waypost.example/fhir"
SECRET = f"whsec_{base64.b64encode(b'a secret between a hub and us').decode()}"
TOPICS = "https://waypost.example/fhir/SubscriptionTopic/"


E = TypeVar("E", bound=Event)


class Clock:
    """Business time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


class ReferralService:
    """What referral would answer on its internal door."""

    def __init__(self) -> None:
        self.away = False
        self.secrets_away = False
        self.revoked: set[tuple[UUID, UUID]] = set()
        self.disengaged: set[tuple[UUID, UUID]] = set()
        self.clients: dict[str, str] = {}
        self.asked: list[str] = []
        self.families: dict[UUID, list[dict[str, Any]]] = {}
        self.unwritten: set[UUID] = set()  # who did not agree to e-mail

    async def get(self, service: str, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        assert service == "referral"
        self.asked.append(path)
        if self.away or (self.secrets_away and path.endswith("/webhook")):
            raise PeerUnavailable("peer-unavailable", "referral answered 503.")
        place = path.removeprefix("/internal/").split("/")
        if place[0] == "youths":
            assert place[2] == "mailboxes"
            found = self.families.get(UUID(place[1]), [])
            stands = UUID(place[1]) not in self.unwritten
            return {"stands": stands, "mailboxes": found}
        if place[0] == "clients":
            if place[1] not in self.clients:
                raise NotFound("not-found", "No such client.")
            return {"secret": self.clients[place[1]], "organisation_id": str(uuid4())}
        assert place[0] == "consents"
        assert params
        assert params["kind"] == "roi_hub"
        key = (UUID(place[1]), UUID(params["organisation_id"]))
        return {
            "stands": key not in self.revoked,
            "hub_active": key not in self.disengaged,
            "as_of": NOW.isoformat(),
        }


@dataclass
class Hub:
    """One hub: its client with us, and its EHR behind a real socket."""

    ehr: Simulator
    name: str
    partner: Partner

    @property
    def endpoint(self) -> str:
        return f"{self.ehr.url}/hubs/{self.name}/hook"

    def behave(self, mode: str, *, times: int | None = None) -> None:
        self.ehr.post(f"/hubs/{self.name}/behaviour", {"mode": mode, "times": times})

    def log(self) -> list[Any]:
        return [one for one in self.ehr.get(f"/hubs/{self.name}/log") if one["kind"] == "received"]

    def told(self) -> list[Any]:
        """The notifications of events that it accepted."""
        return [
            one
            for one in self.log()
            if one["answered"] == 200 and one["type"] == "event-notification"
        ]

    def numbers(self) -> list[int]:
        return [event["number"] for one in self.told() for event in one["events"]]


@dataclass
class Child:
    """A youth whom a hub referred."""

    hub: Hub
    youth_id: UUID = field(default_factory=uuid4)
    referral_id: UUID = field(default_factory=uuid4)

    @property
    def organisation_id(self) -> UUID:
        return self.hub.partner.organisation_id

    @property
    def task_id(self) -> UUID:
        return uuid5(self.referral_id, "task")


class Rig:
    """The service under test."""

    def __init__(self, pool: Pool, ehr: Simulator) -> None:
        self.pool, self.ehr = pool, ehr
        self.clock, self.referral = Clock(), ReferralService()
        self.settings = SimpleNamespace(
            base_url=BASE,
            allow_loopback_endpoints=True,
            cursor_key="k" * 32,
            mail_server=None,
            mail_tls="none",
            mail_user=None,
            mail_password=None,
            mail_from="office@northlight.example",
            mail_coordinators="coordinators@northlight.example",
        )
        self.hook = Hook(loopback=True)
        self.inbox = Inbox("notifications", events)
        self.sequences: dict[Stream, int] = {}
        self.worker = self.new_worker()
        self.partners: dict[str, Partner] = {}
        self.staff_members: dict[str, Staff] = {}
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app()), base_url="http://notifications"
        )

    def new_worker(self) -> Worker:
        """As after a restart: nothing is remembered but what the database holds."""
        worker = Worker(self.pool)
        inside, calls = work.kinds(self.pool, self.clock, self.referral, self.settings, self.hook)
        worker.inside, worker.calls = dict(inside), dict(calls)
        return worker

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.include_router(fhir)
        app.include_router(staff)
        app.state.context = SimpleNamespace(
            pool=self.pool, clock=self.clock, settings=self.settings
        )
        doors.install(app, self)  # type: ignore[arg-type]  # we answer for the tokens, below
        return app

    async def partner(self, token: str) -> Partner:
        if token not in self.partners:
            raise Unauthenticated("not-a-token")
        return self.partners[token]

    async def staff(self, token: str) -> Staff:
        if token not in self.staff_members:
            raise Unauthenticated("not-a-token")
        return self.staff_members[token]

    # --- Partners --------------------------------------------------------------------------------

    def hub(
        self, *, kind: PartnerKind = PartnerKind.HUB, organisation_id: UUID | None = None
    ) -> Hub:
        """A hub that is registered: its client has a token, its EHR the secret."""
        name = f"hub-{uuid4().hex[:8]}"
        scopes = frozenset({"system/Subscription.cruds"})
        partner = Partner(name, organisation_id or uuid4(), kind, scopes)
        self.partners[name] = partner
        self.referral.clients[name] = SECRET
        self.ehr.post(f"/hubs/{name}/configure", {"webhook_secret": SECRET})
        return Hub(self.ehr, name, partner)

    async def ask(
        self, hub: Hub, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {hub.name}", **headers}
        if body is not None:
            sent["Content-Type"] = "application/fhir+json"
        return await self.http.request(method, f"/fhir/{path}", json=body, headers=sent)

    async def subscribe(self, hub: Hub, topic: str, **changes: Any) -> UUID:
        answer = await self.ask(hub, "POST", "Subscription", wish(topic, hub.endpoint, **changes))
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def subscribed(self, hub: Hub, topic: str, **changes: Any) -> UUID:
        """Subscribed and greeted."""
        id_ = await self.subscribe(hub, topic, **changes)
        await self.work()
        return id_

    async def status(self, id_: UUID) -> tuple[str, str | None]:
        row = await self.pool.fetchrow(
            "SELECT status, fault FROM subscription WHERE subscription_id = $1", id_
        )
        assert row
        return row["status"], row["fault"]

    # --- What it hears ---------------------------------------------------------------------------

    async def hear(self, *told: Event) -> Sequence[Envelope]:
        """Events as their producers tell them, numbered per stream."""
        envelopes = []
        for event in told:
            stream = Stream(event.stream_id, event.topic.removesuffix(".v1"))
            self.sequences[stream] = number = self.sequences.get(stream, 0) + 1
            body = event.model_dump_json().encode()
            envelopes.append(Envelope(uuid4(), event.type, stream, number, self.clock.now(), body))
        await self.inbox.receive(self.pool, envelopes)
        return envelopes

    async def child(self, hub: Hub, *, released: bool = True) -> Child:
        """A youth of this hub, who may read of the youth's care once it is released."""
        child = Child(hub)
        organisation = hub.partner.organisation_id
        await self.hear(received(child), engaged(child))
        if released:
            await self.hear(granted(child.youth_id, organisation))
        return child

    # --- What is due -----------------------------------------------------------------------------

    async def work(self) -> None:
        """Do everything that is due now, one lane after the other, as the process does."""
        now = self.clock.now
        async with asyncio.timeout(120):
            while await self.worker.run_inside(now()) or await self.run_lane():
                pass

    async def run_lane(self) -> bool:
        """Take the call that is due first, and go on with its lane; False when there is none."""
        item = await self.worker.claim_call(self.clock.now())
        if item:
            await self.worker.run_lane(item, self.clock.now)
        return item is not None

    async def hurry(self) -> None:
        """As if every pause and lease had run out."""
        await self.pool.execute("UPDATE work SET lease_until = now() - interval '1 second'")

    async def published(self, type_: type[E]) -> list[E]:
        """Its own events of a type, in the order in which they were stored."""
        find = "SELECT body FROM event WHERE event_type = $1 ORDER BY position"
        rows = await self.pool.fetch(find, type_.type)
        return [type_.model_validate_json(row["body"]) for row in rows]

    async def later(self, pause: timedelta) -> None:
        """Let time pass, on the business clock and, for all that is due, on the machine's."""
        self.clock.moment += pause
        for told in (
            "UPDATE work SET lease_until = lease_until - $1::interval",
            "UPDATE delivery SET tried_since = tried_since - $1::interval",
            "UPDATE mail SET tried_since = tried_since - $1::interval",
        ):
            await self.pool.execute(told, pause)

    async def pause(self) -> timedelta:
        """How long the next attempt is off: of all that is open, the soonest."""
        found: timedelta = await self.pool.fetchval(
            "SELECT min(lease_until - now()) FROM work WHERE outcome IS NULL AND lane IS NOT NULL"
        )
        return found

    async def deliveries(self) -> list[tuple[str, int | None, int]]:
        rows = await self.pool.fetch(
            """
            SELECT state, first_number, attempts FROM delivery
             WHERE kind = 'event-notification' ORDER BY occurred_at, first_number NULLS LAST
            """
        )
        return [(row["state"], row["first_number"], row["attempts"]) for row in rows]


# --- Builders ------------------------------------------------------------------------------------


def wish(topic: str, endpoint: str, **changes: Any) -> dict[str, Any]:
    """A Subscription as a hub sends it; changes replace whole elements."""
    backport = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
    content = {"url": f"{backport}/backport-payload-content", "valueCode": "id-only"}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Follow the youths we referred",
        "criteria": f"{TOPICS}{topic}",
        "channel": {
            "extension": [{"url": f"{backport}/backport-timeout", "valueUnsignedInt": 2}],
            "type": "rest-hook",
            "endpoint": endpoint,
            "payload": "application/fhir+json",
            "_payload": {"extension": [content]},
            "header": ["Authorization: Bearer synthetic-value-of-the-subscriber"],
        },
        **changes,
    }


def filtered(type_: str, youth_id: UUID) -> dict[str, Any]:
    url = (
        "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria"
    )
    text = f"{type_}?patient=Patient/{youth_id}"
    return {"extension": [{"url": url, "valueString": text}]}


def received(child: Child) -> ReferralReceived:
    return ReferralReceived(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        organisation_id=child.hub.partner.organisation_id,
        hub_service=HubService.IN_HOME_THERAPY,
        received_on=date(2026, 11, 9),
    )


def engaged(child: Child, *, effective: date = date(2026, 11, 1)) -> HubEngaged:
    return HubEngaged(
        youth_id=child.youth_id,
        organisation_id=child.hub.partner.organisation_id,
        hub_service=HubService.IN_HOME_THERAPY,
        effective=effective,
    )


def granted(youth_id: UUID, organisation_id: UUID) -> ConsentGranted:
    return ConsentGranted(
        youth_id=youth_id,
        kind=ConsentKind.ROI_HUB,
        organisation_id=organisation_id,
        effective_at=NOW,
    )


def goal_retired(child: Child) -> GoalRetired:
    return GoalRetired(
        youth_id=child.youth_id,
        goal_id=uuid5(child.youth_id, "goal"),
        care_plan_id=uuid5(child.referral_id, "careplan"),
        effective=date(2026, 11, 22),
        version=2,
    )


def revoked(child: Child) -> ConsentRevoked:
    return ConsentRevoked(
        youth_id=child.youth_id,
        kind=ConsentKind.ROI_HUB,
        organisation_id=child.hub.partner.organisation_id,
        effective_at=NOW,
    )


def task_changed(child: Child, version: int = 1) -> ReferralStatusChanged:
    return ReferralStatusChanged(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        task_id=child.task_id,
        version=version,
        status=TaskStatus.REQUESTED,
        business_status="eligibility-review",
    )


def session(child: Child) -> SessionLogged:
    start = NOW - timedelta(hours=3)
    return SessionLogged(
        youth_id=child.youth_id,
        session_id=uuid4(),
        version=1,
        referral_id=child.referral_id,
        episode_id=uuid4(),
        start=start,
        end=start + timedelta(hours=1),
        place_of_service=PlaceOfService.HOME,
        modality=Modality.IN_PERSON,
        units=4,
        billable=True,
        goal_ids=(),
        mentor_id=uuid4(),
        supervisor_id=uuid4(),
        rule_pack_version="test",
    )


def progress(child: Child) -> GoalProgressUpdated:
    return GoalProgressUpdated(
        youth_id=child.youth_id,
        goal_id=uuid5(child.youth_id, "goal"),
        care_plan_id=uuid5(child.referral_id, "careplan"),
        scale=ProgressScale.GAS,
        value=-1,
        previous=-2,
        measured_by=MeasuredBy.MENTOR,
        session_id=uuid4(),
    )


def goal_added(child: Child) -> GoalAdded:
    return GoalAdded(
        youth_id=child.youth_id,
        goal_id=uuid5(child.youth_id, "goal"),
        care_plan_id=uuid5(child.referral_id, "careplan"),
        effective=date(2026, 11, 20),
        version=1,
    )
