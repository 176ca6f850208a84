"""Where a family may be written to by e-mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.chassis.db import Connection


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One person who speaks for a youth, and the address that its hub gave for that person."""

    recipient: UUID
    address: str
    languages: tuple[str, ...]


async def list_mailboxes(
    conn: Connection, youth_id: UUID, *, minor_on: date, adult_age: int
) -> Sequence[Mailbox]:
    """The guardians of a youth who is a minor on a day, with one address each.

    Nobody for an adult, whose guardians' authority has ended, and nobody where a referral says
    that the family must not be contacted. A contact point that has ended is none.
    """
    rows = await conn.fetch(
        """
        SELECT p.related_person_id, mail.address, y.languages
          FROM related_person p
          JOIN youth y USING (youth_id)
          JOIN LATERAL (
               SELECT t ->> 'value' AS address
                 FROM jsonb_array_elements(p.telecom) WITH ORDINALITY AS points (t, place)
                WHERE t ->> 'system' = 'email'
                  AND t ->> 'value' <> ''
                  AND t ->> 'use' IS DISTINCT FROM 'old'
                  AND NOT coalesce(left(t #>> '{period,end}', 10) < $2::date::text, false)
                ORDER BY coalesce((t ->> 'rank')::integer, 1000), place
                LIMIT 1) mail ON true
         WHERE p.youth_id = $1
           AND p.is_active
           AND p.is_guardian
           AND y.birth_date > $2::date - make_interval(years => $3)
           AND NOT EXISTS (
               SELECT FROM referral r WHERE r.youth_id = p.youth_id AND r.do_not_contact)
         ORDER BY p.related_person_id
        """,
        *(youth_id, minor_on, adult_age),
    )
    return [Mailbox(r["related_person_id"], r["address"], tuple(r["languages"])) for r in rows]
