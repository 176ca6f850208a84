"""Numbers of a payer's that a person linked to a youth: each function is one statement."""

from uuid import UUID

from services.chassis.db import Connection
from services.referral.domain.intake import Identifier


async def add_number(
    conn: Connection, youth_id: UUID, organisation_id: UUID, number: Identifier
) -> bool:
    """Let a youth be known by one more Medicaid number; False where it was already."""
    added = await conn.fetchval(
        """
        INSERT INTO youth_identifier (youth_id, organisation_id, kind, system, value)
        VALUES ($1, $2, 'medicaid', $3, $4)
            ON CONFLICT DO NOTHING
        RETURNING true
        """,
        *(youth_id, organisation_id, *number),
    )
    return added is True


async def remove_number(
    conn: Connection, youth_id: UUID, organisation_id: UUID, number: Identifier
) -> None:
    await conn.execute(
        """
        DELETE FROM youth_identifier
         WHERE youth_id = $1 AND organisation_id = $2 AND kind = 'medicaid'
           AND system = $3 AND value = $4
        """,
        *(youth_id, organisation_id, *number),
    )


async def update_unnamed(conn: Connection, coverage_id: UUID) -> None:
    """Ask about a coverage no more; what was answered about it stays."""
    await conn.execute(
        "UPDATE coverage SET is_named = false, updated_at = now() WHERE coverage_id = $1",
        coverage_id,
    )
