"""Appointments, and what must be known to book one."""

from datetime import datetime
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from services.chassis.db import Connection, Record
from services.scheduling.domain.appointments import (
    Appointment,
    AppointmentState,
    Booking,
    CancelledBy,
    Plan,
    Slot,
)
from services.scheduling.domain.episodes import EpisodeState
from services.scheduling.store.episodes import gate_one_of, hubs_of


async def booking_by_episode(conn: Connection, episode_id: UUID) -> Booking | None:
    """What decides whether a session may be booked; None without an episode and a mentor."""
    row = await conn.fetchrow(
        """
        SELECT p.episode_id, p.referral_id, p.youth_id, p.state, p.opened_on, a.mentor_id,
               a.standing_until, g.stands, g.valid_from, g.valid_to, l.effective AS lapsed_on,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(engaged, ended)), '[]')
                  FROM hub_service WHERE youth_id = p.youth_id) AS hubs,
               (SELECT effective_at FROM consent
                 WHERE youth_id = p.youth_id AND kind = 'treatment' AND stands
                   AND organisation_id IS NULL) AS treatment_from
          FROM episode p
          JOIN LATERAL (SELECT mentor_id, standing_until FROM assignment
                         WHERE referral_id = p.referral_id
                         ORDER BY ended DESC NULLS FIRST, began DESC LIMIT 1) a ON true
          LEFT JOIN gate_one g ON g.referral_id = p.referral_id
          LEFT JOIN coverage_lapse l ON l.youth_id = p.youth_id AND l.payer = g.payer
         WHERE p.episode_id = $1
        """,
        episode_id,
    )
    if row is None:
        return None
    return Booking(
        row["episode_id"],
        row["referral_id"],
        row["youth_id"],
        state=EpisodeState(row["state"]),
        opened_on=row["opened_on"],
        mentor_id=row["mentor_id"],
        standing_until=row["standing_until"],
        gate_one=gate_one_of(row),
        lapsed_on=row["lapsed_on"],
        hubs=hubs_of(row["hubs"]),
        treatment_from=row["treatment_from"],
    )


async def add_appointment(
    conn: Connection,
    appointment_id: UUID,
    booking: Booking,
    plan: Plan,
    *,
    planned_units: int,
    booked_at: datetime,
    booked_by: UUID,
    series_id: UUID | None = None,
) -> bool:
    """Take a time; False if the mentor or the youth has something then."""
    # DO NOTHING, not an exception: two who insert at once would wait for each other and one would
    # end in a deadlock.
    added = await conn.fetchval(
        """
        INSERT INTO appointment
               (appointment_id, episode_id, referral_id, youth_id, mentor_id, during,
                place_of_service, modality, planned_units, state, booked_at, booked_by, series_id)
        VALUES ($1, $2, $3, $4, $5, tstzrange($6, $7), $8, $9, $10, 'booked', $11, $12, $13)
            ON CONFLICT DO NOTHING
        RETURNING true
        """,
        *(appointment_id, booking.episode_id, booking.referral_id, booking.youth_id),
        *(booking.mentor_id, plan.slot.start, plan.slot.end, plan.place, plan.modality),
        *(planned_units, booked_at, booked_by, series_id),
    )
    return added is True


async def is_mentor_busy(conn: Connection, mentor_id: UUID, slot: Slot) -> bool:
    """True when the mentor has an appointment within that time."""
    return (
        await conn.fetchval(
            """
            SELECT EXISTS (SELECT FROM appointment
                            WHERE mentor_id = $1 AND during && tstzrange($2, $3)
                              AND state IN ('booked', 'frozen', 'completed'))
            """,
            *(mentor_id, slot.start, slot.end),
        )
        is True
    )


async def appointment_by_id(conn: Connection, appointment_id: UUID) -> Appointment | None:
    row = await conn.fetchrow(
        """
        SELECT appointment_id, episode_id, referral_id, youth_id, mentor_id,
               lower(during) AS begins, upper(during) AS ends, place_of_service, modality,
               planned_units, state, cancelled_by, booked_at, series_id, version, updated_at
          FROM appointment
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return appointment_of(row) if row else None


async def list_of_series(conn: Connection, series_id: UUID) -> list[Appointment]:
    """The sessions of a series, in their order."""
    rows = await conn.fetch(
        """
        SELECT appointment_id, episode_id, referral_id, youth_id, mentor_id,
               lower(during) AS begins, upper(during) AS ends, place_of_service, modality,
               planned_units, state, cancelled_by, booked_at, series_id, version, updated_at
          FROM appointment
         WHERE series_id = $1
         ORDER BY lower(during)
        """,
        series_id,
    )
    return [appointment_of(row) for row in rows]


async def list_of_mentor(conn: Connection, mentor_id: UUID, span: Slot) -> list[Appointment]:
    """A mentor's sessions within a span, the cancelled ones too, in their order."""
    rows = await conn.fetch(
        """
        SELECT appointment_id, episode_id, referral_id, youth_id, mentor_id,
               lower(during) AS begins, upper(during) AS ends, place_of_service, modality,
               planned_units, state, cancelled_by, booked_at, series_id, version, updated_at
          FROM appointment
         WHERE mentor_id = $1 AND lower(during) < $3 AND upper(during) > $2
         ORDER BY lower(during), appointment_id
        """,
        *(mentor_id, span.start, span.end),
    )
    return [appointment_of(row) for row in rows]


def appointment_of(row: Record) -> Appointment:
    plan = Plan(
        Slot(row["begins"], row["ends"]),
        PlaceOfService(row["place_of_service"]),
        Modality(row["modality"]),
    )
    return Appointment(
        row["appointment_id"],
        row["episode_id"],
        row["referral_id"],
        row["youth_id"],
        row["mentor_id"],
        plan=plan,
        planned_units=row["planned_units"],
        state=AppointmentState(row["state"]),
        cancelled_by=CancelledBy(row["cancelled_by"]) if row["cancelled_by"] else None,
        booked_at=row["booked_at"],
        series_id=row["series_id"],
        version=row["version"],
        updated_at=row["updated_at"],
    )


async def update_appointment(
    conn: Connection,
    appointment_id: UUID,
    state: AppointmentState,
    *,
    cancelled_by: CancelledBy | None = None,
) -> None:
    await conn.execute(
        """
        UPDATE appointment
           SET state = $2, cancelled_by = $3, version = version + 1, updated_at = now()
         WHERE appointment_id = $1
        """,
        *(appointment_id, state, cancelled_by),
    )


async def list_ahead(conn: Connection, referral_id: UUID, *, after: datetime) -> list[UUID]:
    """What is booked, or frozen, and still to come; the next one first."""
    rows = await conn.fetch(
        """
        SELECT appointment_id
          FROM appointment
         WHERE referral_id = $1 AND state IN ('booked', 'frozen') AND lower(during) >= $2
         ORDER BY lower(during)
        """,
        *(referral_id, after),
    )
    return [row["appointment_id"] for row in rows]


async def list_missed(conn: Connection, referral_id: UUID, *, before: datetime) -> list[UUID]:
    """What was frozen when its time came, the first one first."""
    rows = await conn.fetch(
        """
        SELECT appointment_id
          FROM appointment
         WHERE referral_id = $1 AND state = 'frozen' AND lower(during) < $2
         ORDER BY lower(during)
        """,
        *(referral_id, before),
    )
    return [row["appointment_id"] for row in rows]


async def update_to_frozen(conn: Connection, referral_id: UUID, *, after: datetime) -> None:
    """Freeze what is booked and still to come."""
    await conn.execute(
        """
        UPDATE appointment SET state = 'frozen', version = version + 1, updated_at = now()
         WHERE referral_id = $1 AND state = 'booked' AND lower(during) >= $2
        """,
        *(referral_id, after),
    )


async def update_to_booked(conn: Connection, referral_id: UUID, *, after: datetime) -> None:
    """Thaw what is frozen and still to come; what has passed stays as it is."""
    await conn.execute(
        """
        UPDATE appointment SET state = 'booked', version = version + 1, updated_at = now()
         WHERE referral_id = $1 AND state = 'frozen' AND lower(during) >= $2
        """,
        *(referral_id, after),
    )
