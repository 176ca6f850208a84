"""What the hub says of a youth's insurance."""

from collections.abc import Sequence
from uuid import UUID

from services.chassis.db import Connection
from services.referral.domain.intake import SentCoverage


async def add_coverages(
    conn: Connection, youth_id: UUID, referral_id: UUID, coverages: Sequence[SentCoverage]
) -> None:
    """Store the coverages that a referral now names; one that it names no more is kept, unnamed."""
    await conn.execute(
        """
        WITH told AS (
            INSERT INTO coverage (coverage_id, youth_id, referral_id, payer_id, member_id, status,
                                  begins, ends, rank)
            SELECT t.coverage_id, $1, $2, t.payer_id, t.member_id, t.status, t.begins, t.ends,
                   t.rank
              FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::date[], $8::date[],
                          $9::integer[])
                AS t (coverage_id, payer_id, member_id, status, begins, ends, rank)
                ON CONFLICT (coverage_id) DO UPDATE
               SET referral_id = $2, payer_id = excluded.payer_id,
                   member_id = excluded.member_id, status = excluded.status,
                   begins = excluded.begins, ends = excluded.ends, rank = excluded.rank,
                   is_named = true, updated_at = now()
        )
        UPDATE coverage SET is_named = false, updated_at = now()
         WHERE referral_id = $2 AND coverage_id <> ALL ($3::uuid[])
        """,
        youth_id,
        referral_id,
        [c.coverage_id for c in coverages],
        [c.payer_id for c in coverages],
        [c.member_id for c in coverages],
        [c.status for c in coverages],
        [c.begins for c in coverages],
        [c.ends for c in coverages],
        [c.rank for c in coverages],
    )
