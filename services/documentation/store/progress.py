"""Where goals began, what sessions measured, what reviews found: one youth at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from contracts.codes import GoalStatus, MeasuredBy, ProgressScale
from services.chassis.db import Connection
from services.documentation.domain.goals import Achievement
from services.documentation.domain.measures import GoalReview, Measurement


@dataclass(frozen=True, slots=True)
class WorkingGoal:
    """A goal of ours in the hub's words, as it stands."""

    goal_id: UUID
    youth_id: UUID
    referral_id: UUID
    text: str
    lifecycle: GoalStatus
    achievement: Achievement | None
    status_on: date


async def list_working_goals(conn: Connection, youth_id: UUID) -> list[WorkingGoal]:
    """All goals of a youth that we ever worked with, in the hub's order."""
    rows = await conn.fetch(
        """
        SELECT g.goal_id, g.youth_id, p.referral_id, g.description AS text, g.lifecycle,
               g.achievement, g.status_on
          FROM goal g
          JOIN care_plan p USING (care_plan_id)
         WHERE g.youth_id = $1
         ORDER BY p.referral_id, g.position, g.goal_id
        """,
        youth_id,
    )
    return [
        WorkingGoal(
            **{
                **row,
                "lifecycle": GoalStatus(row["lifecycle"]),
                "achievement": Achievement(row["achievement"]) if row["achievement"] else None,
            }
        )
        for row in rows
    ]


async def youth_by_goal(conn: Connection, goal_id: UUID) -> UUID | None:
    youth_id: UUID | None = await conn.fetchval(
        "SELECT youth_id FROM goal WHERE goal_id = $1", goal_id
    )
    return youth_id


async def list_measurements(
    conn: Connection, youth_id: UUID
) -> Mapping[UUID, Sequence[Measurement]]:
    """The ratings of final notes by goal, in the order of their sessions."""
    rows = await conn.fetch(
        """
        SELECT c.goal_id, (s.starts_at AT TIME ZONE 'America/New_York')::date AS day, c.scale,
               c.value, c.measured_by, s.session_id
          FROM session s
          JOIN session_goal c USING (session_id, version)
         WHERE s.youth_id = $1
           AND s.state = 'final'
           AND c.counts
           AND c.scale IS NOT NULL
         ORDER BY s.starts_at, s.session_id
        """,
        youth_id,
    )
    found: dict[UUID, list[Measurement]] = {}
    for goal_id, day, scale, value, measured_by, session_id in rows:
        by = MeasuredBy(measured_by)
        measured = Measurement(day, ProgressScale(scale), value, by, session_id)
        found.setdefault(goal_id, []).append(measured)
    return found


async def list_baselines(conn: Connection, youth_id: UUID) -> Mapping[UUID, Sequence[Measurement]]:
    """The levels before the work began, by goal, as somebody noted them."""
    rows = await conn.fetch(
        """
        SELECT b.goal_id, b.noted_on, b.scale, b.value, b.measured_by
          FROM goal_baseline b
          JOIN goal g USING (goal_id)
         WHERE g.youth_id = $1
         ORDER BY b.goal_id, b.scale
        """,
        youth_id,
    )
    found: dict[UUID, list[Measurement]] = {}
    for goal_id, day, scale, value, measured_by in rows:
        measured = Measurement(day, ProgressScale(scale), value, MeasuredBy(measured_by))
        found.setdefault(goal_id, []).append(measured)
    return found


async def add_baseline(conn: Connection, goal_id: UUID, level: Measurement, *, by: UUID) -> None:
    """Note a goal's level on a scale before the work began; noted again, the new one counts."""
    await conn.execute(
        """
        INSERT INTO goal_baseline (goal_id, scale, value, measured_by, noted_on, noted_by)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (goal_id, scale)
            DO UPDATE SET value = excluded.value, measured_by = excluded.measured_by,
                          noted_on = excluded.noted_on, noted_by = excluded.noted_by
        """,
        *(goal_id, level.scale, level.value, level.measured_by, level.on, by),
    )


async def list_reviews(conn: Connection, care_plan_id: UUID) -> Mapping[UUID, Sequence[GoalReview]]:
    """What reviews found, by goal of a care plan, in the order of their days."""
    rows = await conn.fetch(
        """
        SELECT r.goal_id, r.reviewed_on, r.target_met, r.progress
          FROM goal_review r
          JOIN goal g USING (goal_id)
         WHERE g.care_plan_id = $1
         ORDER BY r.goal_id, r.reviewed_on
        """,
        care_plan_id,
    )
    found: dict[UUID, list[GoalReview]] = {}
    for goal_id, day, target_met, progress in rows:
        found.setdefault(goal_id, []).append(GoalReview(day, target_met, progress))
    return found


async def add_review(conn: Connection, goal_id: UUID, found: GoalReview, *, by: UUID) -> bool:
    """Keep what a review found; False if the goal was reviewed on that day already."""
    added = await conn.fetchval(
        """
        INSERT INTO goal_review (goal_id, reviewed_on, reviewed_by, target_met, progress)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (goal_id, reviewed_on) DO NOTHING
        RETURNING true
        """,
        *(goal_id, found.on, by, found.target_met, found.progress),
    )
    return added is True


@dataclass(frozen=True, slots=True)
class HeldSession:
    """A session that counts."""

    session_id: UUID
    version: int
    day: date
    minutes: int
    units: int
    billable: bool
    place_of_service: str
    goal_ids: Sequence[UUID]


async def list_held_sessions(conn: Connection, youth_id: UUID) -> list[HeldSession]:
    """All sessions of a youth whose note is final, the first one first."""
    rows = await conn.fetch(
        """
        SELECT session_id, version, (starts_at AT TIME ZONE 'America/New_York')::date AS day,
               floor(extract(epoch FROM ends_at - starts_at) / 60)::integer AS minutes, units,
               billable, place_of_service,
               ARRAY(SELECT goal_id
                       FROM session_goal c
                      WHERE (c.session_id, c.version) = (s.session_id, s.version)
                        AND c.counts
                      ORDER BY c.position) AS goal_ids
          FROM session s
         WHERE youth_id = $1
           AND state = 'final'
         ORDER BY starts_at, session_id
        """,
        youth_id,
    )
    return [HeldSession(**row) for row in rows]


async def count_open_notes(conn: Connection, youth_id: UUID) -> int:
    """Notes that are begun and not final yet."""
    count: int = await conn.fetchval(
        """
        SELECT count(*)
          FROM session
         WHERE youth_id = $1
           AND state IN ('draft', 'submitted', 'signed')
        """,
        youth_id,
    )
    return count
