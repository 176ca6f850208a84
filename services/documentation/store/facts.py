"""What referral and scheduling told: one row per fact, written again without harm."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.codes import HubService
from services.chassis.db import Connection
from services.documentation.domain.goals import End
from services.documentation.domain.notes import (
    AppointmentState,
    Assignment,
    Episode,
    HubDays,
)


async def add_referral(
    conn: Connection, referral_id: UUID, youth_id: UUID, organisation_id: UUID
) -> None:
    """Remember which hub asked for which youth; said again, it changes nothing."""
    await conn.execute(
        """
        INSERT INTO referral (referral_id, youth_id, organisation_id)
        VALUES ($1, $2, $3)
            ON CONFLICT (referral_id) DO NOTHING
        """,
        *(referral_id, youth_id, organisation_id),
    )


async def add_hub_engagement(
    conn: Connection, youth_id: UUID, organisation_id: UUID, service: HubService, *, begins: date
) -> None:
    """A hub service is active from a day on; a repeat opens it again from that day."""
    await conn.execute(
        """
        INSERT INTO hub_engagement (youth_id, organisation_id, hub_service, active_from)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (youth_id, organisation_id, hub_service, active_from)
            DO UPDATE SET active_to = NULL
        """,
        *(youth_id, organisation_id, service, begins),
    )


async def update_hub_engagement_ended(
    conn: Connection, youth_id: UUID, organisation_id: UUID, service: HubService, *, ends: date
) -> None:
    """End a hub service; `ends` is the first day without."""
    await conn.execute(
        """
        UPDATE hub_engagement
           SET active_to = $4
         WHERE youth_id = $1
           AND organisation_id = $2
           AND hub_service = $3
           AND (active_to IS NULL OR active_to > $4)
        """,
        *(youth_id, organisation_id, service, ends),
    )


async def list_hub_days(conn: Connection, youth_id: UUID) -> list[HubDays]:
    rows = await conn.fetch(
        "SELECT active_from, active_to FROM hub_engagement WHERE youth_id = $1", youth_id
    )
    return [HubDays(row["active_from"], row["active_to"]) for row in rows]


@dataclass(frozen=True, slots=True)
class EligibilityWindow:
    """Days on which gate 1 holds for a payer; `valid_to` is the last good one."""

    youth_id: UUID
    payer: UUID
    referral_id: UUID
    product: str
    valid_from: date
    valid_to: date


async def delete_eligibility_since(conn: Connection, window: EligibilityWindow) -> None:
    """Forget what was confirmed for a referral and payer from this window's first day on."""
    await conn.execute(
        """
        DELETE FROM eligibility_window
         WHERE (youth_id, payer, referral_id) = ($1, $2, $3)
           AND valid_from >= $4
        """,
        *(window.youth_id, window.payer, window.referral_id, window.valid_from),
    )


async def update_eligibility_until(conn: Connection, window: EligibilityWindow) -> None:
    """Of what was confirmed before, the days before this window's first one stay."""
    await conn.execute(
        """
        UPDATE eligibility_window
           SET valid_to = least(valid_to, $4::date - 1)
         WHERE (youth_id, payer, referral_id) = ($1, $2, $3)
        """,
        *(window.youth_id, window.payer, window.referral_id, window.valid_from),
    )


async def add_eligibility_window(conn: Connection, window: EligibilityWindow) -> None:
    await conn.execute(
        """
        INSERT INTO eligibility_window
               (youth_id, payer, referral_id, product, valid_from, valid_to)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        *(window.youth_id, window.payer, window.referral_id, window.product),
        *(window.valid_from, window.valid_to),
    )


async def update_eligibility_lapsed(
    conn: Connection, youth_id: UUID, payer: UUID, *, effective: date
) -> None:
    """End what a payer confirmed; `effective` is the first day without."""
    await conn.execute(
        """
        UPDATE eligibility_window
           SET valid_to = least(valid_to, $3::date - 1)
         WHERE youth_id = $1
           AND payer = $2
        """,
        *(youth_id, payer, effective),
    )


async def product_on(conn: Connection, youth_id: UUID, day: date) -> str | None:
    """The insurance product confirmed for a day; None when none is."""
    product: str | None = await conn.fetchval(
        """
        SELECT product
          FROM eligibility_window
         WHERE youth_id = $1
           AND $2 BETWEEN valid_from AND valid_to
         ORDER BY valid_from DESC
         LIMIT 1
        """,
        *(youth_id, day),
    )
    return product


async def add_assignment(
    conn: Connection, assignment_id: UUID, referral_id: UUID, youth_id: UUID, given: Assignment
) -> None:
    """A mentor for a youth; told again, supervisor and standing are as told last."""
    await conn.execute(
        """
        INSERT INTO assignment (assignment_id, referral_id, youth_id, mentor_id, supervisor_id,
                                assigned_on, standing_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (assignment_id)
            DO UPDATE SET supervisor_id = excluded.supervisor_id,
                          standing_until = excluded.standing_until
        """,
        *(assignment_id, referral_id, youth_id, given.mentor_id, given.supervisor_id),
        *(given.assigned_on, given.standing_until),
    )


async def remove_standings(conn: Connection, assignment_id: UUID, *, since: date) -> None:
    """What was told of a mentor's standing from a day on is told anew."""
    await conn.execute(
        "DELETE FROM mentor_standing WHERE assignment_id = $1 AND effective >= $2",
        *(assignment_id, since),
    )


async def add_standing(
    conn: Connection,
    assignment_id: UUID,
    *,
    effective: date,
    supervisor_id: UUID,
    standing_until: date | None,
) -> None:
    """How a mentor stands from a day on; of an assignment that is not known nothing is kept."""
    await conn.execute(
        """
        INSERT INTO mentor_standing (assignment_id, effective, supervisor_id, standing_until)
        SELECT assignment_id, $2, $3, $4
          FROM assignment
         WHERE assignment_id = $1
        """,
        *(assignment_id, effective, supervisor_id, standing_until),
    )


async def update_assignment_ended(conn: Connection, assignment_id: UUID, *, ended_on: date) -> None:
    """The mentor serves the youth no more; `ended_on` is the first day without."""
    await conn.execute(
        "UPDATE assignment SET ended_on = $2 WHERE assignment_id = $1", *(assignment_id, ended_on)
    )


async def list_assignments(conn: Connection, referral_id: UUID) -> list[Assignment]:
    """Who mentors under whom, a row for each span of days, the first one first."""
    rows = await conn.fetch(
        """
        SELECT mentor_id, supervisor_id, begins AS assigned_on, standing_until, ends AS ended_on
          FROM assignment_span
         WHERE referral_id = $1
         ORDER BY begins, assignment_id
        """,
        referral_id,
    )
    return [Assignment(**row) for row in rows]


async def works_with(conn: Connection, youth_id: UUID, staff_id: UUID) -> bool:
    """True for who mentors the youth, or supervises who does."""
    found = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM assignment_span
             WHERE youth_id = $1
               AND $2 IN (mentor_id, supervisor_id))
        """,
        *(youth_id, staff_id),
    )
    return found is True


async def add_episode(conn: Connection, episode: Episode) -> None:
    """An episode is open; one on hold is open again, and one whose referral was reopened."""
    await conn.execute(
        """
        INSERT INTO episode (episode_id, referral_id, youth_id, opened_on)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (episode_id)
            DO UPDATE SET held_from = NULL, hold_reason = NULL, closed_on = NULL,
                          close_reason = NULL
        """,
        *(episode.episode_id, episode.referral_id, episode.youth_id, episode.opened_on),
    )


async def update_episode_held(
    conn: Connection, episode_id: UUID, *, reason: str, effective: date
) -> None:
    """Hold an episode. Held twice, the first day stays and the last reason counts."""
    await conn.execute(
        """
        UPDATE episode
           SET held_from = least(held_from, $2), hold_reason = $3
         WHERE episode_id = $1
        """,
        *(episode_id, effective, reason),
    )


async def update_episode_resumed(conn: Connection, episode_id: UUID) -> None:
    await conn.execute(
        "UPDATE episode SET held_from = NULL, hold_reason = NULL WHERE episode_id = $1", episode_id
    )


async def update_episode_closed(
    conn: Connection, episode_id: UUID, *, closed_on: date, reason: str
) -> None:
    """End an episode. A hold that it ended in stays: no session was held from its first day on."""
    await conn.execute(
        "UPDATE episode SET closed_on = $2, close_reason = $3 WHERE episode_id = $1",
        *(episode_id, closed_on, reason),
    )


async def end_by_referral(conn: Connection, referral_id: UUID) -> End | None:
    """How the referral's episode ended; None while it goes on."""
    row = await conn.fetchrow(
        """
        SELECT closed_on, close_reason
          FROM episode
         WHERE referral_id = $1
           AND closed_on IS NOT NULL
         ORDER BY closed_on DESC
         LIMIT 1
        """,
        referral_id,
    )
    return End(row["closed_on"], row["close_reason"]) if row else None


async def lock_episode(conn: Connection, episode_id: UUID) -> None:
    """Until the transaction ends, the notes of this episode are decided one at a time."""
    await conn.execute("SELECT FROM episode WHERE episode_id = $1 FOR NO KEY UPDATE", episode_id)


async def episode_by_id(conn: Connection, episode_id: UUID) -> Episode | None:
    """An episode that scheduling has opened."""
    row = await conn.fetchrow(
        """
        SELECT episode_id, youth_id, referral_id, opened_on, held_from, hold_reason, closed_on
          FROM episode
         WHERE episode_id = $1
        """,
        episode_id,
    )
    return Episode(**row) if row else None


@dataclass(frozen=True, slots=True)
class Appointment:
    appointment_id: UUID
    episode_id: UUID
    mentor_id: UUID
    starts_at: datetime
    ends_at: datetime
    state: AppointmentState = AppointmentState.BOOKED


async def add_appointment(conn: Connection, booked: Appointment) -> None:
    """A planned session; booked again it is as told last."""
    await conn.execute(
        """
        INSERT INTO appointment (appointment_id, episode_id, mentor_id, starts_at, ends_at, state)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (appointment_id)
            DO UPDATE SET mentor_id = excluded.mentor_id,
                          starts_at = excluded.starts_at,
                          ends_at = excluded.ends_at,
                          state = excluded.state
        """,
        *(booked.appointment_id, booked.episode_id, booked.mentor_id),
        *(booked.starts_at, booked.ends_at, booked.state),
    )


async def update_appointment(
    conn: Connection, appointment_id: UUID, state: AppointmentState
) -> None:
    await conn.execute(
        "UPDATE appointment SET state = $2 WHERE appointment_id = $1", *(appointment_id, state)
    )


async def appointment_by_id(conn: Connection, appointment_id: UUID) -> Appointment | None:
    row = await conn.fetchrow(
        """
        SELECT appointment_id, episode_id, mentor_id, starts_at, ends_at, state
          FROM appointment
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return Appointment(**{**row, "state": AppointmentState(row["state"])}) if row else None


# --- Making anew what was told of a youth, and comparing it ---------------------------------------


async def remove_told(conn: Connection, youth_id: UUID) -> None:
    """Forget a youth's referrals, hubs, eligible days and mentors; events tell them again.

    Episodes and appointments stay, for notes belong to them.
    """
    await conn.execute(
        """
        WITH referrals AS (DELETE FROM referral WHERE youth_id = $1),
             hubs AS (DELETE FROM hub_engagement WHERE youth_id = $1),
             eligible AS (DELETE FROM eligibility_window WHERE youth_id = $1),
             standings AS (
                 DELETE FROM mentor_standing s
                  USING assignment a
                  WHERE a.assignment_id = s.assignment_id AND a.youth_id = $1)
        DELETE FROM assignment WHERE youth_id = $1
        """,
        youth_id,
    )


async def list_told(conn: Connection, youth_id: UUID) -> list[tuple[object, ...]]:
    """The same rows, in one order."""
    rows = await conn.fetch(
        """
        SELECT 'referral' AS kind, to_jsonb(r) AS said FROM referral r WHERE r.youth_id = $1
         UNION ALL
        SELECT 'hub', to_jsonb(h) FROM hub_engagement h WHERE h.youth_id = $1
         UNION ALL
        SELECT 'eligible', to_jsonb(e) FROM eligibility_window e WHERE e.youth_id = $1
         UNION ALL
        SELECT 'mentor', to_jsonb(a) FROM assignment a WHERE a.youth_id = $1
         UNION ALL
        SELECT 'standing', to_jsonb(s)
          FROM mentor_standing s
          JOIN assignment a ON a.assignment_id = s.assignment_id
         WHERE a.youth_id = $1
         ORDER BY 1, 2
        """,
        youth_id,
    )
    return [tuple(row) for row in rows]
