"""Working goals and our care plans, with the ratings of final notes."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from contracts.codes import GoalStatus
from services.chassis.db import Connection, Record
from services.documentation.domain.goals import Achievement
from services.documentation.domain.views import CarePlanView, GoalView, RatingView, Reader
from services.documentation.store.reads.page import Asked, Page, among, reader, rows_of, view
from services.documentation.store.reads.ratings import list_ratings

# As text: a target's decimals go out with the digits that came.
GOAL = """g.goal_id, g.version, g.description, g.category, g.target::text AS target,
               g.identifiers, g.start_date, g.expressed_by, g.lifecycle, g.achievement,
               g.status_on, g.status_reason"""
GOALS = Page(
    GOAL,
    """(SELECT goal.*, care_plan.referral_id
                  FROM goal
                  JOIN care_plan USING (care_plan_id)) g""",
    row="g",
    id_="g.goal_id",
    where="r.kind = 'hub'",
)
CARE_PLANS = Page(
    """p.care_plan_id, p.version, p.created_on, e.opened_on, e.held_from, e.closed_on,
               h.period_end AS ends_on, t.plan_reference, t.title AS plan_title, a.mentor_id,
               a.supervisor_id""",
    """care_plan p
          LEFT JOIN LATERAL (SELECT opened_on, held_from, closed_on FROM episode
                              WHERE referral_id = p.referral_id
                              ORDER BY opened_on DESC, episode_id LIMIT 1) e ON true
          LEFT JOIN LATERAL (SELECT period_end FROM hub_plan
                              WHERE referral_id = p.referral_id
                              ORDER BY version DESC LIMIT 1) h ON true
          LEFT JOIN LATERAL (SELECT plan_reference, title FROM hub_plan
                              WHERE referral_id = p.referral_id AND text_at IS NOT NULL
                              ORDER BY version DESC LIMIT 1) t ON true
          LEFT JOIN LATERAL (SELECT mentor_id, supervisor_id FROM assignment
                              WHERE referral_id = p.referral_id
                              ORDER BY assigned_on DESC, assignment_id LIMIT 1) a ON true""",
    row="p",
    id_="p.care_plan_id",
    where="r.kind = 'hub' AND p.created_on IS NOT NULL",
)


async def list_goals(conn: Connection, asked: Asked) -> list[tuple[GoalView, Reader]]:
    """Working goals with their words, in the order of (updated_at, id)."""
    rows = await rows_of(conn, GOALS, asked)
    ratings = await list_ratings(conn, [row["goal_id"] for row in rows])
    return [(goal_from(row, ratings), reader(row)) for row in rows]


async def list_care_plans(conn: Connection, asked: Asked) -> list[tuple[CarePlanView, Reader]]:
    """Care plans that can be shown, with their goals, in the order of (updated_at, id)."""
    rows = await rows_of(conn, CARE_PLANS, asked)
    goals = await goals_by_plan(conn, [row["care_plan_id"] for row in rows])
    return [
        (view(CarePlanView, row, {}, goals=goals.get(row["care_plan_id"], ())), reader(row))
        for row in rows
    ]


async def goals_by_plan(
    conn: Connection, care_plans: Sequence[UUID]
) -> Mapping[UUID, tuple[GoalView, ...]]:
    """The goals of care plans that somebody may read already, in the hub's order."""
    condition, value = among("g.care_plan_id", care_plans)
    rows = await conn.fetch(
        f"""
        SELECT g.care_plan_id, g.updated_at, g.youth_id, p.referral_id, {GOAL}
          FROM goal g
          JOIN care_plan p USING (care_plan_id)
         WHERE {condition.format("$1")}
         ORDER BY g.position, g.goal_id
        """,  # noqa: S608 (constants)
        value,
    )
    ratings = await list_ratings(conn, [row["goal_id"] for row in rows])
    found: dict[UUID, tuple[GoalView, ...]] = {}
    for row in rows:
        plan = row["care_plan_id"]
        found[plan] = (*found.get(plan, ()), goal_from(row, ratings))
    return found


def goal_from(row: Record, ratings: Mapping[UUID, tuple[RatingView, ...]]) -> GoalView:
    codes: dict[str, Any] = {
        "lifecycle": GoalStatus,
        "achievement": Achievement,
        "target": lambda text: json.loads(text, parse_float=Decimal),
    }
    return view(GoalView, row, codes, ratings=ratings.get(row["goal_id"], ()))
