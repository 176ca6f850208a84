"""Where payers are asked, and what they are asked about a youth."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.db import Connection


@dataclass(frozen=True, slots=True)
class Inquirable:
    """A coverage with all that a 270 needs. Holds names: for the call alone, never kept."""

    coverage_id: UUID
    payer_id: UUID
    payer_identifier: str
    url: str | None
    token: str | None
    member_id: str
    first_name: str
    last_name: str
    birth_date: date
    gender: str


async def inquirable_by_coverage(
    conn: Connection, referral_id: UUID, coverage_id: UUID, round_: int
) -> Inquirable | None:
    """None when the question is moot: answered afresh, ended, or no longer complete."""
    row = await conn.fetchrow(
        """
        SELECT c.coverage_id, c.payer_id, p.value AS payer_identifier, p.eligibility_url AS url,
               p.eligibility_token AS token, c.member_id, coalesce(y.given[1], '') AS first_name,
               coalesce(y.family, '') AS last_name, y.birth_date,
               coalesce(y.gender, 'unknown') AS gender
          FROM referral r
          JOIN standing s USING (referral_id)
          JOIN coverage c USING (referral_id)
          JOIN partner_organisation p ON p.organisation_id = c.payer_id
          JOIN youth y ON y.youth_id = r.youth_id
         WHERE r.referral_id = $1
           AND c.coverage_id = $2
           AND s.round = $3
           AND r.state NOT IN ('merged', 'withdrawn', 'closed')
           AND c.member_id IS NOT NULL
           AND y.birth_date IS NOT NULL
        """,
        *(referral_id, coverage_id, round_),
    )
    return Inquirable(**row) if row else None


@dataclass(frozen=True, slots=True)
class Named:
    """An organisation by name."""

    organisation_id: UUID
    name: str


async def organisation_by_id(conn: Connection, organisation_id: UUID) -> Named | None:
    row = await conn.fetchrow(
        "SELECT organisation_id, name FROM partner_organisation WHERE organisation_id = $1",
        organisation_id,
    )
    return Named(**row) if row else None
