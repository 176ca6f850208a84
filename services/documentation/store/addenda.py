"""What was added to signed notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection


@dataclass(frozen=True, slots=True)
class Addendum:
    """What somebody added to a signed note, in her own name."""

    addendum_id: UUID
    session_id: UUID
    version: int
    author_id: UUID
    written_at: datetime
    text: str


async def add_addendum(conn: Connection, added: Addendum) -> None:
    await conn.execute(
        """
        INSERT INTO addendum (addendum_id, session_id, version, author_id, written_at, text)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        *(added.addendum_id, added.session_id, added.version, added.author_id),
        *(added.written_at, added.text),
    )


async def list_addenda(conn: Connection, session_id: UUID) -> Sequence[Addendum]:
    """All that was added to a note, the first one first."""
    rows = await conn.fetch(
        """
        SELECT addendum_id, session_id, version, author_id, written_at, text
          FROM addendum
         WHERE session_id = $1
         ORDER BY written_at, addendum_id
        """,
        session_id,
    )
    return [Addendum(**row) for row in rows]
