"""What hubs sent, as each reads it back. Every query names the organisation that sent it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.db import Connection, Record
from services.referral.domain.intake import Identifier, KnownReferral, Stored


@dataclass(frozen=True, slots=True)
class Mirror:
    """A resource to be stored under our id."""

    type: str
    id: str
    identifiers: tuple[str, ...]
    body: str
    shape: bytes
    content: bytes


async def known_by_key(
    conn: Connection, organisation_id: UUID, key: Identifier
) -> KnownReferral | None:
    row = await conn.fetchrow(
        """
        SELECT referral_id, youth_id, version, state
          FROM referral
         WHERE organisation_id = $1 AND system = $2 AND value = $3
           FOR UPDATE
        """,
        *(organisation_id, *key),
    )
    return KnownReferral(**row) if row else None


async def known_by_conditions(
    conn: Connection, organisation_id: UUID, conditions: Sequence[str]
) -> list[KnownReferral]:
    """The referrals of which something with one of these identifiers was sent."""
    rows = await conn.fetch(
        """
        SELECT referral_id, youth_id, version, state
          FROM referral
         WHERE referral_id IN (
               SELECT referral_id FROM mirror
                WHERE organisation_id = $1 AND identifiers && $2::text[])
         ORDER BY referral_id
           FOR UPDATE
        """,
        *(organisation_id, list(conditions)),
    )
    return [KnownReferral(**row) for row in rows]


async def list_stored(
    conn: Connection,
    organisation_id: UUID,
    *,
    youth_id: UUID | None,
    ids: Sequence[str],
    identifiers: Sequence[str],
    impersonal: Sequence[str],
) -> list[Stored]:
    """All that an organisation sent of a child, what it names by id, and people by number."""
    rows = await conn.fetch(
        """
        SELECT type, id, youth_id, referral_id, identifiers, shape, content, version, updated_at,
               body
          FROM mirror
         WHERE organisation_id = $1 AND youth_id = $2
         UNION
        SELECT type, id, youth_id, referral_id, identifiers, shape, content, version, updated_at,
               body
          FROM mirror
         WHERE organisation_id = $1
           AND youth_id IN (SELECT youth_id FROM mirror
                             WHERE type = 'Patient' AND id = ANY ($3::text[])
                               AND organisation_id = $1)
         UNION
        SELECT type, id, youth_id, referral_id, identifiers, shape, content, version, updated_at,
               body
          FROM mirror
         WHERE organisation_id = $1
           AND (id = ANY ($3::text[]) OR identifiers && $4::text[])
           AND type = ANY ($5::text[])
         ORDER BY updated_at, id
        """,
        *(organisation_id, youth_id, list(ids), list(identifiers), list(impersonal)),
    )
    return [stored(row) for row in rows]


async def add_mirrors(
    conn: Connection,
    organisation_id: UUID,
    youth_id: UUID,
    referral_id: UUID,
    mirrors: Sequence[Mirror],
) -> None:
    """Store resources; one that is here already gets its new body and the next version."""
    await conn.execute(
        """
        INSERT INTO mirror (type, id, organisation_id, youth_id, referral_id, identifiers, body,
                            shape, content)
        SELECT m.type, m.id, $1, $2, $3,
               ARRAY(SELECT jsonb_array_elements_text(m.identifiers::jsonb)), m.body, m.shape,
               m.content
          FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
            AS m (type, id, identifiers, body, shape, content)
            ON CONFLICT (type, id) DO UPDATE
           SET identifiers = excluded.identifiers, body = excluded.body, shape = excluded.shape,
               content = excluded.content, version = mirror.version + 1, updated_at = now()
         WHERE mirror.organisation_id = $1
        """,
        *(organisation_id, youth_id, referral_id),
        [m.type for m in mirrors],
        [m.id for m in mirrors],
        [as_json(m.identifiers) for m in mirrors],
        [m.body for m in mirrors],
        [m.shape for m in mirrors],
        [m.content for m in mirrors],
    )


async def mirror_by_id(
    conn: Connection, organisation_id: UUID, type_: str, id_: str
) -> Stored | None:
    """A resource that this organisation sent; another's and none are the same: None."""
    row = await conn.fetchrow(
        """
        SELECT type, id, youth_id, referral_id, identifiers, shape, content, version, updated_at,
               body
          FROM mirror
         WHERE type = $1 AND id = $2 AND organisation_id = $3
        """,
        *(type_, id_, organisation_id),
    )
    return stored(row) if row else None


def stored(row: Record) -> Stored:
    return Stored(
        *(row["type"], row["id"], row["youth_id"], row["referral_id"]),
        tuple(row["identifiers"]),
        *(row["shape"], row["content"], row["version"], row["updated_at"], row["body"]),
    )


def as_json(texts: Sequence[str]) -> str:
    import json

    return json.dumps(list(texts))
