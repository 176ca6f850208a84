"""Youths, the numbers they are known by, and who speaks for them."""

from collections.abc import Sequence
from uuid import UUID

from services.chassis.db import Connection
from services.referral.domain.intake import Identifier, RelatedPerson, Youth


async def youths_by_mrn(
    conn: Connection, organisation_id: UUID, mrns: Sequence[Identifier]
) -> set[UUID]:
    """The children whom an organisation knows under these record numbers."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT known.youth_id
          FROM unnest($2::text[], $3::text[]) AS asked (system, value)
         CROSS JOIN LATERAL (
               SELECT youth_id
                 FROM youth_identifier
                WHERE organisation_id = $1
                  AND kind = 'mrn'
                  AND system = asked.system
                  AND value = asked.value
               OFFSET 0) AS known
        """,
        *(organisation_id, [m.system for m in mrns], [m.value for m in mrns]),
    )
    return {row["youth_id"] for row in rows}


async def add_youth(conn: Connection, youth: Youth, organisation_id: UUID) -> None:
    """Store a youth as last described, with every number; numbers once told are kept.

    A record number that is another child's already stays that child's.
    """
    numbers = [("mrn", youth.mrn)] if youth.mrn else []
    numbers += [("medicaid", number) for number in youth.medicaid]
    await conn.execute(
        """
        WITH told AS (
            INSERT INTO youth (youth_id, organisation_id, family, given, preferred, name_key,
                               birth_date, gender, deceased, active, languages,
                               interpreter_needed, area)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                ON CONFLICT (youth_id) DO UPDATE
               SET family = $3, given = $4, preferred = $5, name_key = $6, birth_date = $7,
                   gender = $8, deceased = $9, active = $10, languages = $11,
                   interpreter_needed = $12, area = $13, updated_at = now()
            RETURNING youth_id
        )
        INSERT INTO youth_identifier (youth_id, organisation_id, kind, system, value)
        SELECT told.youth_id, $2, n.kind, n.system, n.value
          FROM told, unnest($14::text[], $15::text[], $16::text[]) AS n (kind, system, value)
            ON CONFLICT DO NOTHING
        """,
        *(youth.youth_id, organisation_id, youth.family, list(youth.given), youth.preferred),
        *(youth.name_key, youth.birth_date, youth.gender, youth.deceased, youth.active),
        *(list(youth.languages), youth.interpreter_needed, youth.area),
        [kind for kind, _ in numbers],
        [number.system for _, number in numbers],
        [number.value for _, number in numbers],
    )


async def add_related_people(
    conn: Connection, youth_id: UUID, people: Sequence[RelatedPerson]
) -> None:
    """Store who speaks for a youth, as last described."""
    await conn.execute(
        """
        INSERT INTO related_person (related_person_id, youth_id, family, given, relationships,
                                    is_guardian, is_active, telecom)
        SELECT p.id, $1, p.family, p.given, p.relationships, p.is_guardian, p.is_active,
               p.telecom
          FROM jsonb_to_recordset($2::jsonb)
            AS p (id uuid, family text, given text[], relationships text[], is_guardian boolean,
                  is_active boolean, telecom jsonb)
            ON CONFLICT (related_person_id) DO UPDATE
           SET family = excluded.family, given = excluded.given,
               relationships = excluded.relationships, is_guardian = excluded.is_guardian,
               is_active = excluded.is_active, telecom = excluded.telecom, updated_at = now()
        """,
        youth_id,
        [
            {
                "id": str(person.related_person_id),
                "family": person.family,
                "given": person.given,
                "relationships": person.relationships,
                "is_guardian": person.is_guardian,
                "is_active": person.is_active,
                "telecom": person.telecom,
            }
            for person in people
        ],
    )
