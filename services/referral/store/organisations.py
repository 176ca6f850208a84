"""Registered organisations, as references name them."""

from collections.abc import Collection
from uuid import UUID

from contracts.codes import PartnerKind
from services.chassis.db import Connection
from services.referral.domain.intake import Identifier, Organisation


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
