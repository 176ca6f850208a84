"""What staff learned, and the rows that it fills. Each function is one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from contracts.codes import GoalStatus, HubService
from services.chassis.db import Connection


def staff_hub_id(referral_id: UUID) -> UUID:
    """The one hub service of a referral that staff named."""
    return uuid5(referral_id, "staff-hub")


async def add_staff_fact(
    conn: Connection,
    referral_id: UUID,
    kind: str,
    value: dict[str, Any],
    *,
    staff_id: UUID,
    now: datetime,
) -> None:
    """Keep the last word of staff on one kind of fact."""
    await conn.execute(
        """
        INSERT INTO staff_fact (referral_id, kind, value, staff_id, recorded_at)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (referral_id, kind) DO UPDATE
           SET value = $3, staff_id = $4, recorded_at = $5
        """,
        *(referral_id, kind, value, staff_id, now),
    )


async def list_staff_facts(conn: Connection, referral_id: UUID) -> dict[str, dict[str, Any]]:
    rows = await conn.fetch(
        "SELECT kind, value FROM staff_fact WHERE referral_id = $1 ORDER BY kind", referral_id
    )
    return {row["kind"]: row["value"] for row in rows}


async def update_birth_date(conn: Connection, youth_id: UUID, birth_date: date) -> None:
    """Fill a birth date that the hub left out; one that it gave stays."""
    await conn.execute(
        """
        UPDATE youth SET birth_date = $2, updated_at = now()
         WHERE youth_id = $1 AND birth_date IS NULL
        """,
        *(youth_id, birth_date),
    )


async def update_deceased(conn: Connection, youth_id: UUID, *, deceased: bool) -> None:
    await conn.execute(
        """
        UPDATE youth SET deceased = $2, updated_at = now()
         WHERE youth_id = $1 AND deceased <> $2
        """,
        *(youth_id, deceased),
    )


@dataclass(frozen=True, slots=True)
class LearnedHub:
    enrolment_id: UUID
    organisation_id: UUID
    hub_service: HubService
    begins: date | None
    ends: date | None


async def add_hub(
    conn: Connection, referral_id: UUID, youth_id: UUID, hub: LearnedHub
) -> date | None:
    """Lay a hub service that staff learned of beside the hub's own evidence.

    Gives the day from which it was announced before; None when it never was.
    """
    announced: date | None = await conn.fetchval(
        """
        INSERT INTO hub_enrolment (enrolment_id, referral_id, youth_id, organisation_id,
                                   hub_service, begins, ends, holds)
        VALUES ($1, $2, $3, $4, $5, $6, $7, true)
            ON CONFLICT (enrolment_id) DO UPDATE
           SET organisation_id = $4, hub_service = $5, begins = $6, ends = $7, updated_at = now()
        RETURNING engaged_from
        """,
        *(hub.enrolment_id, referral_id, youth_id, hub.organisation_id, hub.hub_service),
        *(hub.begins, hub.ends),
    )
    return announced


async def update_hub_ended(
    conn: Connection,
    referral_id: UUID,
    organisation_id: UUID,
    service: HubService,
    *,
    ends: date,
) -> None:
    """End a hub service, whoever named it; `ends` is its last day. What begins later stays."""
    await conn.execute(
        """
        UPDATE hub_enrolment SET ends = $4, updated_at = now()
         WHERE referral_id IN (SELECT part_id FROM referral_part WHERE referral_id = $1)
           AND organisation_id = $2 AND hub_service = $3
           AND (begins IS NULL OR begins <= $4)
           AND (ends IS NULL OR ends > $4)
        """,
        *(referral_id, organisation_id, service, ends),
    )


async def update_engaged(conn: Connection, enrolment_id: UUID, engaged_from: date | None) -> None:
    await conn.execute(
        "UPDATE hub_enrolment SET engaged_from = $2 WHERE enrolment_id = $1",
        *(enrolment_id, engaged_from),
    )


@dataclass(frozen=True, slots=True)
class LearnedCoverage:
    coverage_id: UUID
    payer_id: UUID
    member_id: str
    rank: int


async def add_coverage(
    conn: Connection, referral_id: UUID, youth_id: UUID, coverage: LearnedCoverage
) -> None:
    """Lay a coverage that staff learned of beside those that the hub names."""
    await conn.execute(
        """
        INSERT INTO coverage (coverage_id, youth_id, referral_id, payer_id, member_id, status,
                              rank)
        VALUES ($1, $2, $3, $4, $5, 'active', $6)
            ON CONFLICT (coverage_id) DO UPDATE SET is_named = true, rank = $6, updated_at = now()
        """,
        *(coverage.coverage_id, youth_id, referral_id, coverage.payer_id),
        *(coverage.member_id, coverage.rank),
    )


@dataclass(frozen=True, slots=True)
class CurrentGoal:
    goal_id: UUID
    tm_assigned: bool
    status: GoalStatus


async def list_goals(conn: Connection, youth_id: UUID) -> list[CurrentGoal]:
    """The goals of the youth's plan as it now stands."""
    rows = await conn.fetch(
        """
        SELECT goal_id, tm_assigned, status
          FROM hub_goal
         WHERE youth_id = $1
           AND version = (SELECT max(version) FROM hub_plan WHERE youth_id = $1)
         ORDER BY position
        """,
        youth_id,
    )
    return [
        CurrentGoal(row["goal_id"], row["tm_assigned"], GoalStatus(row["status"])) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class NewPlan:
    version: int
    begins: date | None
    ends: date | None


async def add_plan_with_goals(
    conn: Connection, youth_id: UUID, tm_goals: Sequence[UUID], *, effective: date
) -> NewPlan | None:
    """The plan's next version, in which these goals name TM too; None when there is no plan."""
    row = await conn.fetchrow(
        """
        WITH last AS (
            SELECT version, referral_id, plan_id, title, author, begins, ends
              FROM hub_plan
             WHERE youth_id = $1
             ORDER BY version DESC
             LIMIT 1
        ), told AS (
            INSERT INTO hub_plan (youth_id, version, referral_id, plan_id, title, author, begins,
                                  ends, effective)
            SELECT $1, version + 1, referral_id, plan_id, title, author, begins, ends, $3
              FROM last
            RETURNING version, begins, ends
        ), goals AS (
            INSERT INTO hub_goal (youth_id, version, goal_id, position, mirror_id, tm_assigned,
                                  status, wording, details)
            SELECT $1, told.version, g.goal_id, g.position, g.mirror_id,
                   g.tm_assigned OR g.goal_id = ANY ($2), g.status, g.wording, g.details
              FROM told, last
              JOIN hub_goal g ON g.youth_id = $1 AND g.version = last.version
        )
        SELECT version, begins, ends FROM told
        """,
        *(youth_id, list(tm_goals), effective),
    )
    return NewPlan(**row) if row else None


async def update_wishes(
    conn: Connection,
    referral_id: UUID,
    *,
    gender_required: str | None,
    gender_preferred: str | None,
    windows: list[dict[str, Any]] | None,
    hours_per_week: float | None,
) -> None:
    """What the family wishes of a mentor; None leaves windows and hours as they are."""
    await conn.execute(
        """
        UPDATE referral
           SET mentor_gender_required = $2, mentor_gender_preferred = $3,
               windows = coalesce($4, windows), hours_per_week = coalesce($5, hours_per_week),
               updated_at = now()
         WHERE referral_id = $1
        """,
        *(referral_id, gender_required, gender_preferred, windows, hours_per_week),
    )
