"""Whose referral it is, and which hubs a youth has."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.chassis.db import Connection


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


async def remove_senders(conn: Connection, youth_id: UUID) -> None:
    await conn.execute("DELETE FROM referral_sender WHERE youth_id = $1", youth_id)


async def list_senders(conn: Connection, youth_id: UUID) -> Sequence[tuple[UUID, UUID]]:
    """Which referrals of a youth were sent by whom."""
    rows = await conn.fetch(
        """
        SELECT referral_id, organisation_id
          FROM referral_sender
         WHERE youth_id = $1
         ORDER BY referral_id
        """,
        youth_id,
    )
    return [(row["referral_id"], row["organisation_id"]) for row in rows]


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
