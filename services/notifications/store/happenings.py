"""What happened in care, and which hubs have been thought of."""

from collections.abc import Sequence
from uuid import UUID

from services.chassis.db import Connection
from services.notifications.domain.subscriptions import Happening, Topic
from services.notifications.store.deliveries import focus_of, focus_rows


async def lock_care(conn: Connection, youth_id: UUID) -> None:
    """Keep others from telling of this youth until the transaction ends.

    Else a hub and a session that are heard at the same moment would each miss the other.
    """
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('care/' || $1::uuid, 0))", youth_id
    )


async def add_happening(conn: Connection, happening: Happening) -> None:
    """Keep it; a repeat changes nothing."""
    await conn.execute(
        """
        INSERT INTO care_happening (event_id, youth_id, occurred_at, focus)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (event_id) DO NOTHING
        """,
        *(happening.event_id, happening.youth_id, happening.occurred_at),
        focus_rows(happening.focus),
    )


async def list_happenings(conn: Connection, youth_id: UUID, hub: UUID) -> Sequence[Happening]:
    """What this hub has not been thought of for, in the order in which it happened."""
    rows = await conn.fetch(
        """
        SELECT event_id, youth_id, occurred_at, focus
          FROM care_happening
         WHERE youth_id = $1
           AND NOT $2::uuid = ANY (thought_of)
         ORDER BY occurred_at, event_id
        """,
        *(youth_id, hub),
    )
    return [
        Happening(
            Topic.CARE_PROGRESS,
            row["youth_id"],
            row["event_id"],
            row["occurred_at"],
            focus_of(row["focus"]),
        )
        for row in rows
    ]


async def note_thought_of(conn: Connection, event_id: UUID, hub: UUID) -> None:
    await conn.execute(
        "UPDATE care_happening SET thought_of = thought_of || $2::uuid WHERE event_id = $1",
        *(event_id, hub),
    )
