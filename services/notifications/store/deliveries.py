"""What was told or is to be told, under which number, and what that disclosed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.chassis.db import Connection, Record
from services.notifications.domain.subscriptions import (
    Delivery,
    Focus,
    Happening,
    Kind,
    State,
    Status,
    Subscription,
)
from services.notifications.store.subscriptions import subscription_of


class Delivered(NamedTuple):
    subscription_id: UUID
    kind: Kind
    status: Status  # of the subscription, as it was


async def add_sign(
    conn: Connection, id_: UUID, subscription_id: UUID, kind: Kind, *, now: datetime
) -> None:
    """Queue a message that tells of no event: a handshake or a heartbeat."""
    await conn.execute(
        """
        INSERT INTO delivery (delivery_id, subscription_id, kind, occurred_at)
        VALUES ($1, $2, $3, $4)
        """,
        *(id_, subscription_id, kind, now),
    )


async def is_anything_queued(conn: Connection, subscription_id: UUID) -> bool:
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM delivery WHERE subscription_id = $1 AND state = 'queued')",
        subscription_id,
    )
    return found


def focus_rows(focus: Sequence[Focus]) -> list[dict[str, object]]:
    """What an event is about, as jsonb keeps it."""
    return [{"type": f.type, "id": str(f.id), "created": f.created} for f in focus]


def focus_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Focus, ...]:
    return tuple(Focus(f["type"], UUID(f["id"]), f["created"]) for f in rows)


async def add_delivery(
    conn: Connection, id_: UUID, subscription_id: UUID, happening: Happening
) -> bool:
    """Queue a notification; False when this event is queued for this subscription already."""
    focus = focus_rows(happening.focus)
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


async def delivery_and_subscription(conn: Connection, id_: UUID) -> tuple[Delivery, Subscription]:
    """A delivery that work names, and the subscription that it belongs to, as both stand."""
    row = await conn.fetchrow(
        """
        SELECT d.delivery_id, d.kind, d.youth_id AS about, d.occurred_at, d.focus, d.state,
               d.first_number, d.first_sent_at, d.attempts, s.subscription_id, s.client_id,
               s.organisation_id, s.topic, s.youth_id, s.status, s.fault, s.resource, s.endpoint,
               s.headers, s.timeout_seconds, s.ends_at, s.last_number, s.version, s.updated_at,
               s.heartbeat_seconds, s.most_events, s.greeting, s.told_at
          FROM delivery d
          JOIN subscription s USING (subscription_id)
         WHERE d.delivery_id = $1
        """,
        id_,
    )
    assert row  # noqa: S101 (deliveries are kept for good, and a foreign key holds the other)
    return delivery_of(row, row["about"]), subscription_of(row)


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
    return [delivery_of(row, row["youth_id"]) for row in rows]


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


async def update_attempt(
    conn: Connection, delivery: Delivery, *, beside: int = 0, now: datetime
) -> tuple[Delivery, datetime]:
    """Count an attempt, and give an event the next numbers of its subscription, if it has none.

    One number for each resource, and after these so many for what goes along from now on; the
    caller has locked the subscription. Gives the machine's time, too, which is the webhook's stamp.
    """
    unnumbered = delivery.is_event and delivery.first_number is None
    size = len(delivery.focus) + beside if unnumbered else 0
    row = await conn.fetchrow(
        """
        WITH taken AS (
            UPDATE subscription
               SET last_number = last_number + $4
             WHERE subscription_id = $3
               AND $4 > 0
            RETURNING last_number - $4 + 1 AS first
        )
        UPDATE delivery
           SET attempts = attempts + 1,
               tried_since = coalesce(tried_since, now()),
               first_sent_at = coalesce(first_sent_at, $2),
               first_number = coalesce(first_number, (SELECT first FROM taken)),
               sent_with = NULL
         WHERE delivery_id = $1
        RETURNING first_number, first_sent_at, attempts, now() AS stamp
        """,
        *(delivery.id, now, delivery.subscription_id, size),
    )
    assert row  # noqa: S101 (deliveries are kept for good)
    number, sent_at, attempts = row["first_number"], row["first_sent_at"], row["attempts"]
    tried = replace(delivery, first_number=number, first_sent_at=sent_at, attempts=attempts)
    return tried, row["stamp"]


async def update_answer(
    conn: Connection, id_: UUID, *, answered: int | None, reason: str | None
) -> timedelta:
    """Note what came of an attempt, also for what went along; gives for how long it is tried."""
    tried_for: timedelta = await conn.fetchval(
        """
        WITH noted AS (
            UPDATE delivery
               SET answered = $2, reason = $3
             WHERE delivery_id = $1
                OR (sent_with = $1 AND state = 'queued')
            RETURNING delivery_id, tried_since
        )
        SELECT now() - coalesce(tried_since, now()) FROM noted WHERE delivery_id = $1
        """,
        *(id_, answered, reason),
    )
    return tried_for


async def update_delivered(
    conn: Connection, id_: UUID, *, answered: int, now: datetime
) -> tuple[Delivered, Sequence[UUID]] | None:
    """Close a delivery that its endpoint has taken, and what went along with it.

    Notes when, where a heartbeat is wanted. Gives its subscription, which had this status, and
    what went along; None when all of it was closed before.
    """
    row = await conn.fetchrow(
        """
        WITH closed AS (
            UPDATE delivery
               SET answered = $2, reason = NULL, state = 'delivered', closed_at = now()
             WHERE (delivery_id = $1 OR sent_with = $1)
               AND state = 'queued'
            RETURNING delivery_id, subscription_id, kind
        ), told AS (
            UPDATE subscription s
               SET told_at = $3
             WHERE s.subscription_id = (SELECT subscription_id FROM closed LIMIT 1)
               AND s.heartbeat_seconds IS NOT NULL
        )
        SELECT s.subscription_id, s.status, min(c.kind) AS kind,
               array_agg(c.delivery_id) FILTER (WHERE c.delivery_id <> $1) AS along
          FROM closed c
          JOIN subscription s USING (subscription_id)
         GROUP BY s.subscription_id
        """,
        *(id_, answered, now),
    )
    if row is None:
        return None
    told = Delivered(row["subscription_id"], Kind(row["kind"]), Status(row["status"]))
    return told, row["along"] or ()


async def update_state(conn: Connection, id_: UUID, state: State) -> None:
    """Close a delivery and what goes along with it; what is closed stays as it was."""
    await conn.execute(
        """
        WITH closed AS (
            UPDATE delivery SET state = $2, closed_at = now()
             WHERE (delivery_id = $1 OR sent_with = $1)
               AND state = 'queued'
            RETURNING subscription_id
        ), counted AS (
            SELECT subscription_id, count(*) AS number FROM closed GROUP BY subscription_id
        )
        UPDATE subscription s
           SET undeliverable = s.undeliverable + counted.number
          FROM counted
         WHERE s.subscription_id = counted.subscription_id
           AND $2 = 'undeliverable'
        """,
        *(id_, state),
    )


async def close_undelivered(
    conn: Connection, subscription_id: UUID, *, first: UUID, most: int
) -> Mapping[UUID, datetime]:
    """Give up this delivery and the oldest beside it: of which youths, and since when untold.

    First of all what goes along with it. They get the numbers that they would have had, so that a
    hub that comes back finds a gap and asks for them. The caller has locked the subscription.
    """
    rows = await conn.fetch(
        """
        WITH given_up AS (
            SELECT delivery_id, occurred_at, first_number, jsonb_array_length(focus) AS size
              FROM delivery
             WHERE subscription_id = $1
               AND state = 'queued'
               AND kind = 'event-notification'
             ORDER BY (delivery_id = $3 OR sent_with = $3) IS TRUE DESC, occurred_at, delivery_id
             LIMIT $2
        ), numbered AS (
            SELECT g.delivery_id,
                   s.last_number - g.size + 1
                   + sum(g.size) OVER (ORDER BY g.occurred_at, g.delivery_id) AS first
              FROM given_up g, subscription s
             WHERE s.subscription_id = $1
               AND g.first_number IS NULL
        ), closed AS (
            UPDATE delivery d
               SET state = 'undeliverable', closed_at = now(),
                   first_number = coalesce(d.first_number, n.first)
              FROM given_up g
              LEFT JOIN numbered n USING (delivery_id)
             WHERE d.delivery_id = g.delivery_id
            RETURNING d.youth_id, d.occurred_at
        ), counted AS (
            UPDATE subscription
               SET undeliverable = undeliverable + (SELECT count(*) FROM given_up),
                   last_number = last_number + (
                   SELECT coalesce(sum(size), 0) FROM given_up WHERE first_number IS NULL)
             WHERE subscription_id = $1
        )
        SELECT youth_id, min(occurred_at) AS since
          FROM closed
         GROUP BY youth_id
         ORDER BY youth_id
        """,
        *(subscription_id, most, first),
    )
    return {row["youth_id"]: row["since"] for row in rows}


async def list_backlogs(conn: Connection) -> Sequence[Record]:
    """For each client for how long something is tried, and how much was given up.

    Zeros too: an alarm hears of a rise, not of a number that was not there before. Costs as much
    as there are subscriptions, however much they were told.
    """
    return await conn.fetch(
        """
        SELECT s.client_id AS client,
               sum(s.undeliverable)::bigint AS undeliverable,
               coalesce(extract(epoch FROM now() - min(tried.since)), 0)::float AS age
          FROM subscription s
          LEFT JOIN LATERAL (
               SELECT d.tried_since AS since
                 FROM delivery d
                WHERE d.subscription_id = s.subscription_id
                  AND d.state = 'queued'
                  AND d.tried_since IS NOT NULL
                ORDER BY d.tried_since
                LIMIT 1) tried ON true
         GROUP BY s.client_id
        """
    )


def delivery_of(row: Record, youth_id: UUID | None) -> Delivery:
    focus = focus_of(row["focus"])
    return Delivery(
        row["delivery_id"],
        row["subscription_id"],
        Kind(row["kind"]),
        youth_id,
        row["occurred_at"],
        focus,
        State(row["state"]),
        row["first_number"],
        row["first_sent_at"],
        row["attempts"],
    )
