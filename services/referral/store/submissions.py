"""What was received, byte by byte: accepted for good, refused in part."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.db import Connection

MOST_REJECTED_BYTES = 65_536


async def add_submission(
    conn: Connection,
    referral_id: UUID,
    version: int,
    *,
    client_id: str,
    organisation_id: UUID,
    body: bytes,
    content: bytes,
    now: datetime,
) -> None:
    """Keep the bytes that made this version of a referral: the record behind all that is read."""
    await conn.execute(
        """
        INSERT INTO submission (referral_id, version, client_id, organisation_id, received_at,
                                content, sha256, bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        *(referral_id, version, client_id, organisation_id, now, content),
        *(hashlib.sha256(body).digest(), body),
    )


async def is_current(conn: Connection, referral_id: UUID, version: int, content: bytes) -> bool:
    """Whether this content is what made the referral what it now is."""
    found = await conn.fetchval(
        """
        SELECT EXISTS (SELECT FROM submission
                        WHERE referral_id = $1 AND version = $2 AND content = $3)
        """,
        *(referral_id, version, content),
    )
    return found is True


async def add_reject(
    conn: Connection,
    *,
    client_id: str,
    organisation_id: UUID,
    status: int,
    issues: Sequence[dict[str, Any]],
    body: bytes,
    now: datetime,
) -> None:
    """Keep what was refused, and why: the first 64 KiB, its size and its digest."""
    await conn.execute(
        """
        INSERT INTO intake_reject (client_id, organisation_id, received_at, status, issues, size,
                                   sha256, bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        *(client_id, organisation_id, now, status, list(issues), len(body)),
        *(hashlib.sha256(body).digest(), body[:MOST_REJECTED_BYTES]),
    )
