"""What notifications remembers: who wants to be told, what was told, under which number."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from services.chassis.db import Connection, Record
from services.notifications.domain.subscriptions import (
    Channel,
    Delivery,
    Focus,
    Happening,
    Kind,
    State,
    Status,
    Subscription,
    Topic,
    Wanted,
)

# --- Whose referral it is ------------------------------------------------------------------------


async def add_sender(
    conn: Connection, referral_id: UUID, youth_id: UUID, organisation_id: UUID
) -> None:
    """Note which organisation sent a referral; a repeat changes nothing."""
    await conn.execute(
        """
        INSERT INTO referral_sender (referral_id, youth_id, organisation_id)
        VALUES ($1, $2, $3)
            ON CONFLICT (referral_id) DO NOTHING
        """,
        *(referral_id, youth_id, organisation_id),
    )


async def sender_by_referral(conn: Connection, referral_id: UUID) -> UUID | None:
    sender: UUID | None = await conn.fetchval(
        "SELECT organisation_id FROM referral_sender WHERE referral_id = $1", referral_id
    )
    return sender


async def list_engaged_hubs(conn: Connection, youth_id: UUID, day: date) -> Sequence[UUID]:
    """The youth's hubs on a day. Whether a release stands is asked when they are told."""
    rows = await conn.fetch(
        """
        SELECT organisation_id
          FROM reader
         WHERE stream_id = $1
           AND kind = 'hub'
           AND reads @> $2::date
         ORDER BY organisation_id
        """,
        *(youth_id, day),
    )
    return [row["organisation_id"] for row in rows]


# --- Subscriptions -------------------------------------------------------------------------------


async def add_subscription(
    conn: Connection, id_: UUID, wanted: Wanted, *, client_id: str, organisation_id: UUID
) -> bool:
    """Store a subscription as requested; False if its client has the same one already."""
    added = await conn.fetchval(
        """
        INSERT INTO subscription (subscription_id, client_id, organisation_id, topic, youth_id,
                                  status, resource, endpoint, headers, timeout_seconds, ends_at)
        VALUES ($1, $2, $3, $4, $5, 'requested', $6, $7, $8, $9, $10)
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
               version = version + 1, updated_at = now()
         WHERE subscription_id = $1
        """,
        *(id_, wanted.topic, wanted.youth_id, wanted.resource),
        *channel_columns(wanted),
    )


def channel_columns(wanted: Wanted) -> tuple[object, ...]:
    channel = wanted.channel
    return (channel.endpoint, list(channel.headers), channel.timeout_seconds, wanted.ends_at)


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
               updated_at
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
               updated_at
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
) -> Sequence[UUID]:
    """The subscriptions of an organisation that want to be told of this."""
    rows = await conn.fetch(
        """
        SELECT subscription_id
          FROM subscription
         WHERE organisation_id = $1
           AND topic = $2
           AND status <> 'off'
           AND (youth_id IS NULL OR youth_id = $3)
         ORDER BY subscription_id
        """,
        *(organisation_id, happening.topic, happening.youth_id),
    )
    return [row["subscription_id"] for row in rows]


def subscription_of(row: Record) -> Subscription:
    channel = Channel(row["endpoint"], tuple(row["headers"]), row["timeout_seconds"])
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
    )


# --- Deliveries ----------------------------------------------------------------------------------


async def add_handshake(
    conn: Connection, id_: UUID, subscription_id: UUID, *, now: datetime
) -> None:
    await conn.execute(
        """
        INSERT INTO delivery (delivery_id, subscription_id, kind, occurred_at)
        VALUES ($1, $2, 'handshake', $3)
        """,
        *(id_, subscription_id, now),
    )


async def add_delivery(
    conn: Connection, id_: UUID, subscription_id: UUID, happening: Happening
) -> bool:
    """Queue a notification; False when this event is queued for this subscription already."""
    focus = [{"type": f.type, "id": str(f.id), "created": f.created} for f in happening.focus]
    added = await conn.fetchval(
        """
        INSERT INTO delivery (delivery_id, subscription_id, kind, youth_id, event_id, focus,
                              occurred_at)
        VALUES ($1, $2, 'event-notification', $3, $4, $5, $6)
            ON CONFLICT (subscription_id, event_id) DO NOTHING
        RETURNING true
        """,
        *(id_, subscription_id, happening.youth_id, happening.event_id, focus),
        happening.occurred_at,
    )
    return added is True


async def delivery_by_id(conn: Connection, id_: UUID) -> Delivery:
    """A delivery that work names: it is kept for good, so it is there."""
    row = await conn.fetchrow(
        """
        SELECT delivery_id, subscription_id, kind, youth_id, occurred_at, focus, state,
               first_number, first_sent_at, attempts
          FROM delivery
         WHERE delivery_id = $1
        """,
        id_,
    )
    assert row  # noqa: S101 (see above)
    return delivery_of(row)


async def list_numbered(
    conn: Connection, subscription_id: UUID, *, since: int, until: int
) -> Sequence[Delivery]:
    """What was given numbers in this range, whether it arrived or not."""
    rows = await conn.fetch(
        """
        SELECT delivery_id, subscription_id, kind, youth_id, occurred_at, focus, state,
               first_number, first_sent_at, attempts
          FROM delivery
         WHERE subscription_id = $1
           AND first_number + jsonb_array_length(focus) > $2
           AND first_number <= $3
         ORDER BY first_number
         LIMIT 200
        """,
        *(subscription_id, since, until),
    )
    return [delivery_of(row) for row in rows]


async def list_unreadable(
    conn: Connection, organisation_id: UUID, ids: Sequence[UUID], day: date
) -> Sequence[UUID]:
    """Which of these deliveries tell of youths whose care the hub may not read on a day."""
    rows = await conn.fetch(
        """
        SELECT d.delivery_id
          FROM delivery d
          LEFT JOIN reader r
            ON r.stream_id = d.youth_id
           AND r.organisation_id = $1
           AND r.kind = 'hub'
           AND r.released
           AND r.reads @> $3::date
         WHERE d.delivery_id = ANY ($2)
           AND r.stream_id IS NULL
        """,
        *(organisation_id, list(ids), day),
    )
    return [row["delivery_id"] for row in rows]


async def update_number(conn: Connection, delivery: Delivery, *, now: datetime) -> int:
    """Give a delivery the next numbers of its subscription, one for each resource: the first."""
    first: int = await conn.fetchval(
        """
        WITH taken AS (
            UPDATE subscription
               SET last_number = last_number + $2
             WHERE subscription_id = $3
            RETURNING last_number - $2 + 1 AS first
        )
        UPDATE delivery
           SET first_number = first, first_sent_at = $4
          FROM taken
         WHERE delivery_id = $1
        RETURNING first
        """,
        *(delivery.id, len(delivery.focus), delivery.subscription_id, now),
    )
    return first


async def update_attempt(conn: Connection, id_: UUID, *, now: datetime) -> datetime:
    """Count an attempt; gives the machine's time, which is the webhook's stamp."""
    stamp: datetime = await conn.fetchval(
        """
        UPDATE delivery
           SET attempts = attempts + 1,
               tried_since = coalesce(tried_since, now()),
               first_sent_at = coalesce(first_sent_at, $2)
         WHERE delivery_id = $1
        RETURNING now()
        """,
        *(id_, now),
    )
    return stamp


async def update_answer(
    conn: Connection, id_: UUID, *, answered: int | None, reason: str | None
) -> timedelta:
    """Note what came of an attempt; gives for how long this delivery has been tried."""
    tried: timedelta = await conn.fetchval(
        """
        UPDATE delivery
           SET answered = $2, reason = $3
         WHERE delivery_id = $1
        RETURNING now() - coalesce(tried_since, now())
        """,
        *(id_, answered, reason),
    )
    return tried


async def update_state(conn: Connection, id_: UUID, state: State) -> None:
    """Close a delivery; one that is closed stays as it was."""
    await conn.execute(
        """
        UPDATE delivery SET state = $2, closed_at = now()
         WHERE delivery_id = $1 AND state = 'queued'
        """,
        *(id_, state),
    )


async def list_backlogs(conn: Connection) -> Sequence[Record]:
    """For each client what is still tried, for how long, and what was given up.

    Zeros too: an alarm hears of a rise, not of a number that was not there before.
    """
    return await conn.fetch(
        """
        SELECT s.client_id AS client,
               count(*) FILTER (WHERE d.state = 'undeliverable') AS undeliverable,
               coalesce(extract(epoch FROM now() - min(d.tried_since)
                        FILTER (WHERE d.state = 'queued')), 0)::float AS age
          FROM subscription s
          LEFT JOIN delivery d
            ON d.subscription_id = s.subscription_id
           AND d.state IN ('queued', 'undeliverable')
         GROUP BY s.client_id
        """
    )


def delivery_of(row: Record) -> Delivery:
    focus = tuple(Focus(f["type"], UUID(f["id"]), f["created"]) for f in row["focus"])
    return Delivery(
        row["delivery_id"],
        row["subscription_id"],
        Kind(row["kind"]),
        row["youth_id"],
        row["occurred_at"],
        focus,
        State(row["state"]),
        row["first_number"],
        row["first_sent_at"],
        row["attempts"],
    )


# --- Disclosures ---------------------------------------------------------------------------------


async def add_disclosure(
    conn: Connection,
    delivery: Delivery,
    subscription: Subscription,
    *,
    ground: str,
    asked_at: datetime | None,
) -> None:
    """Note, before it is sent, who is told what of whom; an attempt repeated adds nothing."""
    await conn.execute(
        """
        INSERT INTO disclosure (delivery_id, organisation_id, client_id, youth_id, resources,
                                ground, asked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (delivery_id) DO NOTHING
        """,
        *(delivery.id, subscription.organisation_id, subscription.client_id, delivery.youth_id),
        *([f"{f.type}/{f.id}" for f in delivery.focus], ground, asked_at),
    )
