"""Who was told what of whom, and on what ground; written before it is sent, never changed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection


async def add_disclosures(
    conn: Connection, ids: Sequence[UUID], *, ground: str, asked_at: datetime | None
) -> None:
    """Note what these deliveries tell, one row each; an attempt repeated adds nothing."""
    await conn.execute(
        """
        INSERT INTO disclosure (delivery_id, organisation_id, client_id, youth_id, resources,
                                ground, asked_at)
        SELECT d.delivery_id, s.organisation_id, s.client_id, d.youth_id,
               ARRAY(SELECT (f.value ->> 'type') || '/' || (f.value ->> 'id')
                       FROM jsonb_array_elements(d.focus) WITH ORDINALITY f
                      ORDER BY f.ordinality),
               $2, $3
          FROM delivery d
          JOIN subscription s USING (subscription_id)
         WHERE d.delivery_id = ANY ($1::uuid[])
            ON CONFLICT (delivery_id) DO NOTHING
        """,
        *(list(ids), ground, asked_at),
    )
