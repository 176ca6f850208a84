"""What a person has to look at, one open item of a kind per referral."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from services.chassis.db import Connection


@dataclass(frozen=True, slots=True)
class WorkItem:
    work_item_id: UUID
    kind: str
    due_on: date
    opened_at: datetime


async def add_work_item(
    conn: Connection, referral_id: UUID, kind: str, *, due_on: date, now: datetime
) -> bool:
    """Ask a person to look; False when an item of this kind is open already."""
    added = await conn.fetchval(
        """
        INSERT INTO work_item (work_item_id, referral_id, kind, due_on, opened_at)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (referral_id, kind) WHERE closed_at IS NULL DO NOTHING
        RETURNING true
        """,
        *(uuid4(), referral_id, kind, due_on, now),
    )
    return added is True


async def remove_work_items(
    conn: Connection, referral_id: UUID, kinds: tuple[str, ...], *, now: datetime
) -> None:
    """Close the open items of these kinds: what they asked for has come."""
    await conn.execute(
        """
        UPDATE work_item SET closed_at = $3
         WHERE referral_id = $1 AND kind = ANY ($2::text[]) AND closed_at IS NULL
        """,
        *(referral_id, list(kinds), now),
    )


async def list_work_items(conn: Connection, referral_id: UUID) -> list[WorkItem]:
    rows = await conn.fetch(
        """
        SELECT work_item_id, kind, due_on, opened_at
          FROM work_item
         WHERE referral_id = $1 AND closed_at IS NULL
         ORDER BY due_on, kind
        """,
        referral_id,
    )
    return [WorkItem(**row) for row in rows]


async def list_open_referrals(
    conn: Connection, youth_id: UUID, organisation_id: UUID
) -> list[UUID]:
    """What an organisation referred of a youth and is still going on."""
    rows = await conn.fetch(
        """
        SELECT referral_id
          FROM referral
         WHERE youth_id = $1
           AND organisation_id = $2
           AND state NOT IN ('merged', 'withdrawn', 'closed')
         ORDER BY referral_id
        """,
        *(youth_id, organisation_id),
    )
    return [row["referral_id"] for row in rows]
