"""Session notes: drafts, signatures, and what becomes final."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from contracts.codes import MeasuredBy, Modality, PlaceOfService, ProgressScale
from services.chassis.db import Connection, Record
from services.chassis.errors import Conflict
from services.documentation.domain.goals import Rating
from services.documentation.domain.notes import CitedGoal, Note, NoteState

COLLISIONS = {
    "session_mentor_overlap": (
        "mentor-sessions-overlap",
        "The mentor has signed another session at that time. Both notes are kept: correct one.",
    ),
    "session_youth_overlap": (
        "youth-sessions-overlap",
        "The youth has another signed session at that time. Both notes are kept: correct one.",
    ),
    "session_of_appointment": (
        "appointment-has-its-session",
        "Another signed session tells of the same appointment.",
    ),
}

# Columns that become fields of a Note as they are.
PLAIN = (
    *("session_id", "youth_id", "referral_id", "episode_id", "appointment_id", "mentor_id"),
    *("supervisor_id", "starts_at", "ends_at", "billable", "texts", "version", "units"),
    *("rule_pack_version", "return_reason", "signed_at", "cosigned_at"),
)


async def add_note(conn: Connection, note: Note) -> None:
    await conn.execute(
        """
        INSERT INTO session (session_id, youth_id, referral_id, episode_id, appointment_id,
                             mentor_id, starts_at, ends_at, place_of_service, modality, billable,
                             texts, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'draft')
        """,
        *(note.session_id, note.youth_id, note.referral_id, note.episode_id),
        *(note.appointment_id, note.mentor_id, note.starts_at, note.ends_at),
        *(note.place_of_service, note.modality, note.billable, dict(note.texts)),
    )


async def update_draft(conn: Connection, note: Note) -> bool:
    """Replace what a draft says; False when it is no draft any more."""
    changed = await conn.fetchval(
        """
        UPDATE session
           SET appointment_id = $2, starts_at = $3, ends_at = $4, place_of_service = $5,
               modality = $6, billable = $7, texts = $8, updated_at = now()
         WHERE session_id = $1
           AND state = 'draft'
        RETURNING true
        """,
        *(note.session_id, note.appointment_id, note.starts_at, note.ends_at),
        *(note.place_of_service, note.modality, note.billable, dict(note.texts)),
    )
    return changed is True


async def remove_note_goals(conn: Connection, session_id: UUID) -> None:
    await conn.execute("DELETE FROM session_goal WHERE session_id = $1", session_id)


async def add_note_goals(conn: Connection, note: Note) -> None:
    await conn.executemany(
        """
        INSERT INTO session_goal (session_id, goal_id, position, scale, value, measured_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [
            (note.session_id, cited.goal_id, position, *columns(cited.rating))
            for position, cited in enumerate(note.goals)
        ],
    )


def columns(rating: Rating | None) -> tuple[str | None, float | None, str | None]:
    return (rating.scale, rating.value, rating.measured_by) if rating else (None, None, None)


async def lock_note(conn: Connection, session_id: UUID) -> None:
    """Until the transaction ends, nobody else changes this note."""
    await conn.execute("SELECT FROM session WHERE session_id = $1 FOR UPDATE", session_id)


async def lock_signatures(conn: Connection, note: Note) -> None:
    """Until the transaction ends, nobody else signs for this mentor, nor for this youth.

    Two that meet in an exclusion constraint at once may wait for each other; so they come in turn.
    """
    await conn.execute(
        """
        SELECT pg_advisory_xact_lock(hashtextextended('mentor/' || $1::uuid, 0)),
               pg_advisory_xact_lock(hashtextextended('youth/' || $2::uuid, 0))
        """,
        *(note.mentor_id, note.youth_id),
    )


async def note_by_id(conn: Connection, session_id: UUID) -> Note | None:
    """A note with the goals it cites."""
    row = await conn.fetchrow(
        """
        SELECT session_id, version, youth_id, referral_id, episode_id, appointment_id, mentor_id,
               supervisor_id, starts_at, ends_at, place_of_service, modality, billable, texts,
               state, units, rule_pack_version, return_reason, signed_at, cosigned_at, goals
          FROM note
         WHERE session_id = $1
        """,
        session_id,
    )
    return note_from(row) if row else None


async def list_notes(
    conn: Connection, staff_id: UUID, *, state: NoteState | None, limit: int = 200
) -> list[Note]:
    """The notes that somebody wrote or answers for, latest session first."""
    rows = await conn.fetch(
        """
        SELECT session_id, version, youth_id, referral_id, episode_id, appointment_id, mentor_id,
               supervisor_id, starts_at, ends_at, place_of_service, modality, billable, texts,
               state, units, rule_pack_version, return_reason, signed_at, cosigned_at, goals
          FROM note n
         WHERE ($1 IN (mentor_id, supervisor_id)
                OR EXISTS (SELECT FROM assignment a
                            WHERE a.referral_id = n.referral_id
                              AND a.mentor_id = n.mentor_id
                              AND a.supervisor_id = $1))
           AND ($2::text IS NULL OR state = $2)
         ORDER BY starts_at DESC, session_id
         LIMIT $3
        """,
        *(staff_id, state, limit),
    )
    return [note_from(row) for row in rows]


def note_from(row: Record) -> Note:
    plain: dict[str, Any] = {name: row[name] for name in PLAIN}
    return Note(
        **plain,
        place_of_service=PlaceOfService(row["place_of_service"]),
        modality=Modality(row["modality"]),
        state=NoteState(row["state"]),
        goals=tuple(cited_from(*goal) for goal in row["goals"]),
    )


def cited_from(
    goal_id: str, scale: str | None, value: float | None, measured_by: str | None
) -> CitedGoal:
    if scale is None or value is None or measured_by is None:
        return CitedGoal(UUID(goal_id))
    rating = Rating(ProgressScale(scale), float(value), MeasuredBy(measured_by))
    return CitedGoal(UUID(goal_id), rating)


async def update_signed(conn: Connection, note: Note) -> None:
    """Put the author's signature under a draft.

    `Conflict` when another signed session of the mentor or of the youth overlaps, or tells of the
    same appointment: of two that are signed at once exactly one gets through.
    """
    try:
        await conn.execute(
            """
            UPDATE session
               SET state = 'signed', signed_at = $2, supervisor_id = $3, return_reason = NULL,
                   updated_at = now()
             WHERE session_id = $1
            """,
            *(note.session_id, note.signed_at, note.supervisor_id),
        )
    except (asyncpg.ExclusionViolationError, asyncpg.UniqueViolationError) as error:
        raise Conflict(*COLLISIONS[error.constraint_name or ""]) from error


async def update_returned(conn: Connection, session_id: UUID, reason: str) -> None:
    """Give a signed note back to its author: a draft again, without a signature."""
    await conn.execute(
        """
        UPDATE session
           SET state = 'draft', signed_at = NULL, return_reason = $2, updated_at = now()
         WHERE session_id = $1
        """,
        *(session_id, reason),
    )


async def update_final(conn: Connection, note: Note) -> None:
    await conn.execute(
        """
        UPDATE session
           SET state = 'final', cosigned_at = $2, units = $3, billable = $4,
               rule_pack_version = $5, updated_at = now()
         WHERE session_id = $1
        """,
        *(note.session_id, note.cosigned_at, note.units, note.billable, note.rule_pack_version),
    )


async def update_goals_off_plan(
    conn: Connection, session_id: UUID, citable: frozenset[UUID]
) -> None:
    """Goals that were not on the hub's plan that day stay in the note and count for nothing."""
    await conn.execute(
        """
        UPDATE session_goal
           SET counts = false
         WHERE session_id = $1
           AND NOT goal_id = ANY ($2::uuid[])
        """,
        *(session_id, list(citable)),
    )


async def list_minutes_of_line(conn: Connection, note: Note, day: date) -> list[int]:
    """Whole minutes of the final billable sessions that share a note's claim line.

    One line per youth, New York day, place, modality and mentor (`line.combine`).
    """
    rows = await conn.fetch(
        """
        SELECT floor(extract(epoch FROM ends_at - starts_at) / 60)::integer AS minutes
          FROM session
         WHERE youth_id = $1
           AND mentor_id = $2
           AND place_of_service = $3
           AND modality = $4
           AND (starts_at AT TIME ZONE 'America/New_York')::date = $5
           AND state = 'final'
           AND billable
           AND session_id <> $6
         ORDER BY starts_at
        """,
        *(note.youth_id, note.mentor_id, note.place_of_service, note.modality, day),
        note.session_id,
    )
    return [row["minutes"] for row in rows]
