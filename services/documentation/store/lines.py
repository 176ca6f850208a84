"""Signed sessions with all that is known today of the day on which they were held."""

from datetime import date
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from services.chassis.db import Connection
from services.documentation.domain.goals import CITABLE
from services.documentation.domain.lines import Contact


async def list_contacts(
    conn: Connection, first: date, last: date, *, youth_id: UUID | None, limit: int
) -> list[Contact]:
    """The sessions of some days whose author has signed, at most so many.

    Every fact is asked as of the session's day and as it is known now: coverage, hub, the plan of
    that day, the mentor's standing. A correction counts once it is final.
    """
    rows = await conn.fetch(
        """
        SELECT s.session_id, s.version, s.youth_id, s.mentor_id, d.day, s.place_of_service,
               s.modality, s.billable, s.state = 'final' AS is_final,
               floor(extract(epoch FROM s.ends_at - s.starts_at) / 60)::integer AS minutes,
               w.product, w.payer,
               EXISTS (SELECT FROM hub_engagement h
                        WHERE h.youth_id = s.youth_id
                          AND h.active_from <= d.day
                          AND (h.active_to IS NULL OR d.day < h.active_to)) AS hub_active,
               EXISTS (SELECT FROM assignment_span a
                        WHERE a.referral_id = s.referral_id
                          AND a.youth_id = s.youth_id
                          AND a.mentor_id = s.mentor_id
                          AND a.supervisor_id <> s.mentor_id
                          AND a.begins <= d.day
                          AND (a.ends IS NULL OR d.day < a.ends)
                          AND (a.standing_until IS NULL OR d.day <= a.standing_until)
                      ) AS standing,
               EXISTS (SELECT FROM session_goal c
                         JOIN hub_plan_goal g
                           ON (g.youth_id, g.version) = (p.youth_id, p.version)
                          AND g.goal_id = c.goal_id
                        WHERE (c.session_id, c.version) = (s.session_id, s.version)
                          AND g.tm_assigned
                          AND g.status = ANY ($5)) AS goal_on_plan
          FROM session s
         CROSS JOIN LATERAL (
               SELECT (s.starts_at AT TIME ZONE 'America/New_York')::date AS day) d
          LEFT JOIN LATERAL (
               SELECT product, payer
                 FROM eligibility_window
                WHERE youth_id = s.youth_id
                  AND d.day BETWEEN valid_from AND valid_to
                ORDER BY valid_from DESC
                LIMIT 1) w ON true
          LEFT JOIN LATERAL (
               SELECT youth_id, version
                 FROM hub_plan
                WHERE referral_id = s.referral_id
                  AND effective <= d.day
                ORDER BY effective DESC, version DESC
                LIMIT 1) p ON true
         WHERE (s.starts_at AT TIME ZONE 'America/New_York')::date BETWEEN $1 AND $2
           AND (s.state = 'final' OR (s.state = 'signed' AND s.version = 1))
           AND ($3::uuid IS NULL OR s.youth_id = $3)
         ORDER BY s.starts_at, s.session_id
         LIMIT $4
        """,
        *(first, last, youth_id, limit, [status.value for status in CITABLE]),
    )
    return [
        Contact(
            **{
                **row,
                "place_of_service": PlaceOfService(row["place_of_service"]),
                "modality": Modality(row["modality"]),
            }
        )
        for row in rows
    ]
