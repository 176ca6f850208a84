"""What partners read, each row joined to its reader: who may not read a youth finds no row.

A hub reads on the days on which it is an active hub and a release stands; a payer reads sessions
whose day lies in its coverage. Source: DOMAIN 4 (Readers), chassis/fhir/readers.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from contracts.codes import GoalStatus, PartnerKind, PlaceOfService, ProgressScale
from services.chassis.db import Connection, Record
from services.documentation.domain.goals import Achievement
from services.documentation.domain.views import (
    CarePlanView,
    GoalView,
    RatingView,
    Reader,
    SessionView,
)

V = TypeVar("V", SessionView, GoalView, CarePlanView)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who reads, on which day, and what of it; None leaves open. `limit` rows after (at, id)."""

    organisation_id: UUID
    kind: PartnerKind
    on: date
    ids: Sequence[UUID] | None = None
    youths: Sequence[UUID] | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    changed_from: datetime | None = None
    changed_before: datetime | None = None
    after_at: datetime | None = None
    after_id: UUID | None = None
    limit: int = 1


async def list_sessions(conn: Connection, asked: Asked) -> list[tuple[SessionView, Reader]]:
    """Final sessions, in the order of (updated_at, id); `begins` to `ends` is overlapped."""
    rows = await conn.fetch(
        """
        SELECT s.session_id, s.version, s.updated_at, s.youth_id, s.referral_id, s.mentor_id,
               s.starts_at, s.ends_at, s.place_of_service,
               floor(extract(epoch FROM s.ends_at - s.starts_at) / 60)::integer AS minutes,
               r.kind, r.system, r.value,
               coalesce(sent.organisation_id = r.organisation_id, false) AS is_sender
          FROM session s
          JOIN reader r
            ON r.stream_id = s.youth_id
           AND r.organisation_id = $1
           AND r.kind = $2
           AND r.released
           AND r.reads @> CASE r.kind
                          WHEN 'hub' THEN $3::date
                          ELSE (s.starts_at AT TIME ZONE 'America/New_York')::date END
          LEFT JOIN referral sent USING (referral_id)
         WHERE s.state = 'final'
           AND ($4::uuid[] IS NULL OR s.session_id = ANY ($4))
           AND ($5::uuid[] IS NULL OR s.youth_id = ANY ($5))
           AND ($6::timestamptz IS NULL OR s.updated_at >= $6)
           AND ($7::timestamptz IS NULL OR s.updated_at < $7)
           AND ($8::timestamptz IS NULL OR (s.updated_at, s.session_id) > ($8, $9::uuid))
           AND ($11::timestamptz IS NULL OR s.ends_at > $11)
           AND ($12::timestamptz IS NULL OR s.starts_at < $12)
         ORDER BY s.updated_at, s.session_id
         LIMIT $10
        """,
        *common(asked),
        *(asked.begins, asked.ends),
    )
    place = ("place_of_service", PlaceOfService)
    return [(view(SessionView, row, dict([place])), reader(row)) for row in rows]


async def list_goals(conn: Connection, asked: Asked) -> list[tuple[GoalView, Reader]]:
    """Working goals with their words, in the order of (updated_at, id)."""
    rows = await conn.fetch(
        """
        SELECT g.goal_id, g.version, g.updated_at, g.youth_id, p.referral_id, g.description,
               g.category, g.target, g.identifiers, g.start_date, g.expressed_by, g.lifecycle,
               g.achievement, g.status_on, g.status_reason,
               r.kind, r.system, r.value,
               coalesce(sent.organisation_id = r.organisation_id, false) AS is_sender
          FROM goal g
          JOIN care_plan p USING (care_plan_id)
          JOIN reader r
            ON r.stream_id = g.youth_id
           AND r.organisation_id = $1
           AND r.kind = $2
           AND r.kind = 'hub'
           AND r.released
           AND r.reads @> $3::date
          LEFT JOIN referral sent ON sent.referral_id = p.referral_id
         WHERE ($4::uuid[] IS NULL OR g.goal_id = ANY ($4))
           AND ($5::uuid[] IS NULL OR g.youth_id = ANY ($5))
           AND ($6::timestamptz IS NULL OR g.updated_at >= $6)
           AND ($7::timestamptz IS NULL OR g.updated_at < $7)
           AND ($8::timestamptz IS NULL OR (g.updated_at, g.goal_id) > ($8, $9::uuid))
         ORDER BY g.updated_at, g.goal_id
         LIMIT $10
        """,
        *common(asked),
    )
    ratings = await list_ratings(conn, [row["goal_id"] for row in rows])
    return [(goal_from(row, ratings), reader(row)) for row in rows]


async def list_care_plans(conn: Connection, asked: Asked) -> list[tuple[CarePlanView, Reader]]:
    """Care plans that can be shown, with their goals, in the order of (updated_at, id)."""
    rows = await conn.fetch(
        """
        SELECT p.care_plan_id, p.version, p.updated_at, p.youth_id, p.referral_id, p.created_on,
               e.opened_on, e.held_from, e.closed_on, h.period_end AS ends_on,
               t.plan_reference, t.title AS plan_title, a.mentor_id, a.supervisor_id,
               r.kind, r.system, r.value,
               coalesce(sent.organisation_id = r.organisation_id, false) AS is_sender
          FROM care_plan p
          JOIN reader r
            ON r.stream_id = p.youth_id
           AND r.organisation_id = $1
           AND r.kind = $2
           AND r.kind = 'hub'
           AND r.released
           AND r.reads @> $3::date
          LEFT JOIN referral sent ON sent.referral_id = p.referral_id
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
                              ORDER BY assigned_on DESC, assignment_id LIMIT 1) a ON true
         WHERE p.created_on IS NOT NULL
           AND ($4::uuid[] IS NULL OR p.care_plan_id = ANY ($4))
           AND ($5::uuid[] IS NULL OR p.youth_id = ANY ($5))
           AND ($6::timestamptz IS NULL OR p.updated_at >= $6)
           AND ($7::timestamptz IS NULL OR p.updated_at < $7)
           AND ($8::timestamptz IS NULL OR (p.updated_at, p.care_plan_id) > ($8, $9::uuid))
         ORDER BY p.updated_at, p.care_plan_id
         LIMIT $10
        """,
        *common(asked),
    )
    goals = await goals_by_plan(conn, [row["care_plan_id"] for row in rows])
    return [
        (view(CarePlanView, row, {}, goals=goals.get(row["care_plan_id"], ())), reader(row))
        for row in rows
    ]


async def goals_by_plan(
    conn: Connection, care_plans: Sequence[UUID]
) -> Mapping[UUID, tuple[GoalView, ...]]:
    """The goals of care plans that somebody may read already, in the hub's order."""
    rows = await conn.fetch(
        """
        SELECT g.care_plan_id, g.goal_id, g.version, g.updated_at, g.youth_id, p.referral_id,
               g.description, g.category, g.target, g.identifiers, g.start_date, g.expressed_by,
               g.lifecycle, g.achievement, g.status_on, g.status_reason
          FROM goal g
          JOIN care_plan p USING (care_plan_id)
         WHERE g.care_plan_id = ANY ($1::uuid[])
         ORDER BY g.position, g.goal_id
        """,
        list(care_plans),
    )
    ratings = await list_ratings(conn, [row["goal_id"] for row in rows])
    found: dict[UUID, tuple[GoalView, ...]] = {}
    for row in rows:
        plan = row["care_plan_id"]
        found[plan] = (*found.get(plan, ()), goal_from(row, ratings))
    return found


async def list_ratings(
    conn: Connection, goals: Sequence[UUID]
) -> Mapping[UUID, tuple[RatingView, ...]]:
    """Ratings of final notes by goal, in the order of their sessions."""
    rows = await conn.fetch(
        """
        SELECT c.goal_id, c.scale, c.value, s.mentor_id,
               coalesce(s.cosigned_at, s.signed_at) AS noted_at
          FROM session_goal c
          JOIN session s USING (session_id, version)
         WHERE c.goal_id = ANY ($1::uuid[])
           AND c.scale IS NOT NULL
           AND c.counts
           AND s.state = 'final'
         ORDER BY s.starts_at, s.session_id
        """,
        list(goals),
    )
    found: dict[UUID, tuple[RatingView, ...]] = {}
    for row in rows:
        rating = RatingView(
            ProgressScale(row["scale"]), row["value"], row["mentor_id"], row["noted_at"]
        )
        found[row["goal_id"]] = (*found.get(row["goal_id"], ()), rating)
    return found


# --- Rows into values ------------------------------------------------------------------------


def common(asked: Asked) -> tuple[Any, ...]:
    """Parameters $1 to $10, the same in every search."""
    return (
        *(asked.organisation_id, asked.kind, asked.on, asked.ids, asked.youths),
        *(asked.changed_from, asked.changed_before, asked.after_at, asked.after_id, asked.limit),
    )


def view(kind: type[V], row: Record, codes: Mapping[str, Any], **more: Any) -> V:
    """A row whose columns are named as the fields are; `codes` says which become an enum."""
    columns = set(row.keys())
    plain: dict[str, Any] = {f.name: row[f.name] for f in fields(kind) if f.name in columns}
    for name, code in codes.items():
        plain[name] = code(plain[name]) if plain[name] is not None else None
    return kind(**plain, **more)


def goal_from(row: Record, ratings: Mapping[UUID, tuple[RatingView, ...]]) -> GoalView:
    codes = {"lifecycle": GoalStatus, "achievement": Achievement}
    return view(GoalView, row, codes, ratings=ratings.get(row["goal_id"], ()))


def reader(row: Record) -> Reader:
    return Reader(PartnerKind(row["kind"]), row["is_sender"], row["system"], row["value"])
