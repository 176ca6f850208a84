"""Of which missing note was told, and how late it was then."""

from datetime import datetime
from uuid import UUID

from contracts.codes import Overdue
from services.chassis.db import Connection


async def add_overdue(conn: Connection, about_id: UUID, level: Overdue, at: datetime) -> bool:
    """Remember that a level was told; False if it was told before."""
    added = await conn.fetchval(
        """
        INSERT INTO overdue (about_id, level, told_at)
        VALUES ($1, $2, $3)
            ON CONFLICT (about_id, level) DO NOTHING
        RETURNING true
        """,
        *(about_id, level, at),
    )
    return added is True
