"""The hub's plan by version, our care plan, and the goals in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from contracts.codes import GoalStatus, ProgressScale
from services.chassis.db import Connection
from services.documentation.domain.goals import (
    Achievement,
    GoalText,
    PlannedGoal,
    PlanText,
    PlanVersion,
    Standing,
)


async def add_plan_version(
    conn: Connection, youth_id: UUID, referral_id: UUID, plan: PlanVersion
) -> bool:
    """Store a version of the hub's plan, without words yet; False if it is known."""
    added = await conn.fetchval(
        """
        INSERT INTO hub_plan (youth_id, version, referral_id, effective, period_start, period_end)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (youth_id, version) DO NOTHING
        RETURNING true
        """,
        *(youth_id, plan.version, referral_id, plan.effective),
        *(plan.period_start, plan.period_end),
    )
    return added is True


async def add_plan_goals(conn: Connection, youth_id: UUID, plan: PlanVersion) -> None:
    await conn.executemany(
        """
        INSERT INTO hub_plan_goal (youth_id, version, goal_id, tm_assigned, status)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (youth_id, version, goal_id) DO NOTHING
        """,
        [(youth_id, plan.version, g.goal_id, g.tm_assigned, g.status) for g in plan.goals],
    )


async def update_plan_text(conn: Connection, youth_id: UUID, text: PlanText) -> None:
    """The words of a version have come."""
    await conn.execute(
        """
        UPDATE hub_plan
           SET title = $3, plan_reference = $4, author_reference = $5, text_at = now()
         WHERE youth_id = $1
           AND version = $2
        """,
        *(youth_id, text.version, text.title, text.plan_reference, text.author_reference),
    )


async def list_plan_versions(conn: Connection, referral_id: UUID) -> list[PlanVersion]:
    """All versions of the plan behind a referral, in the order of their numbers."""
    rows = await conn.fetch(
        """
        SELECT p.version, p.effective, p.period_start, p.period_end,
               coalesce(
                   jsonb_agg(jsonb_build_array(g.goal_id, g.tm_assigned, g.status)
                             ORDER BY g.goal_id) FILTER (WHERE g.goal_id IS NOT NULL),
                   '[]') AS goals
          FROM hub_plan p
          LEFT JOIN hub_plan_goal g USING (youth_id, version)
         WHERE p.referral_id = $1
         GROUP BY p.youth_id, p.version
         ORDER BY p.version
        """,
        referral_id,
    )
    return [
        PlanVersion(
            **{name: row[name] for name in ("version", "effective", "period_start", "period_end")},
            goals=tuple(
                PlannedGoal(UUID(goal_id), tm_assigned, GoalStatus(status))
                for goal_id, tm_assigned, status in row["goals"]
            ),
        )
        for row in rows
    ]


async def add_care_plan(
    conn: Connection, care_plan_id: UUID, referral_id: UUID, youth_id: UUID
) -> None:
    """The row on which all changes of one care plan queue; it is shown once words have come."""
    await conn.execute(
        """
        INSERT INTO care_plan (care_plan_id, referral_id, youth_id)
        VALUES ($1, $2, $3)
            ON CONFLICT (care_plan_id) DO NOTHING
        """,
        *(care_plan_id, referral_id, youth_id),
    )


async def lock_care_plan(conn: Connection, care_plan_id: UUID) -> None:
    await conn.execute("SELECT FROM care_plan WHERE care_plan_id = $1 FOR UPDATE", care_plan_id)


async def update_care_plan_shown(conn: Connection, care_plan_id: UUID, *, on: date) -> None:
    """The first words of the hub's plan have come: from now on partners may read ours."""
    await conn.execute(
        """
        UPDATE care_plan
           SET created_on = $2
         WHERE care_plan_id = $1
           AND created_on IS NULL
        """,
        *(care_plan_id, on),
    )


async def update_care_plan_version(conn: Connection, referral_id: UUID) -> None:
    """Something that the care plan shows has changed; counts for nobody before it is shown."""
    await conn.execute(
        """
        UPDATE care_plan
           SET version = version + 1, updated_at = now()
         WHERE referral_id = $1
           AND created_on IS NOT NULL
        """,
        referral_id,
    )


async def add_goal(
    conn: Connection, care_plan_id: UUID, youth_id: UUID, text: GoalText, *, on: date, position: int
) -> bool:
    """A goal in the hub's words, of which nothing is decided yet; False if it is known."""
    added = await conn.fetchval(
        """
        INSERT INTO goal (goal_id, care_plan_id, youth_id, description, category, target,
                          start_date, identifiers, expressed_by, position, lifecycle, status_on)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (goal_id) DO NOTHING
        RETURNING true
        """,
        *(text.goal_id, care_plan_id, youth_id, text.description, list(text.category)),
        *(list(text.target), text.start_date, list(text.identifiers), text.expressed_by),
        *(position, GoalStatus.PROPOSED, on),
    )
    return added is True


async def list_referrals_with_plan(conn: Connection, youth_id: UUID) -> list[UUID]:
    rows = await conn.fetch(
        "SELECT referral_id FROM care_plan WHERE youth_id = $1 ORDER BY referral_id", youth_id
    )
    return [row["referral_id"] for row in rows]


async def list_goal_texts(conn: Connection, goal_ids: Iterable[UUID]) -> list[GoalText]:
    rows = await conn.fetch(
        """
        SELECT goal_id, description, category, target, start_date, identifiers, expressed_by
          FROM goal
         WHERE goal_id = ANY ($1::uuid[])
         ORDER BY position, goal_id
        """,
        list(goal_ids),
    )
    return [GoalText(**row) for row in rows]


async def update_goal_text(conn: Connection, text: GoalText) -> None:
    """The hub's words as they now are; unchanged words make no new version."""
    await conn.execute(
        """
        UPDATE goal
           SET description = $2, category = $3, target = $4, start_date = $5, identifiers = $6,
               expressed_by = $7, version = version + 1, updated_at = now()
         WHERE goal_id = $1
           AND (description, category, target, start_date, identifiers, expressed_by)
               IS DISTINCT FROM ($2, $3::jsonb, $4::jsonb, $5, $6::jsonb, $7)
        """,
        *(text.goal_id, text.description, list(text.category), list(text.target)),
        *(text.start_date, list(text.identifiers), text.expressed_by),
    )


async def list_standings(conn: Connection, care_plan_id: UUID) -> list[Standing]:
    rows = await conn.fetch(
        """
        SELECT goal_id, lifecycle, achievement, status_reason
          FROM goal
         WHERE care_plan_id = $1
         ORDER BY position, goal_id
        """,
        care_plan_id,
    )
    return [
        Standing(
            row["goal_id"],
            GoalStatus(row["lifecycle"]),
            Achievement(row["achievement"]) if row["achievement"] else None,
            row["status_reason"],
        )
        for row in rows
    ]


async def update_standing(conn: Connection, standing: Standing, *, on: date) -> bool:
    """Move a goal on; False when it stands so already."""
    changed = await conn.fetchval(
        """
        UPDATE goal
           SET lifecycle = $2, achievement = $3, status_reason = $4, status_on = $5,
               version = version + 1, updated_at = now()
         WHERE goal_id = $1
           AND (lifecycle, achievement, status_reason) IS DISTINCT FROM ($2, $3, $4)
        RETURNING true
        """,
        *(standing.goal_id, standing.lifecycle, standing.achievement, standing.reason, on),
    )
    return changed is True


async def update_goal_versions(conn: Connection, goal_ids: Iterable[UUID]) -> None:
    """What these goals show has changed, though not where they stand: a further rating."""
    await conn.execute(
        """
        UPDATE goal
           SET version = version + 1, updated_at = now()
         WHERE goal_id = ANY ($1::uuid[])
        """,
        list(goal_ids),
    )


@dataclass(slots=True)
class Work:
    """What final notes say of a goal: that it was worked on, and its ratings in order."""

    values: list[tuple[ProgressScale, float]] = field(default_factory=list)


async def list_work(conn: Connection, care_plan_id: UUID) -> dict[UUID, Work]:
    """The goals of a care plan that sessions have worked on; ratings in the sessions' order."""
    rows = await conn.fetch(
        """
        SELECT c.goal_id, c.scale, c.value
          FROM goal g
          JOIN session_goal c USING (goal_id)
          JOIN session s ON (s.session_id, s.version) = (c.session_id, c.version)
         WHERE g.care_plan_id = $1
           AND s.state = 'final'
           AND c.counts
         ORDER BY s.starts_at, s.session_id
        """,
        care_plan_id,
    )
    found: dict[UUID, Work] = {}
    for row in rows:
        work = found.setdefault(row["goal_id"], Work())
        if row["scale"]:
            work.values.append((ProgressScale(row["scale"]), row["value"]))
    return found


async def value_before(
    conn: Connection, goal_id: UUID, scale: ProgressScale, at: datetime
) -> float | None:
    """A goal's last value on a scale from an earlier, final session; None for the first."""
    value: float | None = await conn.fetchval(
        """
        SELECT c.value
          FROM session_goal c
          JOIN session s USING (session_id, version)
         WHERE c.goal_id = $1
           AND c.scale = $2
           AND c.counts
           AND s.state = 'final'
           AND s.starts_at < $3
         ORDER BY s.starts_at DESC
         LIMIT 1
        """,
        *(goal_id, scale, at),
    )
    return value
