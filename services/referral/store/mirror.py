"""What hubs sent, as each reads it back. Every query names the organisation that sent it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Connection, Record
from services.referral.domain.intake import Identifier, KnownReferral, Stored


@dataclass(frozen=True, slots=True)
class Mirror:
    """A resource to be stored under our id, with what searches find it by.

    `tokens` are `filter:system|code`, also with `*` for either part; `names` are in lower case;
    `dated` is the half-open time that the type's date filter looks at.
    """

    type: str
    id: str
    identifiers: tuple[str, ...]
    tokens: tuple[str, ...]
    names: tuple[str, ...]
    dated: tuple[datetime, datetime] | None
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


async def youths_by_conditions(
    conn: Connection, organisation_id: UUID, conditions: Sequence[tuple[str, str]]
) -> list[UUID]:
    """The children of whom something of a type with one of these identifiers was sent."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT m.youth_id
          FROM unnest($2::text[], $3::text[]) AS asked (type, identifier)
         CROSS JOIN LATERAL (
               SELECT id
                 FROM mirror_number
                WHERE organisation_id = $1
                  AND identifier = asked.identifier
                  AND type = asked.type
               OFFSET 0) AS numbered
         CROSS JOIN LATERAL (
               SELECT youth_id, organisation_id, identifiers
                 FROM mirror
                WHERE type = asked.type AND id = numbered.id
               OFFSET 0) AS m
         WHERE m.organisation_id = $1
           AND m.identifiers @> ARRAY[asked.identifier]
         ORDER BY m.youth_id
        """,
        *(organisation_id, [type_ for type_, _ in conditions], [text for _, text in conditions]),
    )
    return [row["youth_id"] for row in rows]


async def known_by_youth(
    conn: Connection, organisation_id: UUID, youth_id: UUID
) -> KnownReferral | None:
    """The newest referral of a child by this organisation."""
    row = await conn.fetchrow(
        """
        SELECT referral_id, youth_id, version, state
          FROM referral
         WHERE organisation_id = $1 AND youth_id = $2
         ORDER BY received_at DESC, referral_id
         LIMIT 1
           FOR UPDATE
        """,
        *(organisation_id, youth_id),
    )
    return KnownReferral(**row) if row else None


async def list_stored(
    conn: Connection,
    organisation_id: UUID,
    *,
    youth_id: UUID | None,
    ids: Sequence[str],
    numbers: Sequence[tuple[str, str]],
    impersonal: Sequence[str],
) -> list[Stored]:
    """All that an organisation sent of a child, and what is of no child, by id or by number.

    `numbers` are (type, `system|value`); `impersonal` the types that belong to no child.

    Each step is one look-up by key: OFFSET 0 keeps the planner from any other way, as it knows
    nothing of a young table and would read all that the organisation ever sent.
    """
    rows = await conn.fetch(
        """
        WITH child AS MATERIALIZED (
            SELECT $2::uuid AS youth_id WHERE $2 IS NOT NULL
             UNION
            SELECT p.youth_id
              FROM unnest($3::text[]) AS named (id)
             CROSS JOIN LATERAL (
                   SELECT youth_id, organisation_id
                     FROM mirror
                    WHERE type = 'Patient' AND id = named.id
                   OFFSET 0) AS p
             WHERE p.organisation_id = $1
        ), person AS MATERIALIZED (
            SELECT t.type, named.id FROM unnest($6::text[]) AS t (type), unnest($3) AS named (id)
             UNION
            SELECT asked.type, numbered.id
              FROM unnest($4::text[], $5::text[]) AS asked (type, identifier)
             CROSS JOIN LATERAL (
                   SELECT id
                     FROM mirror_number
                    WHERE organisation_id = $1
                      AND identifier = asked.identifier
                      AND type = asked.type
                   OFFSET 0) AS numbered
        )
        SELECT m.type, m.id, m.youth_id, m.referral_id, m.identifiers, m.shape, m.content,
               m.version, m.updated_at, m.body
          FROM child
         CROSS JOIN LATERAL (
               SELECT * FROM mirror WHERE youth_id = child.youth_id OFFSET 0) AS m
         WHERE m.organisation_id = $1
         UNION ALL
        SELECT m.type, m.id, m.youth_id, m.referral_id, m.identifiers, m.shape, m.content,
               m.version, m.updated_at, m.body
          FROM person
         CROSS JOIN LATERAL (
               SELECT * FROM mirror WHERE type = person.type AND id = person.id OFFSET 0) AS m
         WHERE m.organisation_id = $1
           AND m.youth_id NOT IN (SELECT youth_id FROM child)
           AND (m.id = ANY ($3) OR m.identifiers && $5)
         ORDER BY updated_at, id
        """,
        *(organisation_id, youth_id, list(ids)),
        *([type_ for type_, _ in numbers], [text for _, text in numbers], list(impersonal)),
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
        INSERT INTO mirror (type, id, organisation_id, youth_id, referral_id, identifiers, tokens,
                            names, dated, body, shape, content)
        SELECT m.type, m.id, $1, $2, $3, m.identifiers::text[], m.tokens::text[],
               m.names::text[], tstzrange(m.low, m.high), m.body, m.shape, m.content
          FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                      $9::timestamptz[], $10::timestamptz[], $11::text[], $12::bytea[],
                      $13::bytea[])
            AS m (type, id, identifiers, tokens, names, low, high, body, shape, content)
            ON CONFLICT (type, id) DO UPDATE
           SET identifiers = excluded.identifiers, tokens = excluded.tokens,
               names = excluded.names, dated = excluded.dated, body = excluded.body,
               shape = excluded.shape, content = excluded.content,
               version = mirror.version + 1, updated_at = now()
         WHERE mirror.organisation_id = $1
        """,
        *(organisation_id, youth_id, referral_id),
        [m.type for m in mirrors],
        [m.id for m in mirrors],
        [as_array(m.identifiers) for m in mirrors],
        [as_array(m.tokens) for m in mirrors],
        [as_array(m.names) for m in mirrors],
        [m.dated and m.dated[0] for m in mirrors],
        [m.dated and m.dated[1] for m in mirrors],
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search of one organisation's own resources of one type; None is any."""

    organisation_id: UUID
    type: str
    limit: int
    ids: Sequence[str] | None = None
    youth_ids: Sequence[UUID] | None = None
    tokens: Sequence[Sequence[str]] = ()  # of each filter at least one
    names: Sequence[str] | None = None  # beginnings
    low: datetime | None = None
    high: datetime | None = None
    since: datetime | None = None
    before: datetime | None = None
    after_at: datetime | None = None
    after_id: str | None = None


async def list_mirrors(conn: Connection, wanted: Wanted) -> list[Stored]:
    """What an organisation sent of a type and now searches, in the order of the last change."""
    tokens = [*map(list, wanted.tokens), None, None, None][:3]
    rows = await conn.fetch(
        """
        SELECT type, id, youth_id, referral_id, identifiers, shape, content, version, updated_at,
               body
          FROM mirror
         WHERE organisation_id = $1
           AND type = $2
           AND ($3::text[] IS NULL OR id = ANY ($3))
           AND ($4::uuid[] IS NULL OR youth_id = ANY ($4))
           AND ($5::text[] IS NULL OR tokens && $5)
           AND ($6::text[] IS NULL OR tokens && $6)
           AND ($7::text[] IS NULL OR tokens && $7)
           AND ($8::text[] IS NULL
                OR EXISTS (SELECT FROM unnest(names) AS name, unnest($8) AS beginning
                            WHERE starts_with(name, beginning)))
           AND (($9::timestamptz IS NULL AND $10::timestamptz IS NULL)
                OR dated && tstzrange($9, $10))
           AND ($11::timestamptz IS NULL OR updated_at >= $11)
           AND ($12::timestamptz IS NULL OR updated_at < $12)
           AND ($13::timestamptz IS NULL OR (updated_at, id) > ($13, $14::text))
         ORDER BY updated_at, id
         LIMIT $15
        """,
        *(wanted.organisation_id, wanted.type),
        wanted.ids if wanted.ids is None else list(wanted.ids),
        wanted.youth_ids if wanted.youth_ids is None else list(wanted.youth_ids),
        *tokens,
        wanted.names if wanted.names is None else list(wanted.names),
        *(wanted.low, wanted.high, wanted.since, wanted.before),
        *(wanted.after_at, wanted.after_id, wanted.limit),
    )
    return [stored(row) for row in rows]


async def patient_of_member(
    conn: Connection, payer_id: UUID, youth_id: UUID
) -> tuple[Stored, str | None] | None:
    """A youth's Patient with the member number, for the payer that gate 1 was confirmed by."""
    row = await conn.fetchrow(
        """
        SELECT m.type, m.id, m.youth_id, m.referral_id, m.identifiers, m.shape, m.content,
               m.version, m.updated_at, m.body, c.member_id
          FROM mirror m
          JOIN eligibility_inquiry i ON i.youth_id = m.youth_id AND i.payer_id = $1
          JOIN eligibility_determination d
            ON d.inquiry_id = i.inquiry_id AND d.outcome = 'confirmed'
          JOIN coverage c USING (coverage_id)
         WHERE m.type = 'Patient' AND m.id = $2
         ORDER BY i.number DESC
         LIMIT 1
        """,
        *(payer_id, str(youth_id)),
    )
    return (stored(row), row["member_id"]) if row else None


def stored(row: Record) -> Stored:
    return Stored(
        *(row["type"], row["id"], row["youth_id"], row["referral_id"]),
        tuple(row["identifiers"]),
        *(row["shape"], row["content"], row["version"], row["updated_at"], row["body"]),
    )


def as_array(texts: Sequence[str]) -> str:
    """PostgreSQL's own notation: unnest would flatten arrays within an array."""
    return "{" + ",".join(quoted(text) for text in texts) + "}"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
