"""What partners ask of notifications: their subscriptions, how these stand, what they were told."""

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from fastapi import Request
from starlette.responses import Response

from contracts.codes import PartnerKind
from services.chassis.auth import Partner
from services.chassis.clock import agency_day
from services.chassis.db import Connection, transaction
from services.chassis.fhir import guard
from services.chassis.fhir.outcome import FhirRefused, Issue, refusal
from services.chassis.fhir.search import Match, Resource, Search, Token, as_uuid
from services.chassis.fhir.server import FhirRouter, absent, change, etag, respond, touch
from services.notifications.commands import asking
from services.notifications.domain.subscriptions import (
    Delivery,
    Kind,
    Subscription,
    Topic,
    Wanted,
)
from services.notifications.mapping import subscriptions as mapping
from services.notifications.mapping.notifications import notification_bundle, status_bundle
from services.notifications.partners.hooks import leads_inside
from services.notifications.store import deliveries, subscriptions

fhir = FhirRouter()

HUB = frozenset({PartnerKind.HUB})
NUMBER = re.compile(r"[0-9]{1,15}")
VERSION = re.compile(r'(?:W/)?"([0-9]{1,9})"')
ALL = 2**60
ALIKE = "There is a subscription to this topic and endpoint. Change that one by PUT."


# --- Asking to be told ---------------------------------------------------------------------------


@fhir.write("POST", "/fhir/Subscription", scope="Subscription.c", kinds=HUB)
async def create_subscription(request: Request, partner: Partner) -> Response:
    """A hub subscribes: 201, and its endpoint is greeted; 200 and the same Location when repeated.

    Another wish for the same topic, youth and endpoint is 409: change the one there is by PUT.
    """
    wanted = await read_wanted(request)
    id_ = uuid4()
    async with change(request, partner, status=201) as conn:
        created = await asking.subscribe(
            conn,
            id_,
            wanted,
            client_id=partner.client_id,
            organisation_id=partner.organisation_id,
            now=now(request),
        )
        if not created:
            id_ = await same_as_before(conn, partner, wanted)
        touch(request, f"Subscription/{id_}")
        stands = await own(conn, partner, id_)
    return answer(request, stands, 201 if created else 200)


@fhir.write("PUT", "/fhir/Subscription/{id_}", scope="Subscription.u", kinds=HUB)
async def update_subscription(request: Request, partner: Partner) -> Response:
    """A hub changes its subscription, or switches it off with status `off`."""
    id_ = request.path_params["id_"]
    async with transaction(request.app.state.context.pool) as conn:
        await own(conn, partner, as_uuid(id_))
    resource = await read_resource(request)
    if resource.get("id") != id_:
        text = "The id in the body is the id in the address."
        raise FhirRefused(422, [Issue("error", "business-rule", text, "Subscription.id")])
    off = resource["status"] == "off"
    wanted = None if off else await wanted_of(request, resource)
    async with change(request, partner) as conn:
        touch(request, f"Subscription/{id_}")
        await subscriptions.lock_subscription(conn, UUID(id_))
        before = await own(conn, partner, UUID(id_))
        check_version(request, before)
        if wanted:
            await check_alike(conn, partner, before, wanted)
            await asking.change(conn, before, wanted, now=now(request))
        else:
            await asking.switch_off(conn, before.id)
        stands = await own(conn, partner, before.id)
    return answer(request, stands, 200)


@fhir.write("DELETE", "/fhir/Subscription/{id_}", scope="Subscription.d", kinds=HUB)
async def delete_subscription(request: Request, partner: Partner) -> Response:
    """A hub wants to hear no more: 204, and the Subscription is gone for its readers."""
    async with change(request, partner, status=204) as conn:
        id_ = as_uuid(request.path_params["id_"])
        found = await own(conn, partner, id_)
        touch(request, f"Subscription/{found.id}")
        await asking.remove(conn, found.id)
    return Response(status_code=204)


async def read_wanted(request: Request) -> Wanted:
    return await wanted_of(request, await read_resource(request))


async def read_resource(request: Request) -> Resource:
    checked = await guard.check_off_loop(await request.body(), expect={"Subscription"})
    return checked.resource


async def wanted_of(request: Request, resource: Resource) -> Wanted:
    loopback = request.app.state.context.settings.allow_loopback_endpoints
    wanted = mapping.wanted_from_subscription(resource, now=now(request), loopback=loopback)
    if await leads_inside(wanted.channel.endpoint, loopback=loopback):
        raise FhirRefused(422, [mapping.FORBIDDEN_ENDPOINT])
    return wanted


async def same_as_before(conn: Connection, partner: Partner, wanted: Wanted) -> UUID:
    """The subscription that a repeat means; 409 when it asks for something else than before."""
    id_ = await subscriptions.subscription_alike(conn, partner.client_id, wanted)
    before = await subscriptions.subscription_by_id(conn, id_) if id_ else None
    if before is None or before.wanted != wanted:
        raise refusal(409, ALIKE)
    return before.id


async def check_alike(
    conn: Connection, partner: Partner, before: Subscription, wanted: Wanted
) -> None:
    """409 when a change would make two subscriptions say the same."""
    if await subscriptions.subscription_alike(conn, partner.client_id, wanted) not in (
        None,
        before.id,
    ):
        raise refusal(409, ALIKE)


def check_version(request: Request, before: Subscription) -> None:
    """If-Match is welcome, not asked for: a Subscription has one writer."""
    if (header := request.headers.get("if-match")) is None:
        return
    if not (found := VERSION.fullmatch(header.strip())):
        raise refusal(400, "If-Match is a version as the ETag gave it.")
    if int(found[1]) != before.version:
        raise refusal(412, "The Subscription has changed since: read it again.")


def answer(request: Request, subscription: Subscription, status: int) -> Response:
    resource = mapping.subscription_resource(subscription)
    base = request.app.state.context.settings.base_url.rstrip("/")
    place = f"{base}/Subscription/{subscription.id}/_history/{subscription.version}"
    return respond(request, resource, status, {"Location": place, "ETag": etag(resource)})


# --- How it stands -------------------------------------------------------------------------------


@fhir.action("GET", "/fhir/Subscription/$status", scope="Subscription.r", kinds=HUB)
async def status_of_all(request: Request, partner: Partner) -> Response:
    """`$status` of the client's subscriptions, narrowed by `id` and `status`."""
    asked = parameters(request, {"id", "status"})
    ids = [id_ for text in listed(asked, "id") or () if (id_ := as_uuid(text))]
    async with transaction(request.app.state.context.pool) as conn:
        found = await subscriptions.list_subscriptions(
            conn,
            partner.client_id,
            ids=ids if "id" in asked else None,
            statuses=listed(asked, "status"),
            limit=100,
        )
    return respond(request, statuses(request, found))


@fhir.action("GET", "/fhir/Subscription/{id_}/$status", scope="Subscription.r", kinds=HUB)
async def status_of_one(request: Request, partner: Partner) -> Response:
    parameters(request, set())
    async with transaction(request.app.state.context.pool) as conn:
        found = await own(conn, partner, as_uuid(request.path_params["id_"]))
    touch(request, f"Subscription/{found.id}")
    return respond(request, statuses(request, [found]))


@fhir.action("GET", "/fhir/Subscription/{id_}/$events", scope="Subscription.r", kinds=HUB)
async def events_of_one(request: Request, partner: Partner) -> Response:
    """`$events`: what was told under which number, from the log, arrived or not; 200 at most."""
    asked = parameters(request, {"eventsSinceNumber", "eventsUntilNumber", "content"})
    if asked.get("content", "id-only") != "id-only":
        raise refusal(400, "The content served is id-only.")
    since, until = number(asked, "eventsSinceNumber", 0), number(asked, "eventsUntilNumber", ALL)
    async with transaction(request.app.state.context.pool) as conn:
        found = await own(conn, partner, as_uuid(request.path_params["id_"]))
        told = await deliveries.list_numbered(conn, found.id, since=since, until=until)
        hidden = await unreadable(conn, request, found, told)
    shown = [f"{f.type}/{f.id}" for d in told if d.id not in hidden for f in d.focus]
    touch(request, f"Subscription/{found.id}", *shown)
    bundle = notification_bundle(
        found,
        told,
        id_=uuid4(),
        kind=Kind.QUERY_EVENT,
        base_url=request.app.state.context.settings.base_url,
        at=now(request),
        unreadable=hidden,
    )
    return respond(request, bundle)


async def unreadable(
    conn: Connection, request: Request, subscription: Subscription, told: Sequence[Delivery]
) -> Collection[UUID]:
    """What the hub may not read of any more: numbers stay, or they would seem to be lost."""
    if subscription.wanted.topic is not Topic.CARE_PROGRESS:
        return ()
    ids, hub = [delivery.id for delivery in told], subscription.organisation_id
    return await deliveries.list_unreadable(conn, hub, ids, agency_day(now(request)))


# --- Read and search -----------------------------------------------------------------------------


@fhir.read("Subscription", kinds=HUB)
async def read_subscription(
    conn: Connection, partner: Partner, id_: str, *, on: date
) -> Resource | None:
    """A client's own; another's is None."""
    found = await subscriptions.subscription_by_id(conn, known) if (known := as_uuid(id_)) else None
    return mapping.subscription_resource(found) if found and is_own(found, partner) else None


@fhir.search("Subscription", {"status": Token}, kinds=HUB)
async def search_subscriptions(
    conn: Connection, partner: Partner, search: Search
) -> Sequence[Match]:
    found = await subscriptions.list_subscriptions(
        conn,
        partner.client_id,
        ids=search.uuids("_id"),
        statuses=search.get("status"),
        since=search.last_updated.low,
        before=search.last_updated.high,
        after=(search.after.at, UUID(search.after.id)) if search.after else None,
        limit=search.limit,
    )
    return [Match(mapping.subscription_resource(s), s.updated_at, str(s.id)) for s in found]


async def own(conn: Connection, partner: Partner, id_: UUID | None) -> Subscription:
    """A client's own subscription; 404 for another's, as for none."""
    found = await subscriptions.subscription_by_id(conn, id_) if id_ else None
    if found is None or not is_own(found, partner):
        raise absent()
    return found


def is_own(subscription: Subscription, partner: Partner) -> bool:
    own = subscription.client_id == partner.client_id
    return own and subscription.fault != asking.REMOVED


# --- Parameters of the operations ----------------------------------------------------------------


def parameters(request: Request, known: set[str]) -> dict[str, str]:
    given = dict(parse_qsl(request.url.query, keep_blank_values=True))
    if given.keys() - known - {"_format", "_pretty"}:
        text = f"Parameters here: {', '.join(sorted(known)) or 'none'}."
        raise refusal(400, text, code="not-supported")
    return given


def listed(given: dict[str, str], name: str) -> list[str] | None:
    return given[name].split(",") if name in given else None


def number(given: dict[str, str], name: str, default: int) -> int:
    if name in given and not NUMBER.fullmatch(given[name]):
        raise refusal(400, f"{name} is a whole number.")
    return int(given.get(name, default))


def statuses(request: Request, found: Sequence[Subscription]) -> dict[str, Any]:
    base = request.app.state.context.settings.base_url
    return status_bundle(found, id_=uuid4(), base_url=base, at=now(request))


def now(request: Request) -> datetime:
    moment: datetime = request.app.state.context.clock.now()
    return moment
