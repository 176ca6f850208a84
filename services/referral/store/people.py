"""A youth as other services and staff need it: names, contacts, the reader's own number."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.chassis.db import Connection


@dataclass(frozen=True, slots=True)
class Person:
    """Names and contacts: for display at the time of use, never to be stored elsewhere."""

    youth_id: UUID
    family: str | None
    given: tuple[str, ...]
    preferred: str | None
    languages: tuple[str, ...]
    interpreter_needed: bool
    do_not_contact: bool


async def person_by_id(conn: Connection, youth_id: UUID) -> Person | None:
    row = await conn.fetchrow(
        """
        SELECT y.youth_id, y.family, y.given, y.preferred, y.languages, y.interpreter_needed,
               EXISTS (SELECT FROM referral r
                        WHERE r.youth_id = y.youth_id AND r.do_not_contact) AS do_not_contact
          FROM youth y
         WHERE y.youth_id = $1
        """,
        youth_id,
    )
    if row is None:
        return None
    return Person(
        *(row["youth_id"], row["family"], tuple(row["given"]), row["preferred"]),
        *(tuple(row["languages"]), row["interpreter_needed"], row["do_not_contact"]),
    )


async def list_contacts(conn: Connection, youth_id: UUID) -> list[dict[str, Any]]:
    """Who speaks for a youth, guardians first."""
    rows = await conn.fetch(
        """
        SELECT related_person_id, family, given, relationships, is_guardian, telecom
          FROM related_person
         WHERE youth_id = $1
           AND is_active
         ORDER BY is_guardian DESC, related_person_id
        """,
        youth_id,
    )
    return [
        {
            "related_person_id": str(row["related_person_id"]),
            "name": {"given": list(row["given"]), "family": row["family"]},
            "relationships": list(row["relationships"]),
            "is_guardian": row["is_guardian"],
            "telecom": row["telecom"],
        }
        for row in rows
    ]


async def number_by_reader(
    conn: Connection, youth_id: UUID, organisation_id: UUID
) -> tuple[str, str] | None:
    """The number under which one organisation knows a youth: its MRN, a payer's member id.

    A hub whose referral was joined knows the child by the number that it sent with its own.
    """
    row = await conn.fetchrow(
        """
        SELECT system, value
          FROM (SELECT n.system, n.value, CASE n.youth_id WHEN $1 THEN 1 ELSE 2 END AS place
                  FROM youth_identifier n
                  JOIN youth_part part ON part.part_id = n.youth_id
                 WHERE part.youth_id = $1 AND n.organisation_id = $2 AND n.kind = 'mrn'
                 UNION ALL
                SELECT coalesce(i.system, 'https://waypost.example/ids/member'), c.member_id, 3
                  FROM coverage c
                  LEFT JOIN youth_identifier i
                    ON i.youth_id = c.youth_id AND i.kind = 'medicaid' AND i.value = c.member_id
                 WHERE c.youth_id = $1 AND c.payer_id = $2 AND c.member_id IS NOT NULL) AS known
         ORDER BY place, system, value
         LIMIT 1
        """,
        *(youth_id, organisation_id),
    )
    return (row["system"], row["value"]) if row else None
