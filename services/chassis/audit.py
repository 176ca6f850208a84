"""One record per access, allowed or denied, that nobody changes: rows in hash chains."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.chassis.auth import Partner, Peer, Principal, Staff
from services.chassis.db import Connection

MOST_RESOURCES = 200


class NoFreeChain(Exception):
    """Every chain is being written: more writers at once than there are heads."""


@dataclass(frozen=True)
class Access:
    """Who did what, how it ended, and to what: ids and codes, never a name or a value asked for.

    `act` is a method and a route's pattern; `resources` are `Type/id`.
    """

    principal: Principal | str | None
    act: str
    status: int
    resources: Sequence[str] = ()


def who(principal: Principal | str | None) -> tuple[str, str]:
    """Kind and id of the one who asks; a plain string is the operator's own act."""
    match principal:
        case Partner():
            return "partner", principal.client_id
        case Staff():
            return "staff", principal.subject
        case Peer():
            return "service", principal.name
        case str():
            return "operator", principal
    return "nobody", "-"


async def record(conn: Connection, access: Access) -> None:
    """Add a record in the caller's transaction: no answer leaves before it is on disk.

    Each row holds the hash of itself and its predecessor in its chain, so that a changed or
    missing row shows. Raises `NoFreeChain` when sixty-four transactions hold one each.
    """
    kind, principal = who(access.principal)
    resources = list(access.resources)[:MOST_RESOURCES]
    head = await conn.fetchrow(
        """
        SELECT chain, length, last_hash, clock_timestamp() AS at
          FROM audit_chain
         ORDER BY chain
         LIMIT 1
           FOR UPDATE SKIP LOCKED
        """
    )
    if head is None:
        raise NoFreeChain
    number, at = head["length"] + 1, head["at"]
    hash_ = hash_of(
        head["last_hash"], number, at, kind, principal, access.act, access.status, resources
    )
    await conn.execute(
        """
        WITH added AS (
            INSERT INTO audit (chain, number, at, kind, principal, act, status, resources, hash)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        )
        UPDATE audit_chain SET length = $2, last_hash = $9 WHERE chain = $1
        """,
        *(head["chain"], number, at, kind, principal, access.act, access.status, resources, hash_),
    )


def hash_of(
    previous: bytes,
    number: int,
    at: datetime,
    kind: str,
    principal: str,
    act: str,
    status: int,
    resources: Sequence[str],
) -> bytes:
    fields = [str(number), at.isoformat(), kind, principal, act, str(status), *resources]
    told = b"".join(len(raw).to_bytes(4, "big") + raw for raw in map(str.encode, fields))
    return hashlib.sha256(previous + told).digest()


async def broken(conn: Connection) -> list[tuple[int, int]]:
    """Where a chain does not hold: (chain, number) of each first bad row. Reads the whole table."""
    rows = await conn.fetch(
        """
        SELECT chain, number, at, kind, principal, act, status, resources, hash
          FROM audit
         ORDER BY chain, number
        """
    )
    heads = await conn.fetch("SELECT chain, length, last_hash FROM audit_chain ORDER BY chain")
    faults: dict[int, int] = {}
    last: dict[int, tuple[int, bytes]] = {}
    for chain, number, at, kind, principal, act, status, resources, hash_ in rows:
        length, previous = last.get(chain, (0, b""))
        right = hash_of(previous, number, at, kind, principal, act, status, resources)
        if number != length + 1 or right != hash_:
            faults.setdefault(chain, number)
        last[chain] = (number, hash_)
    for chain, length, hash_ in heads:
        if last.get(chain, (0, b"")) != (length, hash_):
            faults.setdefault(chain, length)
    return sorted(faults.items())
