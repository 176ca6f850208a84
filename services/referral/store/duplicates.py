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
        WITH mine AS (
            SELECT y.youth_id, y.name_key, y.birth_date
              FROM referral r
              JOIN youth y USING (youth_id)
             WHERE r.referral_id = $1
        )
        SELECT other.referral_id
          FROM mine, referral other
          JOIN youth y USING (youth_id)
         WHERE other.referral_id <> $1
           AND other.state NOT IN ('duplicate_review', 'merged', 'withdrawn', 'closed')
           AND (   y.youth_id = mine.youth_id
                OR (y.name_key = mine.name_key AND y.birth_date = mine.birth_date)
                OR EXISTS (
                   SELECT
                     FROM referral_merge m
                    WHERE m.undone_at IS NULL
                      AND (m.youth_id, m.survivor_youth_id)
                          IN ((mine.youth_id, y.youth_id), (y.youth_id, mine.youth_id)))
                OR EXISTS (
                   SELECT
                     FROM youth_identifier a
                     JOIN youth_identifier b ON b.kind = 'medicaid' AND b.value = a.value
                    WHERE a.kind = 'medicaid'
                      AND a.youth_id = mine.youth_id
                      AND b.youth_id = y.youth_id))
         ORDER BY other.received_at, other.referral_id
        """,
        referral_id,
    )
    return tuple(row["referral_id"] for row in rows)
