"""Answers kept under a caller's key, so that a command sent again is not done again (P2).

For the staff API alone; on /fhir the business key does this, and the header is ignored.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.db import Connection
from services.chassis.errors import Conflict, Refused

KEY = re.compile(r"[\x21-\x7e]{1,255}")


class BadKey(Refused):
    status = 400


@dataclass(frozen=True)
class Answer:
    """A response as it was sent the first time."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_key(header: str) -> str:
    """The key of an Idempotency-Key header; `BadKey` when it is empty, too long or not ASCII."""
    if not KEY.fullmatch(header):
        raise BadKey("idempotency-key", "Idempotency-Key is 1 to 255 visible ASCII characters.")
    return header


def request_hash(method: str, path: str, query: str, body: bytes) -> bytes:
    told = "\n".join((method, path, query)).encode() + b"\n" + body
    return hashlib.sha256(told).digest()


async def kept(conn: Connection, principal: str, key: str, hash_: bytes) -> Answer | None:
    """The answer that this request had before; None when it is new, and now ours to do.

    The key stays held until the caller's transaction ends: whoever comes meanwhile with the same
    one is refused (409). The same key with another request is refused, too (422).
    """
    if not await conn.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7))", f"{principal}\n{key}"
    ):
        raise Conflict("in-flight", "The same request is being worked on: try again in a moment.")
    row = await conn.fetchrow(
        """
        SELECT request_hash, status, headers, body
          FROM idempotency
         WHERE principal = $1
           AND key = $2
        """,
        *(principal, key),
    )
    if row is None:
        return None
    if row["request_hash"] != hash_:
        raise Refused("key-used-before", "This Idempotency-Key belongs to another request.")
    return Answer(row["status"], row["headers"], row["body"])


async def keep(conn: Connection, principal: str, key: str, hash_: bytes, answer: Answer) -> None:
    """Keep an answer in the transaction that earned it. Refusals roll back and are not kept."""
    await conn.execute(
        """
        INSERT INTO idempotency (principal, key, request_hash, status, headers, body)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        *(principal, key, hash_, answer.status, dict(answer.headers), answer.body),
    )
