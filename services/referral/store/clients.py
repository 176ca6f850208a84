"""Partner organisations, their clients, and the assertions that are used up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.db import Connection, Record


@dataclass(frozen=True)
class Organisation:
    """A hub, a payer, or the agency itself (kind "agency")."""

    organisation_id: UUID
    kind: str
    name: str
    system: str
    value: str
    mrn_system: str | None = None
    telecom: Sequence[Mapping[str, Any]] = ()
    address: Sequence[Mapping[str, Any]] = ()
    eligibility_url: str | None = None
    eligibility_token: str | None = field(default=None, repr=False)
    version: int = 1
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Client:
    """A client that may ask for tokens: its keys, its scopes, and for whom it speaks."""

    client_id: str
    organisation_id: UUID
    kind: PartnerKind
    scopes: frozenset[str]
    jwks: Mapping[str, Any] = field(repr=False)


async def add_organisation(conn: Connection, organisation: Organisation) -> bool:
    """Store an organisation as last described; False when nothing has changed."""
    changed = await conn.fetchval(
        """
        INSERT INTO partner_organisation AS old (organisation_id, kind, name, system, value,
               mrn_system, telecom, address, eligibility_url, eligibility_token)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (organisation_id) DO UPDATE
           SET kind = $2, name = $3, system = $4, value = $5, mrn_system = $6, telecom = $7,
               address = $8, eligibility_url = $9, eligibility_token = $10,
               version = old.version + 1, updated_at = now()
         WHERE (old.kind, old.name, old.system, old.value, old.mrn_system, old.telecom,
                old.address, old.eligibility_url, old.eligibility_token)
            IS DISTINCT FROM ($2, $3, $4, $5, $6, $7, $8, $9, $10)
        RETURNING true
        """,
        *(organisation.organisation_id, organisation.kind, organisation.name),
        *(organisation.system, organisation.value, organisation.mrn_system),
        *(list(organisation.telecom), list(organisation.address)),
        *(organisation.eligibility_url, organisation.eligibility_token),
    )
    return changed is True


async def add_client(
    conn: Connection,
    client_id: str,
    scopes: Sequence[str],
    jwks: Mapping[str, Any],
    *,
    secret: str,
) -> str:
    """Store a client as last described; returns its webhook secret, which the first one stays."""
    kept: str = await conn.fetchval(
        """
        INSERT INTO client (client_id, scopes, jwks, webhook_secret)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (client_id) DO UPDATE SET scopes = $2, jwks = $3
        RETURNING webhook_secret
        """,
        *(client_id, sorted(scopes), dict(jwks), secret),
    )
    return kept


async def add_client_organisation(conn: Connection, client_id: str, organisation_id: UUID) -> None:
    """Let a client speak for an organisation; its first one is its default."""
    await conn.execute(
        """
        INSERT INTO client_organisation (client_id, organisation_id, is_default)
        VALUES ($1, $2, NOT EXISTS (SELECT FROM client_organisation WHERE client_id = $1))
            ON CONFLICT DO NOTHING
        """,
        *(client_id, organisation_id),
    )


async def client_by_id(conn: Connection, client_id: str) -> Client | None:
    """A client with its default organisation; None when it is unknown or switched off."""
    row = await conn.fetchrow(
        """
        SELECT c.client_id, o.organisation_id, o.kind, c.scopes, c.jwks
          FROM client c
          JOIN client_organisation co ON co.client_id = c.client_id AND co.is_default
          JOIN partner_organisation o ON o.organisation_id = co.organisation_id
         WHERE c.client_id = $1
           AND c.disabled_at IS NULL
        """,
        client_id,
    )
    if row is None:
        return None
    kind, scopes = PartnerKind(row["kind"]), frozenset(row["scopes"])
    return Client(row["client_id"], row["organisation_id"], kind, scopes, row["jwks"])


async def organisations_of_client(conn: Connection, client_id: str) -> list[Organisation]:
    """For whom a client speaks, its default first."""
    rows = await conn.fetch(
        """
        SELECT o.organisation_id, o.kind, o.name, o.system, o.value, o.mrn_system, o.telecom,
               o.address, o.eligibility_url, o.eligibility_token, o.version, o.updated_at
          FROM client_organisation co
          JOIN partner_organisation o ON o.organisation_id = co.organisation_id
         WHERE co.client_id = $1
         ORDER BY co.is_default DESC, o.organisation_id
        """,
        client_id,
    )
    return [organisation_of(row) for row in rows]


async def organisation_by_id(conn: Connection, organisation_id: UUID) -> Organisation | None:
    row = await conn.fetchrow(
        """
        SELECT organisation_id, kind, name, system, value, mrn_system, telecom, address,
               eligibility_url, eligibility_token, version, updated_at
          FROM partner_organisation
         WHERE organisation_id = $1
        """,
        organisation_id,
    )
    return organisation_of(row) if row else None


async def list_organisations_by_identifier(
    conn: Connection, identifiers: Sequence[tuple[str, str]]
) -> list[Organisation]:
    """The registered organisations among these (system, value), so that evidence can be matched."""
    rows = await conn.fetch(
        """
        SELECT organisation_id, kind, name, system, value, mrn_system, telecom, address,
               eligibility_url, eligibility_token, version, updated_at
          FROM partner_organisation
         WHERE (system, value) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY organisation_id
        """,
        *([system for system, _ in identifiers], [value for _, value in identifiers]),
    )
    return [organisation_of(row) for row in rows]


async def list_organisations(
    conn: Connection,
    *,
    ids: Sequence[UUID] | None,
    name: str | None,
    after_at: datetime | None,
    after_id: str | None,
    limit: int,
) -> list[Organisation]:
    """The directory, by id or by how a name begins, in the order of the last change."""
    rows = await conn.fetch(
        """
        SELECT organisation_id, kind, name, system, value, mrn_system, telecom, address,
               eligibility_url, eligibility_token, version, updated_at
          FROM partner_organisation
         WHERE ($1::uuid[] IS NULL OR organisation_id = ANY ($1))
           AND ($2::text IS NULL OR starts_with(lower(name), lower($2)))
           AND ($3::timestamptz IS NULL OR (updated_at, organisation_id) > ($3, $4::uuid))
         ORDER BY updated_at, organisation_id
         LIMIT $5
        """,
        *(None if ids is None else list(ids), name, after_at, after_id, limit),
    )
    return [organisation_of(row) for row in rows]


def organisation_of(row: Record) -> Organisation:
    return Organisation(**dict(row))


async def webhook_secret_of_client(conn: Connection, client_id: str) -> tuple[str, UUID] | None:
    """A client's webhook secret, and the organisation that hears by it."""
    row = await conn.fetchrow(
        """
        SELECT c.webhook_secret, co.organisation_id
          FROM client c
          JOIN client_organisation co ON co.client_id = c.client_id AND co.is_default
         WHERE c.client_id = $1
           AND c.disabled_at IS NULL
        """,
        client_id,
    )
    return (row["webhook_secret"], row["organisation_id"]) if row else None


async def add_assertion(
    conn: Connection, client_id: str, jti: str, *, expires_at: datetime
) -> bool:
    """Use an assertion up; False when it was before, here or in another process."""
    added = await conn.fetchval(
        """
        INSERT INTO client_assertion (client_id, jti, expires_at)
        VALUES ($1, $2, $3)
            ON CONFLICT ON CONSTRAINT client_assertion_is_used_once DO NOTHING
        RETURNING true
        """,
        *(client_id, jti, expires_at),
    )
    return added is True


async def remove_expired_assertions(conn: Connection) -> None:
    """Forget what can no longer come back, with room for clocks that differ."""
    await conn.execute(
        "DELETE FROM client_assertion WHERE expires_at < now() - interval '10 minutes'"
    )
