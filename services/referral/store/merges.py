"""Which referrals a person has joined; a merge that was undone is kept beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection
from services.referral.domain.intake import Stored
from services.referral.store.mirror import stored


@dataclass(frozen=True, slots=True)
class Merge:
    """`referral_id` of `youth_id` was joined with the survivor's."""

    merge_id: UUID
    referral_id: UUID
    survivor_id: UUID
    youth_id: UUID
    survivor_youth_id: UUID

    @property
    def is_of_two_youths(self) -> bool:
        return self.youth_id != self.survivor_youth_id


async def add_merge(conn: Connection, merge: Merge, *, staff_id: UUID, now: datetime) -> None:
    await conn.execute(
        """
        INSERT INTO referral_merge (merge_id, referral_id, survivor_id, youth_id,
                                    survivor_youth_id, merged_by, merged_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        *(merge.merge_id, merge.referral_id, merge.survivor_id, merge.youth_id),
        *(merge.survivor_youth_id, staff_id, now),
    )


async def update_undone(conn: Connection, merge_id: UUID, *, staff_id: UUID, now: datetime) -> None:
    await conn.execute(
        "UPDATE referral_merge SET undone_by = $2, undone_at = $3 WHERE merge_id = $1",
        *(merge_id, staff_id, now),
    )


async def merge_by_referral(conn: Connection, referral_id: UUID) -> Merge | None:
    """The merge that joined a referral with another one; None when none stands."""
    row = await conn.fetchrow(
        """
        SELECT merge_id, referral_id, survivor_id, youth_id, survivor_youth_id
          FROM referral_merge
         WHERE referral_id = $1 AND undone_at IS NULL
        """,
        referral_id,
    )
    return Merge(**row) if row else None


async def list_merges(conn: Connection, survivor_id: UUID) -> list[Merge]:
    """What was joined with a referral and still is."""
    rows = await conn.fetch(
        """
        SELECT merge_id, referral_id, survivor_id, youth_id, survivor_youth_id
          FROM referral_merge
         WHERE survivor_id = $1 AND undone_at IS NULL
         ORDER BY merged_at, merge_id
        """,
        survivor_id,
    )
    return [Merge(**row) for row in rows]


async def patient_by_joined(
    conn: Connection, organisation_id: UUID, youth_id: UUID
) -> Stored | None:
    """What a hub sent of a child whose referral was joined with one of this youth's."""
    row = await conn.fetchrow(
        """
        SELECT p.type, p.id, p.youth_id, p.referral_id, p.identifiers, p.shape, p.content,
               p.version, p.updated_at, p.body
          FROM referral_merge m
          JOIN mirror p ON p.type = 'Patient' AND p.id = m.youth_id::text
         WHERE m.survivor_youth_id = $2
           AND m.undone_at IS NULL
           AND p.organisation_id = $1
         ORDER BY m.merged_at DESC
         LIMIT 1
        """,
        *(organisation_id, youth_id),
    )
    return stored(row) if row else None


async def lock_streams(conn: Connection, youth_ids: Sequence[UUID]) -> None:
    """Hold the streams of several youths, in order: who tells of two must not wait crosswise."""
    await conn.execute(
        "SELECT FROM stream WHERE stream_id = ANY ($1) ORDER BY stream_id FOR UPDATE",
        sorted(youth_ids),
    )


async def has_open_referral(conn: Connection, youth_id: UUID, *, but: UUID) -> bool:
    """Whether a youth has another referral that is open; one under review does not count."""
    found = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM referral
             WHERE youth_id = $1
               AND referral_id <> $2
               AND state NOT IN ('duplicate_review', 'merged', 'withdrawn', 'closed'))
        """,
        *(youth_id, but),
    )
    return found is True
