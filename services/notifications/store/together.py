"""What goes out in one message: what was numbered together, under the id of the first."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from services.chassis.db import Connection
from services.notifications.domain.subscriptions import Delivery
from services.notifications.store.deliveries import delivery_of


async def list_in_order(conn: Connection, ids: Sequence[UUID]) -> Sequence[Delivery]:
    """These deliveries, in the order of the ids."""
    rows = await conn.fetch(
        """
        SELECT d.delivery_id, d.subscription_id, d.kind, d.youth_id, d.occurred_at, d.focus,
               d.state, d.first_number, d.first_sent_at, d.attempts
          FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (delivery_id, place)
          JOIN delivery d USING (delivery_id)
         ORDER BY wanted.place
        """,
        list(ids),
    )
    return [delivery_of(row, row["youth_id"]) for row in rows]


async def list_along(conn: Connection, id_: UUID) -> Sequence[Delivery]:
    """What was numbered with a delivery, goes out in its message and is still to be told."""
    rows = await conn.fetch(
        """
        SELECT delivery_id, subscription_id, kind, youth_id, occurred_at, focus, state,
               first_number, first_sent_at, attempts
          FROM delivery
         WHERE sent_with = $1
           AND state = 'queued'
         ORDER BY first_number
        """,
        id_,
    )
    return [delivery_of(row, row["youth_id"]) for row in rows]


async def update_apart(conn: Connection, id_: UUID) -> None:
    """From now on each of what goes along with a delivery goes by itself, under its number."""
    await conn.execute(
        "UPDATE delivery SET sent_with = NULL WHERE sent_with = $1 AND state = 'queued'", id_
    )


async def update_along(
    conn: Connection, first: Delivery, along: Sequence[Delivery], *, now: datetime
) -> Sequence[Delivery]:
    """Count the same attempt for what goes along with a delivery; their numbers follow its own."""
    numbers = list(accumulate((len(one.focus) for one in along), initial=first.last_number + 1))
    await conn.execute(
        """
        UPDATE delivery d
           SET attempts = attempts + 1,
               tried_since = coalesce(tried_since, now()),
               first_sent_at = coalesce(first_sent_at, $4),
               first_number = coalesce(first_number, numbered.number),
               sent_with = $1
          FROM unnest($2::uuid[], $3::bigint[]) AS numbered (delivery_id, number)
         WHERE d.delivery_id = numbered.delivery_id
        """,
        *(first.id, [one.id for one in along], numbers[:-1], now),
    )
    pairs = zip(along, numbers, strict=False)
    return [replace(one, first_number=one.first_number or number) for one, number in pairs]
