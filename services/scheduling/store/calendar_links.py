"""Who may read a mentor's feed: whoever knows its secret, of which only the hash is here."""

from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection


async def add_calendar_link(
    conn: Connection, mentor_id: UUID, secret_hash: bytes, *, made_by: UUID, made_at: datetime
) -> None:
    """Give a mentor's feed an address; the one before is gone."""
    await conn.execute(
        """
        INSERT INTO calendar_link (mentor_id, secret_hash, made_by, made_at)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (mentor_id) DO UPDATE
           SET secret_hash = EXCLUDED.secret_hash, made_by = EXCLUDED.made_by,
               made_at = EXCLUDED.made_at
        """,
        *(mentor_id, secret_hash, made_by, made_at),
    )


async def remove_calendar_link(conn: Connection, mentor_id: UUID) -> None:
    await conn.execute("DELETE FROM calendar_link WHERE mentor_id = $1", mentor_id)


async def mentor_by_secret(conn: Connection, secret_hash: bytes) -> UUID | None:
    """Whose feed it is; None for an address that is none, or of a mentor who has left."""
    id_: UUID | None = await conn.fetchval(
        """
        SELECT l.mentor_id
          FROM calendar_link l
          JOIN staff_member s ON s.staff_id = l.mentor_id AND s.active
         WHERE l.secret_hash = $1
        """,
        secret_hash,
    )
    return id_
