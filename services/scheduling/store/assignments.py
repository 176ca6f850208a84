"""Who mentors whom, why this mentor and not another, and what is offered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.db import Connection, Record
from services.scheduling.domain.episodes import Assignment, EndOfAssignment
from services.scheduling.domain.matching import Match
from services.scheduling.domain.offers import DeclinedBy, OfferState


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A referral that waited longer and could have had the mentor."""

    referral_id: UUID
    days_waiting: int


@dataclass(frozen=True, slots=True)
class Passed:
    """Who was passed over by an assignment, and why."""

    over: tuple[PassedOver, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """An assignment as it was made: who was passed over, every mentor as judged then."""

    assignment: Assignment
    ended: date | None
    end_reason: EndOfAssignment | None
    passed: Passed
    considered: tuple[dict[str, Any], ...]


async def add_assignment(
    conn: Connection,
    assignment: Assignment,
    *,
    assigned_by: UUID,
    passed: Passed,
    considered: Sequence[Match],
) -> bool:
    """Give a youth a mentor; False if the referral has one already."""
    added = await conn.fetchval(
        """
        INSERT INTO assignment
               (assignment_id, referral_id, youth_id, mentor_id, supervisor_id, standing_until,
                hours_per_week, score, reasons, passed_over, passed_reason, began, assigned_by,
                considered)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            ON CONFLICT (referral_id) WHERE ended IS NULL DO NOTHING
        RETURNING true
        """,
        *(assignment.assignment_id, assignment.referral_id, assignment.youth_id),
        *(assignment.mentor_id, assignment.supervisor_id, assignment.standing_until),
        *(assignment.hours_per_week, assignment.score, list(assignment.reasons)),
        *(len(passed.over), passed.reason, assignment.began, assigned_by),
        [as_json(match) for match in considered],
    )
    return added is True


async def assignment_by_referral(conn: Connection, referral_id: UUID) -> Assignment | None:
    """The assignment that runs now."""
    row = await conn.fetchrow(
        """
        SELECT assignment_id, referral_id, youth_id, mentor_id, supervisor_id, standing_until,
               hours_per_week, score, reasons, began
          FROM assignment
         WHERE referral_id = $1 AND ended IS NULL
        """,
        referral_id,
    )
    return assignment_of(row) if row else None


def assignment_of(row: Record) -> Assignment:
    return Assignment(
        row["assignment_id"],
        row["referral_id"],
        row["youth_id"],
        row["mentor_id"],
        row["supervisor_id"],
        standing_until=row["standing_until"],
        hours_per_week=row["hours_per_week"],
        score=row["score"],
        reasons=tuple(row["reasons"]),
        began=row["began"],
    )


async def update_assignment_end(
    conn: Connection, referral_id: UUID, *, ended: date, reason: EndOfAssignment
) -> None:
    """`ended` is the last day; one that ended before it began ended on its first."""
    await conn.execute(
        """
        UPDATE assignment SET ended = greatest(began, $2), end_reason = $3
         WHERE referral_id = $1 AND ended IS NULL
        """,
        *(referral_id, ended, reason),
    )


async def assignment_by_id(conn: Connection, assignment_id: UUID) -> Made | None:
    row = await conn.fetchrow(
        """
        SELECT assignment_id, referral_id, youth_id, mentor_id, supervisor_id, standing_until,
               hours_per_week, score, reasons, began, ended, end_reason, passed_reason, considered,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(referral_id, days_waiting)
                                          ORDER BY days_waiting DESC, referral_id), '[]')
                  FROM passed_over WHERE assignment_id = a.assignment_id) AS over
          FROM assignment a
         WHERE assignment_id = $1
        """,
        assignment_id,
    )
    if row is None:
        return None
    over = tuple(PassedOver(UUID(id_), days) for id_, days in row["over"])
    return Made(
        assignment_of(row),
        row["ended"],
        EndOfAssignment(row["end_reason"]) if row["end_reason"] else None,
        Passed(over, row["passed_reason"]),
        tuple(row["considered"]),
    )


async def add_passed_over(
    conn: Connection, assignment_id: UUID, over: Sequence[PassedOver]
) -> None:
    await conn.execute(
        """
        INSERT INTO passed_over (assignment_id, referral_id, days_waiting)
        SELECT $1, referral_id, days
          FROM unnest($2::uuid[], $3::integer[]) AS given (referral_id, days)
        """,
        *(assignment_id, [one.referral_id for one in over], [one.days_waiting for one in over]),
    )


@dataclass(frozen=True, slots=True)
class Skipped:
    """A referral that was passed over: how often, after how many days at the most, and why."""

    referral_id: UUID
    times: int
    days_waiting: int
    reasons: tuple[str, ...]
    languages: tuple[str, ...]
    area: str | None
    still_waiting: bool


async def list_skipped(conn: Connection, *, since: date) -> list[Skipped]:
    """Who was passed over by assignments from a day on, the most often first."""
    rows = await conn.fetch(
        """
        SELECT p.referral_id, count(*) AS times, max(p.days_waiting) AS days_waiting,
               array_agg(DISTINCT a.passed_reason) AS reasons, r.languages, r.area,
               coalesce(bool_or(w.state IN ('waiting', 'offered', 'held')), false)
               AS still_waiting
          FROM passed_over p
          JOIN assignment a USING (assignment_id)
          JOIN request r ON r.referral_id = p.referral_id
          LEFT JOIN waitlist_entry w ON w.referral_id = p.referral_id
         WHERE a.began >= $1
         GROUP BY p.referral_id, r.languages, r.area
         ORDER BY times DESC, days_waiting DESC, p.referral_id
        """,
        since,
    )
    return [
        Skipped(
            row["referral_id"],
            row["times"],
            row["days_waiting"],
            reasons=tuple(row["reasons"]),
            languages=tuple(row["languages"]),
            area=row["area"],
            still_waiting=row["still_waiting"],
        )
        for row in rows
    ]


async def list_running(conn: Connection, mentor_id: UUID) -> list[Assignment]:
    """Whom a mentor serves now, in a stable order."""
    rows = await conn.fetch(
        """
        SELECT assignment_id, referral_id, youth_id, mentor_id, supervisor_id, standing_until,
               hours_per_week, score, reasons, began
          FROM assignment
         WHERE mentor_id = $1 AND ended IS NULL
         ORDER BY youth_id, assignment_id
        """,
        mentor_id,
    )
    return [assignment_of(row) for row in rows]


async def update_standing(
    conn: Connection, assignment_id: UUID, supervisor_id: UUID, *, standing_until: date | None
) -> None:
    await conn.execute(
        "UPDATE assignment SET supervisor_id = $2, standing_until = $3 WHERE assignment_id = $1",
        *(assignment_id, supervisor_id, standing_until),
    )


def as_json(match: Match) -> dict[str, Any]:
    """A mentor as judged, in codes and numbers: sentences follow from them."""
    return {
        "mentor_id": str(match.mentor_id),
        "score": match.score,
        "hours_left": match.hours_left,
        "points": {part.factor.value: part.points for part in match.points},
        "excluded": [problem.code for problem in match.excluded],
    }


# --- Offers --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """A mentor who is offered to a family; `expires_on` is the last day on which it stands."""

    offer_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    hours_per_week: float
    expires_on: date
    state: OfferState = OfferState.OPEN
    passed_reason: str | None = None


async def add_offer(
    conn: Connection, offer: Offer, *, offered_by: UUID, offered_at: datetime
) -> None:
    await conn.execute(
        """
        INSERT INTO offer
               (offer_id, referral_id, youth_id, mentor_id, hours_per_week, expires_on, state,
                passed_reason, offered_by, offered_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *(offer.offer_id, offer.referral_id, offer.youth_id, offer.mentor_id),
        *(offer.hours_per_week, offer.expires_on, offer.state, offer.passed_reason),
        *(offered_by, offered_at),
    )


async def update_offer(
    conn: Connection, offer_id: UUID, state: OfferState, *, declined_by: DeclinedBy | None = None
) -> None:
    await conn.execute(
        "UPDATE offer SET state = $2, declined_by = $3 WHERE offer_id = $1",
        *(offer_id, state, declined_by),
    )


async def offer_by_id(conn: Connection, offer_id: UUID) -> Offer | None:
    row = await conn.fetchrow(
        """
        SELECT offer_id, referral_id, youth_id, mentor_id, hours_per_week, expires_on, state,
               passed_reason
          FROM offer
         WHERE offer_id = $1
        """,
        offer_id,
    )
    return offer_of(row) if row else None


async def open_offer(conn: Connection, referral_id: UUID) -> Offer | None:
    row = await conn.fetchrow(
        """
        SELECT offer_id, referral_id, youth_id, mentor_id, hours_per_week, expires_on, state,
               passed_reason
          FROM offer
         WHERE referral_id = $1 AND state = 'open'
        """,
        referral_id,
    )
    return offer_of(row) if row else None


async def list_open_offers(conn: Connection, mentor_id: UUID) -> list[Offer]:
    """Where a mentor is offered now."""
    rows = await conn.fetch(
        """
        SELECT offer_id, referral_id, youth_id, mentor_id, hours_per_week, expires_on, state,
               passed_reason
          FROM offer
         WHERE mentor_id = $1 AND state = 'open'
         ORDER BY offer_id
        """,
        mentor_id,
    )
    return [offer_of(row) for row in rows]


def offer_of(row: Record) -> Offer:
    return Offer(**{**dict(row), "state": OfferState(row["state"])})


async def count_declined(conn: Connection, referral_id: UUID) -> int:
    """How often the family or the youth has declined an offer."""
    count: int = await conn.fetchval(
        """
        SELECT count(*) FROM offer
         WHERE referral_id = $1 AND state = 'declined' AND declined_by IN ('family', 'youth')
        """,
        referral_id,
    )
    return count
