"""What partners read: the directory of staff, and a youth's appointments and episode."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.chassis.db import Connection, Record
from services.scheduling.domain.appointments import Appointment
from services.scheduling.domain.episodes import Episode, Reader
from services.scheduling.domain.people import DirectoryEntry, StaffMember, StaffRole
from services.scheduling.store.appointments import appointment_of
from services.scheduling.store.episodes import episode_of


@dataclass(frozen=True, slots=True)
class StaffFilter:
    """Which members of staff: None asks for nothing; `names` are beginnings."""

    ids: Collection[UUID] | None = None
    names: Collection[str] | None = None
    staff_numbers: Collection[str] | None = None
    changed_from: datetime | None = None
    changed_before: datetime | None = None
    after_at: datetime | None = None
    after_id: str | None = None
    limit: int = 100


async def list_staff(conn: Connection, which: StaffFilter) -> list[DirectoryEntry]:
    """Mentors and supervisors in the order of (updated_at, id), from behind `after` on."""
    rows = await conn.fetch(
        """
        SELECT staff_id, staff_number, given, family, phone, role, active, version, updated_at
          FROM staff_member s
         WHERE ($1::uuid[] IS NULL OR staff_id = ANY ($1))
           AND ($2::text[] IS NULL
                OR EXISTS (SELECT FROM unnest($2) AS start, unnest(given || family) AS part
                            WHERE starts_with(lower(part), lower(start))))
           AND ($3::text[] IS NULL OR staff_number = ANY ($3))
           AND ($4::timestamptz IS NULL OR updated_at >= $4)
           AND ($5::timestamptz IS NULL OR updated_at < $5)
           AND ($6::timestamptz IS NULL OR (updated_at, staff_id) > ($6, $7::uuid))
         ORDER BY updated_at, staff_id
         LIMIT $8
        """,
        *(listed(which.ids), listed(which.names), listed(which.staff_numbers)),
        *(which.changed_from, which.changed_before, which.after_at),
        *(which.after_id and UUID(which.after_id), which.limit),
    )
    return [directory_entry(row) for row in rows]


def listed(found: Collection[object] | None) -> list[object] | None:
    return None if found is None else list(found)


def directory_entry(row: Record) -> DirectoryEntry:
    person = StaffMember(
        row["staff_id"], row["staff_number"], tuple(row["given"]), row["family"], row["phone"]
    )
    role, active = StaffRole(row["role"]), row["active"]
    return DirectoryEntry(person, role, active, row["version"], row["updated_at"])


async def appointment_for_hub(
    conn: Connection, appointment_id: UUID, organisation_id: UUID, *, on: date
) -> tuple[Appointment, Reader] | None:
    """An appointment that this hub may read today; None for absent and foreign alike."""
    row = await conn.fetchrow(
        """
        SELECT a.appointment_id, a.episode_id, a.referral_id, a.youth_id, a.mentor_id,
               lower(a.during) AS begins, upper(a.during) AS ends, a.place_of_service,
               a.modality, a.planned_units, a.state, a.cancelled_by, a.booked_at,
               a.series_id, a.version, a.updated_at, r.system, r.value,
               coalesce(q.organisation_id = $2, false) AS is_sender
          FROM appointment a
          JOIN reader r
            ON r.stream_id = a.youth_id AND r.organisation_id = $2 AND r.kind = 'hub'
           AND r.released AND r.reads @> $3::date
          LEFT JOIN request q ON q.referral_id = a.referral_id
         WHERE a.appointment_id = $1
        """,
        *(appointment_id, organisation_id, on),
    )
    return (appointment_of(row), reader_of(row)) if row else None


async def episode_for_hub(
    conn: Connection, episode_id: UUID, organisation_id: UUID, *, on: date
) -> tuple[Episode, Reader] | None:
    """An episode that this hub may read today; None for absent and foreign alike."""
    row = await conn.fetchrow(
        """
        SELECT p.episode_id, p.referral_id, p.youth_id, p.state, p.opened_on, p.hold_reason,
               p.closed_on, p.close_reason, a.supervisor_id, p.version, p.updated_at,
               r.system, r.value,
               coalesce(q.organisation_id = $2, false) AS is_sender
          FROM episode p
          JOIN reader r
            ON r.stream_id = p.youth_id AND r.organisation_id = $2 AND r.kind = 'hub'
           AND r.released AND r.reads @> $3::date
          LEFT JOIN request q ON q.referral_id = p.referral_id
          LEFT JOIN LATERAL (SELECT supervisor_id FROM assignment
                              WHERE referral_id = p.referral_id
                              ORDER BY ended DESC NULLS FIRST, began DESC LIMIT 1) a ON true
         WHERE p.episode_id = $1
        """,
        *(episode_id, organisation_id, on),
    )
    return (episode_of(row), reader_of(row)) if row else None


def reader_of(row: Record) -> Reader:
    return Reader(row["system"], row["value"], row["is_sender"])
