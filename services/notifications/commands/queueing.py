"""Queues what happened, for those who want to be told; a lane keeps each endpoint's order."""

import hashlib
from datetime import datetime
from uuid import UUID, uuid5

from contracts.events import Event, ReferralReceived
from services.chassis import work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import NotYet
from services.chassis.projections import Projection
from services.notifications.domain.subscriptions import Happening, Subscription
from services.notifications.store import deliveries, happenings, hubs, subscriptions

TELL = "tell-subscriber"


def lane_of(client_id: str, endpoint: str) -> str:
    """One lane for each endpoint of a client: what is sent there arrives in the order of its rows.

    However many subscriptions lead to it, an endpoint that is dead or slow has one message in
    hand, so that it takes nobody else's place.
    """
    return f"hub/{client_id}/{hashlib.sha256(endpoint.encode()).hexdigest()[:12]}"


async def queue(conn: Connection, id_: UUID, to: Subscription, *, now: datetime) -> None:
    """Add the work of sending a delivery that is stored."""
    ids = {"delivery_id": str(id_), "subscription_id": str(to.id)}
    lane = lane_of(to.client_id, to.wanted.channel.endpoint)
    await work.add(conn, TELL, ids, due_at=now, lane=lane)


async def requeue(conn: Connection, before: Subscription, endpoint: str) -> None:
    """What is queued for a subscription goes to its new endpoint, before all that follows."""
    old, new = before.wanted.channel.endpoint, endpoint
    if old != new:
        lanes = lane_of(before.client_id, old), lane_of(before.client_id, new)
        await work.move(conn, *lanes, having={"subscription_id": str(before.id)})


async def note_sender(conn: Connection, event: Event) -> None:
    """Remember whose referral it is: that organisation is told of its Task."""
    assert isinstance(event, ReferralReceived)  # noqa: S101
    await hubs.add_sender(conn, event.referral_id, event.youth_id, event.organisation_id)


SENDERS = Projection(
    "senders", (ReferralReceived,), note_sender, hubs.remove_senders, hubs.list_senders
)


async def tell_sender(conn: Connection, referral_id: UUID, happening: Happening) -> None:
    """Queue what happened to a referral for the organisation that sent it."""
    if (sender := await hubs.sender_by_referral(conn, referral_id)) is None:
        raise NotYet
    await queue_for(conn, sender, happening)


async def tell_hubs(conn: Connection, happening: Happening) -> None:
    """Queue what happened in a youth's care for the youth's hubs of that day.

    What referral says may reach us after what documentation tells. So whether a release stands is
    asked when it is sent, never here; and a hub of which we hear later is told then.
    """
    await happenings.lock_care(conn, happening.youth_id)
    await happenings.add_happening(conn, happening)
    on = agency_day(happening.occurred_at)
    for hub in await hubs.list_engaged_hubs(conn, happening.youth_id, on):
        await queue_for(conn, hub, happening)
        await happenings.note_thought_of(conn, happening.event_id, hub)


async def tell_hub_of_before(conn: Connection, youth_id: UUID, hub: UUID) -> None:
    """Queue for a hub what we heard of its days before we heard that it is a hub."""
    await happenings.lock_care(conn, youth_id)
    for happening in await happenings.list_happenings(conn, youth_id, hub):
        on = agency_day(happening.occurred_at)
        if hub in await hubs.list_engaged_hubs(conn, youth_id, on):
            await queue_for(conn, hub, happening)
            await happenings.note_thought_of(conn, happening.event_id, hub)


async def queue_for(conn: Connection, organisation_id: UUID, happening: Happening) -> None:
    """The messages of each of its subscriptions that wants it; the same event adds none twice."""
    for found in await subscriptions.list_subscribers(conn, happening, organisation_id):
        for part in happening.parts(found.wanted.channel.most_events):
            delivery = uuid5(found.id, str(part.event_id))
            if await deliveries.add_delivery(conn, delivery, found.id, part):
                await queue(conn, delivery, found, now=happening.occurred_at)
