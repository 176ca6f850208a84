"""Where a referral stands beside what its sender said: `referral.state` and `standing`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.codes import Gap, Ineligibility, ReferralState
from services.chassis.db import Connection
from services.referral.domain.eligibility import Failure
from services.referral.domain.states import Business


@dataclass(frozen=True, slots=True)
class Progress:
    """The row of a referral. `round` counts the times that payers were asked afresh."""

    referral_id: UUID
    held_from: ReferralState | None = None
    hold_reason: str | None = None
    failures: tuple[Failure, ...] = ()
    failed_on: date | None = None
    asked_for: tuple[Gap, ...] = ()
    info_due: date | None = None
    round: int = 0
    determination_id: UUID | None = None
    has_mentor: bool = False
    episode_id: UUID | None = None
    last_visit: Business | None = None
    visited_at: datetime | None = None
    first_session: datetime | None = None
    close_reason: str | None = None
    close_text: str | None = None
    ended_at: datetime | None = None
    withdrawal_asked: bool = False
    reopened_at: datetime | None = None
    lapsed_from: date | None = None


async def lock_referral(conn: Connection, referral_id: UUID) -> ReferralState | None:
    """The state of a referral, held until the transaction ends; None when there is none.

    Every act on a referral takes this lock first, before it appends to the youth's stream.
    """
    state = await conn.fetchval(
        "SELECT state FROM referral WHERE referral_id = $1 FOR UPDATE", referral_id
    )
    return ReferralState(state) if state else None


async def update_state(conn: Connection, referral_id: UUID, state: ReferralState) -> None:
    await conn.execute(
        "UPDATE referral SET state = $2, updated_at = now() WHERE referral_id = $1",
        *(referral_id, state),
    )


async def list_refused(conn: Connection) -> Sequence[UUID]:
    """Referrals that lack something or were denied, and wait for a new fact or a new rule."""
    rows = await conn.fetch(
        """
        SELECT referral_id
          FROM referral
         WHERE state IN ('incomplete', 'ineligible')
         ORDER BY received_at, referral_id
        """
    )
    return [row["referral_id"] for row in rows]


async def progress_by_referral(conn: Connection, referral_id: UUID) -> Progress:
    """The row of a referral; a fresh one while there is none."""
    row = await conn.fetchrow(
        """
        SELECT held_from, hold_reason, failures, failed_on, asked_for, info_due, round,
               determination_id, has_mentor, episode_id, last_visit, visited_at, first_session,
               close_reason, close_text, ended_at, withdrawal_asked, reopened_at,
               lapsed_from
          FROM standing
         WHERE referral_id = $1
        """,
        referral_id,
    )
    if row is None:
        return Progress(referral_id)
    fields = dict(row)
    fields["held_from"] = ReferralState(row["held_from"]) if row["held_from"] else None
    fields["failures"] = tuple(
        Failure(Ineligibility(one["code"]), one["rule"]) for one in row["failures"]
    )
    fields["asked_for"] = tuple(Gap(gap) for gap in row["asked_for"])
    fields["last_visit"] = Business(row["last_visit"]) if row["last_visit"] else None
    return Progress(referral_id, **fields)


async def update_progress(conn: Connection, progress: Progress) -> None:
    """Keep the row as it now stands; the caller holds the lock of the referral."""
    await conn.execute(
        """
        INSERT INTO standing (
               referral_id, held_from, hold_reason, failures, failed_on, asked_for, info_due,
               round, determination_id, has_mentor, episode_id, last_visit, visited_at,
               first_session, close_reason, close_text, ended_at, withdrawal_asked, reopened_at,
               lapsed_from)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20)
            ON CONFLICT (referral_id) DO UPDATE
           SET held_from = $2, hold_reason = $3, failures = $4, failed_on = $5, asked_for = $6,
               info_due = $7, round = $8, determination_id = $9, has_mentor = $10,
               episode_id = $11, last_visit = $12, visited_at = $13, first_session = $14,
               close_reason = $15, close_text = $16, ended_at = $17, withdrawal_asked = $18,
               reopened_at = $19, lapsed_from = $20
        """,
        progress.referral_id,
        progress.held_from,
        progress.hold_reason,
        [{"code": failure.code, "rule": failure.rule} for failure in progress.failures],
        progress.failed_on,
        list(progress.asked_for),
        progress.info_due,
        progress.round,
        progress.determination_id,
        progress.has_mentor,
        progress.episode_id,
        progress.last_visit,
        progress.visited_at,
        progress.first_session,
        progress.close_reason,
        progress.close_text,
        progress.ended_at,
        progress.withdrawal_asked,
        progress.reopened_at,
        progress.lapsed_from,
    )
