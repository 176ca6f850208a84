"""Mentors and supervisors, their papers, and who supervises whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.chassis.db import Connection, Record
from services.scheduling.domain.people import (
    Credential,
    Gender,
    Mentor,
    Paper,
    StaffMember,
    StaffRole,
    Supervisor,
    Window,
)


async def add_staff_member(conn: Connection, person: StaffMember, *, role: StaffRole) -> None:
    """Store a person, or what has changed about one; the same again changes nothing."""
    await conn.execute(
        """
        INSERT INTO staff_member AS s (staff_id, role, staff_number, given, family, phone)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (staff_id) DO UPDATE
           SET staff_number = EXCLUDED.staff_number, given = EXCLUDED.given,
               family = EXCLUDED.family, phone = EXCLUDED.phone,
               version = s.version + 1, updated_at = now()
         WHERE (s.staff_number, s.given, s.family, s.phone) IS DISTINCT FROM
               (EXCLUDED.staff_number, EXCLUDED.given, EXCLUDED.family, EXCLUDED.phone)
        """,
        *(person.staff_id, role, person.staff_number, list(person.given), person.family),
        person.phone,
    )


async def role_by_id(conn: Connection, staff_id: UUID) -> StaffRole | None:
    """None for somebody unknown."""
    role = await conn.fetchval("SELECT role FROM staff_member WHERE staff_id = $1", staff_id)
    return StaffRole(role) if role else None


async def id_by_staff_number(conn: Connection, staff_number: str) -> UUID | None:
    id_: UUID | None = await conn.fetchval(
        "SELECT staff_id FROM staff_member WHERE staff_number = $1", staff_number
    )
    return id_


async def remove_papers(conn: Connection, staff_id: UUID) -> None:
    await conn.execute("DELETE FROM paper WHERE staff_id = $1", staff_id)


async def add_papers(conn: Connection, staff_id: UUID, papers: Iterable[Paper]) -> None:
    held = list(papers)
    await conn.execute(
        """
        INSERT INTO paper (staff_id, kind, valid_to)
        SELECT $1, kind, valid_to
          FROM unnest($2::text[], $3::date[]) AS given (kind, valid_to)
        """,
        *(staff_id, [paper.kind for paper in held], [paper.valid_to for paper in held]),
    )


async def add_mentor(
    conn: Connection, mentor: Mentor, *, degree: str, interests: Sequence[str]
) -> None:
    await conn.execute(
        """
        INSERT INTO mentor
               (mentor_id, credential, degree, languages, gender, interests, area, windows,
                max_hours)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (mentor_id) DO UPDATE
           SET credential = EXCLUDED.credential, degree = EXCLUDED.degree,
               languages = EXCLUDED.languages, gender = EXCLUDED.gender,
               interests = EXCLUDED.interests, area = EXCLUDED.area,
               windows = EXCLUDED.windows, max_hours = EXCLUDED.max_hours
        """,
        *(mentor.mentor_id, mentor.credential, degree, list(mentor.languages), mentor.gender),
        *(list(interests), mentor.area, as_json(mentor.windows), mentor.max_hours),
    )


async def supervisor_on(conn: Connection, mentor_id: UUID, day: date) -> UUID | None:
    id_: UUID | None = await conn.fetchval(
        "SELECT supervisor_id FROM supervision WHERE mentor_id = $1 AND during @> $2::date",
        *(mentor_id, day),
    )
    return id_


async def list_supervised(conn: Connection, supervisor_id: UUID) -> list[UUID]:
    """Whom somebody supervises, has supervised or is to supervise; with youths of their own."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT v.mentor_id
          FROM supervision v
          JOIN assignment a ON a.mentor_id = v.mentor_id AND a.ended IS NULL
         WHERE v.supervisor_id = $1
         ORDER BY v.mentor_id
        """,
        supervisor_id,
    )
    return [row["mentor_id"] for row in rows]


async def remove_supervision_from(conn: Connection, mentor_id: UUID, day: date) -> None:
    """Forget what begins on that day or later."""
    await conn.execute(
        "DELETE FROM supervision WHERE mentor_id = $1 AND lower(during) >= $2",
        *(mentor_id, day),
    )


async def update_supervision_end(conn: Connection, mentor_id: UUID, day: date) -> None:
    """End on the day before what still runs on that day."""
    await conn.execute(
        """
        UPDATE supervision SET during = daterange(lower(during), $2)
         WHERE mentor_id = $1 AND during @> $2::date
        """,
        *(mentor_id, day),
    )


async def add_supervision(
    conn: Connection, mentor_id: UUID, supervisor_id: UUID, *, begins: date
) -> None:
    await conn.execute(
        """
        INSERT INTO supervision (mentor_id, supervisor_id, during)
        VALUES ($1, $2, daterange($3, NULL))
        """,
        *(mentor_id, supervisor_id, begins),
    )


async def lock_mentor(conn: Connection, mentor_id: UUID) -> bool:
    """Hold a mentor until the transaction ends, so that no two give away the same hours."""
    return (
        await conn.fetchval("SELECT true FROM mentor WHERE mentor_id = $1 FOR UPDATE", mentor_id)
        is True
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a mentor works here; `leaves_on` is the first day without."""

    active: bool
    leaves_on: date | None


async def standing_by_id(conn: Connection, mentor_id: UUID) -> Standing | None:
    row = await conn.fetchrow(
        """
        SELECT s.active, m.leaves_on
          FROM mentor m
          JOIN staff_member s ON s.staff_id = m.mentor_id
         WHERE m.mentor_id = $1
        """,
        mentor_id,
    )
    return Standing(**row) if row else None


async def update_leaving(
    conn: Connection, mentor_id: UUID, *, leaves_on: date | None, reason: str | None
) -> None:
    """Note from when on a mentor is gone; None for one who stays."""
    await conn.execute(
        "UPDATE mentor SET leaves_on = $2, leave_reason = $3 WHERE mentor_id = $1",
        *(mentor_id, leaves_on, reason),
    )


async def update_active(conn: Connection, staff_id: UUID, *, active: bool) -> None:
    await conn.execute(
        """
        UPDATE staff_member SET active = $2, version = version + 1, updated_at = now()
         WHERE staff_id = $1 AND active <> $2
        """,
        *(staff_id, active),
    )


async def list_mentors(
    conn: Connection, *, on: date, mentor_id: UUID | None = None
) -> tuple[Mentor, ...]:
    """Mentors as they stand on a day, all or one: that day's supervisor, hours given or offered."""
    rows = await conn.fetch(
        """
        SELECT m.mentor_id, s.active, m.credential, m.languages, m.gender, m.area, m.windows,
               m.max_hours, m.leaves_on,
               (SELECT coalesce(jsonb_object_agg(kind, valid_to), '{}')
                  FROM paper WHERE staff_id = m.mentor_id) AS papers,
               v.supervisor_id, upper(v.during) - 1 AS supervised_until,
               b.active AS supervisor_active,
               (SELECT coalesce(jsonb_object_agg(kind, valid_to), '{}')
                  FROM paper WHERE staff_id = v.supervisor_id) AS supervisor_papers,
               (SELECT coalesce(sum(hours_per_week), 0)
                  FROM assignment WHERE mentor_id = m.mentor_id AND ended IS NULL)
               + (SELECT coalesce(sum(hours_per_week), 0)
                    FROM offer WHERE mentor_id = m.mentor_id AND state = 'open') AS hours_taken
          FROM mentor m
          JOIN staff_member s ON s.staff_id = m.mentor_id
          LEFT JOIN supervision v ON v.mentor_id = m.mentor_id AND v.during @> $1::date
          LEFT JOIN staff_member b ON b.staff_id = v.supervisor_id
         WHERE $2::uuid IS NULL OR m.mentor_id = $2
         ORDER BY m.mentor_id
        """,
        *(on, mentor_id),
    )
    return tuple(mentor_of(row) for row in rows)


def mentor_of(row: Record) -> Mentor:
    return Mentor(
        row["mentor_id"],
        Credential(row["credential"]),
        languages=tuple(row["languages"]),
        gender=Gender(row["gender"]),
        area=row["area"],
        windows=windows_of(row["windows"]),
        max_hours=row["max_hours"],
        papers=papers_of(row["papers"]),
        supervisor=supervisor_of(row),
        hours_taken=row["hours_taken"],
        active=row["active"],
        leaves_on=row["leaves_on"],
    )


def supervisor_of(row: Record) -> Supervisor | None:
    if row["supervisor_id"] is None:
        return None
    papers = papers_of(row["supervisor_papers"])
    active, until = row["supervisor_active"], row["supervised_until"]
    return Supervisor(row["supervisor_id"], papers, active=active, until=until)


def papers_of(found: dict[str, str | None]) -> tuple[Paper, ...]:
    return tuple(
        Paper(kind, date.fromisoformat(end) if end else None) for kind, end in sorted(found.items())
    )


def windows_of(rows: Iterable[Sequence[int]]) -> tuple[Window, ...]:
    return tuple(Window(*row) for row in rows)


def as_json(windows: Iterable[Window]) -> Any:
    return [[window.weekday, window.begins, window.ends] for window in windows]
