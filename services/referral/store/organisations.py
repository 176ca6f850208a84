"""Registered organisations, as references name them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.db import Connection
from services.referral.domain.intake import Identifier, Organisation


@dataclass(frozen=True, slots=True)
class Registered:
    """An entry of the directory, as every partner may read it."""

    organisation_id: UUID
    kind: str
    name: str
    system: str
    value: str
    telecom: Sequence[Mapping[str, Any]]
    address: Sequence[Mapping[str, Any]]
    version: int
    updated_at: datetime


async def list_organisations(
    conn: Connection, *, ids: Collection[UUID], numbers: Collection[Identifier]
) -> list[Organisation]:
    """Those with one of these ids or numbers (NPI, payer's code)."""
    rows = await conn.fetch(
        """
        SELECT organisation_id, kind, name, system, value, mrn_system, version, updated_at
          FROM partner_organisation
         WHERE organisation_id = ANY ($1::uuid[])
            OR (system, value) IN (SELECT * FROM unnest($2::text[], $3::text[]))
        """,
        *(list(ids), [n.system for n in numbers], [n.value for n in numbers]),
    )
    return [
        Organisation(
            row["organisation_id"],
            PartnerKind(row["kind"]) if row["kind"] in set(PartnerKind) else None,
            row["name"],
            Identifier(row["system"], row["value"]),
            *(row["mrn_system"], row["version"], row["updated_at"]),
        )
        for row in rows
    ]


async def search_directory(
    conn: Connection,
    *,
    ids: Sequence[UUID] | None,
    limit: int,
    names: Sequence[str] | None = None,
    addresses: Sequence[str] | None = None,
    after_at: datetime | None = None,
    after_id: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> list[Registered]:
    """The directory, by how a name or a part of an address begins, by the last change."""
    rows = await conn.fetch(
        """
        SELECT organisation_id, kind, name, system, value, telecom, address, version, updated_at
          FROM partner_organisation
         WHERE ($1::uuid[] IS NULL OR organisation_id = ANY ($1))
           AND ($2::text[] IS NULL
                OR EXISTS (SELECT FROM unnest($2) AS beginning
                            WHERE starts_with(lower(name), beginning)))
           AND ($3::text[] IS NULL
                OR EXISTS (SELECT FROM unnest($3) AS beginning,
                                  jsonb_path_query(address, 'strict $.**?(@.type() == "string")')
                                  AS part (text)
                            WHERE starts_with(lower(part.text #>> '{}'), beginning)))
           AND ($4::timestamptz IS NULL OR (updated_at, organisation_id) > ($4, $5::uuid))
           AND ($6::timestamptz IS NULL OR updated_at >= $6)
           AND ($7::timestamptz IS NULL OR updated_at < $7)
         ORDER BY updated_at, organisation_id
         LIMIT $8
        """,
        ids if ids is None else list(ids),
        names if names is None else list(names),
        addresses if addresses is None else list(addresses),
        *(after_at, after_id and UUID(after_id), since, before, limit),
    )
    return [Registered(**row) for row in rows]
