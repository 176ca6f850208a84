"""Referrals that look like another one."""

from uuid import UUID

from services.chassis.db import Connection


async def lock_alike(conn: Connection, referral_id: UUID) -> None:
    """Let nobody else take in a child of this name and birth date, or of these numbers, meanwhile.

    In order, so that two never wait for each other; held until the transaction ends.
    """
    await conn.execute(
        """
        WITH ours AS (
            SELECT y.youth_id, y.name_key, y.birth_date
              FROM referral r
              JOIN youth y USING (youth_id)
             WHERE r.referral_id = $1
        ), said AS (
            SELECT 'alike/' || name_key || '/' || birth_date AS text FROM ours
             UNION
            SELECT 'medicaid/' || value
              FROM ours
              JOIN youth_identifier USING (youth_id)
             WHERE kind = 'medicaid'
        ), held AS MATERIALIZED (
            SELECT pg_advisory_xact_lock(number)
              FROM (SELECT hashtextextended(text, 0) AS number
                      FROM said WHERE text IS NOT NULL ORDER BY 1) AS ordered
        )
        SELECT count(*) FROM held
        """,
        referral_id,
    )


async def list_alike(conn: Connection, referral_id: UUID) -> tuple[UUID, ...]:
    """Open referrals of the same Medicaid number, or of the same name and birth date.

    Also those of a youth whom a person found to be the same child. Twins differ in name and
    number, so they never match. What is ended or itself under review is not open. Source:
    DOMAIN.md §5.1 (Duplicate).
    """
    rows = await conn.fetch(
        """
        WITH mine AS MATERIALIZED (
            SELECT y.youth_id, y.name_key, y.birth_date
              FROM referral r
              JOIN youth y USING (youth_id)
             WHERE r.referral_id = $1
        ), number AS MATERIALIZED (
            SELECT value FROM mine JOIN youth_identifier USING (youth_id) WHERE kind = 'medicaid'
        ), alike AS (
            SELECT youth_id FROM mine
             UNION
            SELECT named.youth_id
              FROM mine
             CROSS JOIN LATERAL (
                   SELECT youth_id
                     FROM youth
                    WHERE name_key = mine.name_key AND birth_date = mine.birth_date
                   OFFSET 0) AS named
             UNION
            SELECT numbered.youth_id
              FROM number
             CROSS JOIN LATERAL (
                   SELECT youth_id
                     FROM youth_identifier
                    WHERE kind = 'medicaid' AND value = number.value
                   OFFSET 0) AS numbered
             UNION
            SELECT found.youth_id
              FROM mine
             CROSS JOIN LATERAL (
                   SELECT survivor_youth_id AS youth_id
                     FROM referral_merge
                    WHERE youth_id = mine.youth_id AND undone_at IS NULL
                   OFFSET 0) AS found
             UNION
            SELECT found.youth_id
              FROM mine
             CROSS JOIN LATERAL (
                   SELECT youth_id
                     FROM referral_merge
                    WHERE survivor_youth_id = mine.youth_id AND undone_at IS NULL
                   OFFSET 0) AS found
        )
        SELECT other.referral_id
          FROM alike
         CROSS JOIN LATERAL (
               SELECT referral_id, state, received_at
                 FROM referral
                WHERE youth_id = alike.youth_id
               OFFSET 0) AS other
         WHERE other.referral_id <> $1
           AND other.state NOT IN ('duplicate_review', 'merged', 'withdrawn', 'closed')
         ORDER BY other.received_at, other.referral_id
        """,
        referral_id,
    )
    return tuple(row["referral_id"] for row in rows)
