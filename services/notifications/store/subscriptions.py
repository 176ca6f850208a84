"""Who wants to be told what, where, and how it stands with that."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection, Record
from services.notifications.domain.subscriptions import (
    Channel,
    Happening,
    Status,
    Subscription,
    Topic,
    Wanted,
)


async def add_subscription(
    conn: Connection, id_: UUID, wanted: Wanted, *, client_id: str, organisation_id: UUID
) -> bool:
    """Store a subscription as requested; False if its client has the same one already."""
    added = await conn.fetchval(
        """
        INSERT INTO subscription (subscription_id, client_id, organisation_id, topic, youth_id,
                                  status, resource, endpoint, headers, timeout_seconds, ends_at,
                                  heartbeat_seconds, most_events)
        VALUES ($1, $2, $3, $4, $5, 'requested', $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT DO NOTHING
        RETURNING true
        """,
        *(id_, client_id, organisation_id, wanted.topic, wanted.youth_id, wanted.resource),
        *channel_columns(wanted),
    )
    return added is True


async def update_wanted(conn: Connection, id_: UUID, wanted: Wanted) -> None:
    """Ask anew, with what the client now wants; the numbers go on."""
    await conn.execute(
        """
        UPDATE subscription
           SET topic = $2, youth_id = $3, status = 'requested', fault = NULL, resource = $4,
               endpoint = $5, headers = $6, timeout_seconds = $7, ends_at = $8,
               heartbeat_seconds = $9, most_events = $10,
               version = version + 1, updated_at = now()
         WHERE subscription_id = $1
        """,
        *(id_, wanted.topic, wanted.youth_id, wanted.resource),
        *channel_columns(wanted),
    )


def channel_columns(wanted: Wanted) -> tuple[object, ...]:
    channel = wanted.channel
    wishes = (channel.heartbeat_seconds, channel.most_events)
    return (
        channel.endpoint,
        list(channel.headers),
        channel.timeout_seconds,
        wanted.ends_at,
        *wishes,
    )


async def update_greeting(conn: Connection, id_: UUID, greeting: UUID) -> None:
    """Name the handshake of what is wanted now."""
    await conn.execute(
        "UPDATE subscription SET greeting = $2 WHERE subscription_id = $1", id_, greeting
    )


async def update_status(
    conn: Connection, id_: UUID, status: Status, *, fault: str | None = None
) -> bool:
    """Set status and fault; False when both were so already. One that is off stays off."""
    changed = await conn.fetchval(
        """
        UPDATE subscription
           SET status = $2, fault = $3, version = version + 1, updated_at = now()
         WHERE subscription_id = $1
           AND status <> 'off'
           AND (status, fault) IS DISTINCT FROM ($2::text, $3::text)
        RETURNING true
        """,
        *(id_, status, fault),
    )
    return changed is True


async def subscription_by_id(conn: Connection, id_: UUID) -> Subscription | None:
    row = await conn.fetchrow(
        """
        SELECT subscription_id, client_id, organisation_id, topic, youth_id, status, fault,
               resource, endpoint, headers, timeout_seconds, ends_at, last_number, version,
               updated_at, heartbeat_seconds, most_events, greeting, told_at
          FROM subscription
         WHERE subscription_id = $1
        """,
        id_,
    )
    return subscription_of(row) if row else None


async def lock_subscription(conn: Connection, id_: UUID) -> None:
    """Keep a subscription from others until the caller's transaction ends.

    Not from those who only add a delivery to it: its key stays free.
    """
    await conn.execute("SELECT FROM subscription WHERE subscription_id = $1 FOR NO KEY UPDATE", id_)


async def lock_subscription_of(conn: Connection, delivery_id: UUID) -> None:
    """The same for the subscription that a delivery belongs to: numbers are given one by one."""
    await conn.execute(
        """
        SELECT
          FROM subscription s
          JOIN delivery d USING (subscription_id)
         WHERE d.delivery_id = $1
           FOR NO KEY UPDATE OF s
        """,
        delivery_id,
    )


async def subscription_alike(conn: Connection, client_id: str, wanted: Wanted) -> UUID | None:
    """The client's standing subscription to the same topic, youth and endpoint."""
    found: UUID | None = await conn.fetchval(
        """
        SELECT subscription_id
          FROM subscription
         WHERE client_id = $1
           AND topic = $2
           AND endpoint = $3
           AND youth_id IS NOT DISTINCT FROM $4
           AND status <> 'off'
        """,
        *(client_id, wanted.topic, wanted.channel.endpoint, wanted.youth_id),
    )
    return found


async def list_subscriptions(
    conn: Connection,
    client_id: str,
    *,
    ids: Sequence[UUID] | None = None,
    statuses: Sequence[str] | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int,
) -> Sequence[Subscription]:
    """A client's own subscriptions, in the order in which they last changed."""
    after_at, after_id = after or (None, None)
    rows = await conn.fetch(
        """
        SELECT subscription_id, client_id, organisation_id, topic, youth_id, status, fault,
               resource, endpoint, headers, timeout_seconds, ends_at, last_number, version,
               updated_at, heartbeat_seconds, most_events, greeting, told_at
          FROM subscription
         WHERE client_id = $1
           AND fault IS DISTINCT FROM 'removed'
           AND ($2::uuid[] IS NULL OR subscription_id = ANY ($2))
           AND ($3::text[] IS NULL OR status = ANY ($3))
           AND ($4::timestamptz IS NULL OR updated_at >= $4)
           AND ($5::timestamptz IS NULL OR updated_at < $5)
           AND ($6::timestamptz IS NULL OR (updated_at, subscription_id) > ($6, $7::uuid))
         ORDER BY updated_at, subscription_id
         LIMIT $8
        """,
        *(client_id, ids, statuses, since, before, after_at, after_id, limit),
    )
    return [subscription_of(row) for row in rows]


async def list_subscribers(
    conn: Connection, happening: Happening, organisation_id: UUID
) -> Sequence[Subscription]:
    """The subscriptions of an organisation that want to be told of this."""
    rows = await conn.fetch(
        """
        SELECT subscription_id, client_id, organisation_id, topic, youth_id, status, fault,
               resource, endpoint, headers, timeout_seconds, ends_at, last_number, version,
               updated_at, heartbeat_seconds, most_events, greeting, told_at
          FROM subscription
         WHERE organisation_id = $1
           AND topic = $2
           AND status <> 'off'
           AND (youth_id IS NULL OR youth_id = $3)
         ORDER BY subscription_id
        """,
        *(organisation_id, happening.topic, happening.youth_id),
    )
    return [subscription_of(row) for row in rows]


async def count_endpoints(conn: Connection, client_id: str, *, but: str) -> int:
    """How many endpoints a client has, not counting one of them."""
    found: int = await conn.fetchval(
        """
        SELECT count(DISTINCT endpoint)
          FROM subscription
         WHERE client_id = $1 AND endpoint <> $2 AND status <> 'off'
        """,
        *(client_id, but),
    )
    return found


async def list_endpoints(conn: Connection) -> Sequence[Record]:
    """Each endpoint of each client: how its subscriptions stand and what waits for it.

    Of those that are off, only the ones with something that was given up are counted.
    `tried_for`: seconds since the oldest message in hand was first sent, null when none is.
    Reads what is queued and what is subscribed, never all that was told.
    """
    return await conn.fetch(
        """
        SELECT s.client_id AS client,
               s.endpoint,
               count(*) FILTER (WHERE s.status = 'active') AS active,
               count(*) FILTER (WHERE s.status = 'requested') AS requested,
               count(*) FILTER (WHERE s.status = 'error') AS error,
               count(*) FILTER (WHERE s.status = 'off' AND s.undeliverable > 0) AS off,
               sum(d.queued)::bigint AS queued,
               extract(epoch FROM now() - min(d.since))::float AS tried_for,
               sum(s.undeliverable)::bigint AS given_up
          FROM subscription s
         CROSS JOIN LATERAL (
               SELECT count(*) AS queued, min(tried_since) AS since
                 FROM delivery
                WHERE subscription_id = s.subscription_id AND state = 'queued') d
         GROUP BY s.client_id, s.endpoint
        HAVING bool_or(s.status <> 'off' OR d.queued + s.undeliverable > 0)
         ORDER BY 1, 2
        """
    )


def subscription_of(row: Record) -> Subscription:
    wishes = (row["heartbeat_seconds"], row["most_events"])
    channel = Channel(row["endpoint"], tuple(row["headers"]), row["timeout_seconds"], *wishes)
    topic, resource = Topic(row["topic"]), row["resource"]
    wanted = Wanted(topic, row["youth_id"], channel, row["ends_at"], resource)
    return Subscription(
        row["subscription_id"],
        row["client_id"],
        row["organisation_id"],
        wanted,
        Status(row["status"]),
        row["fault"],
        row["last_number"],
        row["version"],
        row["updated_at"],
        row["greeting"],
        row["told_at"],
    )
