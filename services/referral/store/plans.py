"""The hub's plan, version by version, and the papers that came with a referral."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.chassis.db import Connection
from services.referral.domain.intake import Document, SentPlan


async def add_plan(
    conn: Connection,
    youth_id: UUID,
    referral_id: UUID,
    plan: SentPlan,
    *,
    details: Sequence[bytes],
    effective: date,
) -> int:
    """Store the plan as the youth's next version; returns its number.

    `details`: JSON of what else the hub said of each goal, as it was written.
    """
    version: int = await conn.fetchval(
        """
        WITH told AS (
            INSERT INTO hub_plan (youth_id, version, referral_id, plan_id, title, author, begins,
                                  ends, effective)
            SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6, $7, $8
              FROM hub_plan
             WHERE youth_id = $1
            RETURNING version
        ), goals AS (
            INSERT INTO hub_goal (youth_id, version, goal_id, position, mirror_id, tm_assigned,
                                  status, wording, details)
            SELECT $1, told.version, g.goal_id, g.position, g.mirror_id, g.tm_assigned, g.status,
                   g.wording, g.details::jsonb
              FROM told, unnest($9::uuid[], $10::text[], $11::boolean[], $12::text[], $13::text[],
                                $14::text[])
                    WITH ORDINALITY
                AS g (goal_id, mirror_id, tm_assigned, status, wording, details, position)
        )
        SELECT version FROM told
        """,
        *(youth_id, referral_id, plan.plan_id, plan.title, plan.author, plan.begins, plan.ends),
        effective,
        [goal.goal_id for goal in plan.goals],
        [goal.mirror_id for goal in plan.goals],
        [plan.assigned_on(goal, effective) for goal in plan.goals],
        [goal.status for goal in plan.goals],
        [goal.wording for goal in plan.goals],
        [text.decode() for text in details],
    )
    return version


async def plan_by_version(conn: Connection, youth_id: UUID, version: int) -> str | None:
    """One version of the hub's plan with its goals, as documentation asks for it.

    As text: a target's decimals keep the digits that the hub gave them.
    """
    found: str | None = await conn.fetchval(
        """
        SELECT json_build_object(
                   'youth_id', p.youth_id, 'version', p.version, 'referral_id', p.referral_id,
                   'organisation_id', r.organisation_id, 'hub_service', r.hub_service,
                   'plan_reference', 'CarePlan/' || p.plan_id, 'plan_title', p.title,
                   'author_reference', p.author,
                   'period', json_build_object('start', p.begins, 'end', p.ends),
                   'goals', coalesce((
                       SELECT json_agg(json_build_object(
                                  'goal_id', g.goal_id, 'tm_assigned', g.tm_assigned,
                                  'status', g.status, 'text', g.wording,
                                  'category', coalesce(g.details -> 'category', '[]'),
                                  'target', coalesce(g.details -> 'target', '[]'),
                                  'start_date', g.details ->> 'startDate',
                                  'identifiers', coalesce(g.details -> 'identifier', '[]'),
                                  'expressed_by', g.details -> 'expressedBy' ->> 'reference')
                              ORDER BY g.position)
                         FROM hub_goal g
                        WHERE g.youth_id = p.youth_id AND g.version = p.version), '[]'))
          FROM hub_plan p
          JOIN referral r USING (referral_id)
         WHERE p.youth_id = $1 AND p.version = $2
        """,
        *(youth_id, version),
    )
    return found


async def add_documents(conn: Connection, referral_id: UUID, documents: Sequence[Document]) -> None:
    """Store which papers a referral now has; one that was taken back goes."""
    await conn.execute(
        """
        WITH told AS (
            INSERT INTO referral_document (referral_id, kind, evidence_id, dated)
            SELECT $1, * FROM unnest($2::text[], $3::text[], $4::date[])
                ON CONFLICT (referral_id, kind, evidence_id) DO UPDATE SET dated = excluded.dated
        )
        DELETE FROM referral_document
         WHERE referral_id = $1
           AND (kind, evidence_id) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
        """,
        referral_id,
        [document.kind for document in documents],
        [document.evidence_id for document in documents],
        [document.dated for document in documents],
    )
