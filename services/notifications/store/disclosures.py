"""Who was told what of whom, and on what ground; written before it is sent, never changed."""

from collections.abc import Sequence
from datetime import datetime

from services.chassis.db import Connection
from services.notifications.domain.subscriptions import Delivery, Subscription


async def add_disclosures(
    conn: Connection,
    deliveries: Sequence[Delivery],
    subscription: Subscription,
    *,
    ground: str,
    asked_at: datetime | None,
) -> None:
    """Note what these deliveries tell, one row each; an attempt repeated adds nothing."""
    await conn.execute(
        """
        INSERT INTO disclosure (delivery_id, organisation_id, client_id, youth_id, resources,
                                ground, asked_at)
        SELECT delivery_id, $1, $2, youth_id, string_to_array(resources, ' '), $3, $4
          FROM unnest($5::uuid[], $6::uuid[], $7::text[]) AS told (delivery_id, youth_id, resources)
            ON CONFLICT (delivery_id) DO NOTHING
        """,
        *(subscription.organisation_id, subscription.client_id, ground, asked_at),
        [one.id for one in deliveries],
        [one.youth_id for one in deliveries],
        [" ".join(f"{f.type}/{f.id}" for f in one.focus) for one in deliveries],
    )
