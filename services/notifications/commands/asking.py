"""Takes subscriptions, changes and ends them, and shows each that we are alive."""

import logging
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.chassis import work
from services.chassis.db import Connection
from services.chassis.errors import Refused
from services.notifications.commands import queueing
from services.notifications.domain.subscriptions import Kind, Status, Subscription, Wanted
from services.notifications.store import deliveries, subscriptions

log = logging.getLogger(__name__)

BEAT = "heartbeat"
REMOVED = "removed"
MOST_ENDPOINTS = 20  # each may hold a caller for twenty seconds: no client alone takes them all


async def subscribe(
    conn: Connection,
    id_: UUID,
    wanted: Wanted,
    *,
    client_id: str,
    organisation_id: UUID,
    now: datetime,
) -> bool:
    """Take a subscription and greet its endpoint; False when the client has this one already."""
    await check_endpoints(conn, client_id, wanted)
    added = await subscriptions.add_subscription(
        conn, id_, wanted, client_id=client_id, organisation_id=organisation_id
    )
    if added:
        await greet(conn, id_, now=now)
    return added


async def change(conn: Connection, before: Subscription, wanted: Wanted, *, now: datetime) -> None:
    """Put what the client now wants in place of what it wanted; its endpoint is greeted anew."""
    await check_endpoints(conn, before.client_id, wanted)
    await subscriptions.update_wanted(conn, before.id, wanted)
    await queueing.requeue(conn, before, wanted.channel.endpoint)
    await greet(conn, before.id, now=now)


async def check_endpoints(conn: Connection, client_id: str, wanted: Wanted) -> None:
    endpoint = wanted.channel.endpoint
    if await subscriptions.count_endpoints(conn, client_id, but=endpoint) >= MOST_ENDPOINTS:
        text = f"A client has at most {MOST_ENDPOINTS} endpoints: end another subscription first."
        raise Refused("too-many-endpoints", text)


async def switch_off(conn: Connection, id_: UUID, *, fault: str | None = None) -> None:
    """Tell nothing more: what is queued is closed when its turn comes."""
    if await subscriptions.update_status(conn, id_, Status.OFF, fault=fault) and fault:
        log.error("subscription-off", extra={"subscription": str(id_), "reason": fault})


async def remove(conn: Connection, id_: UUID) -> None:
    """Switch a subscription off and show it no more; the log of what it was told stays."""
    await subscriptions.update_status(conn, id_, Status.OFF, fault=REMOVED)


async def greet(conn: Connection, id_: UUID, *, now: datetime) -> None:
    """Queue the handshake of what is wanted now, and begin its heartbeats."""
    found = await standing(conn, id_)
    greeting = uuid5(id_, f"handshake {found.version}")
    await deliveries.add_sign(conn, greeting, id_, Kind.HANDSHAKE, now=now)
    await queueing.queue(conn, greeting, found, now=now)
    await subscriptions.update_greeting(conn, id_, greeting)
    if seconds := found.wanted.channel.heartbeat_seconds:
        await beat_at(conn, id_, greeting, now + timedelta(seconds=seconds))


# --- Heartbeats ----------------------------------------------------------------------------------


async def beat(conn: Connection, id_: UUID, *, timer: UUID, now: datetime) -> None:
    """Show a hub that has heard nothing for its period that there was nothing to tell.

    What is queued is as good a sign: an endpoint that does not answer is not asked twice. A timer
    of an older wish ends here.
    """
    await subscriptions.lock_subscription(conn, id_)
    found = await standing(conn, id_)
    seconds = found.wanted.channel.heartbeat_seconds
    if not seconds or found.greeting != timer or found.is_over(now=now):
        return
    period = timedelta(seconds=seconds)
    if found.told_at and found.told_at + period > now:
        await beat_at(conn, id_, timer, found.told_at + period)
        return
    quiet = not await deliveries.is_anything_queued(conn, id_)
    if quiet and found.status is Status.ACTIVE:
        sign = uuid5(timer, f"heartbeat {now.isoformat()}")
        await deliveries.add_sign(conn, sign, id_, Kind.HEARTBEAT, now=now)
        await queueing.queue(conn, sign, found, now=now)
    await beat_at(conn, id_, timer, now + period)


async def beat_at(conn: Connection, id_: UUID, timer: UUID, at: datetime) -> None:
    ids = {"subscription_id": str(id_), "timer": str(timer)}
    await work.add(conn, BEAT, ids, due_at=at, lane=None)


async def standing(conn: Connection, id_: UUID) -> Subscription:
    """A subscription that is known to be there: none is ever deleted."""
    found = await subscriptions.subscription_by_id(conn, id_)
    assert found  # noqa: S101 (see above)
    return found
