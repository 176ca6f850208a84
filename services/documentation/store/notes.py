"""Session notes: drafts, signatures, what becomes final, and what replaces it."""

from dataclasses import dataclass
from datetime import date, datetime
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
    *("rule_pack_version", "return_reason", "signed_at", "cosigned_at", "late_reason"),
    *("amend_reason", "void_reason", "attested_by"),
)
COLUMNS = """session_id, version, youth_id, referral_id, episode_id, appointment_id, mentor_id,
               supervisor_id, starts_at, ends_at, place_of_service, modality, billable, texts,
               state, units, rule_pack_version, return_reason, signed_at, cosigned_at,
               late_reason, amend_reason, void_reason, attested_by, goals"""


async def add_note(conn: Connection, note: Note) -> None:
    """A first version, or the draft of a further one.

    `Conflict` when another version of the note is open: two corrections do not go side by side.
    """
    try:
        await conn.execute(
            """
            INSERT INTO session (session_id, version, youth_id, referral_id, episode_id,
                                 appointment_id, mentor_id, starts_at, ends_at, place_of_service,
                                 modality, billable, texts, late_reason, amend_reason, attested_by,
                                 state)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'draft')
            """,
            *(note.session_id, note.version, note.youth_id, note.referral_id, note.episode_id),
            *(note.appointment_id, note.mentor_id, note.starts_at, note.ends_at),
            *(note.place_of_service, note.modality, note.billable, dict(note.texts)),
            *(note.late_reason, note.amend_reason, note.attested_by),
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict(
            "note-is-open", "The note, or a correction of it, is open already."
        ) from error


async def update_draft(conn: Connection, note: Note) -> None:
    """Replace what a draft says."""
    await conn.execute(
        """
        UPDATE session
           SET appointment_id = $3, starts_at = $4, ends_at = $5, place_of_service = $6,
               modality = $7, billable = $8, texts = $9, late_reason = $10, updated_at = now()
         WHERE session_id = $1
           AND version = $2
           AND state = 'draft'
        """,
        *(note.session_id, note.version, note.appointment_id, note.starts_at, note.ends_at),
        *(note.place_of_service, note.modality, note.billable, dict(note.texts)),
        note.late_reason,
    )


async def remove_note_goals(conn: Connection, note: Note) -> None:
    await conn.execute(
        "DELETE FROM session_goal WHERE session_id = $1 AND version = $2",
        *(note.session_id, note.version),
    )


async def remove_version(conn: Connection, note: Note) -> None:
    """Give up a version that nobody has signed; its goals are gone before."""
    await conn.execute(
        """
        DELETE FROM session
         WHERE session_id = $1
           AND version = $2
           AND state IN ('draft', 'submitted')
        """,
        *(note.session_id, note.version),
    )


async def add_note_goals(conn: Connection, note: Note) -> None:
    await conn.executemany(
        """
        INSERT INTO session_goal (session_id, version, goal_id, position, scale, value,
                                  measured_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
            (note.session_id, note.version, cited.goal_id, position, *columns(cited.rating))
            for position, cited in enumerate(note.goals)
        ],
    )


def columns(rating: Rating | None) -> tuple[str | None, float | None, str | None]:
    return (rating.scale, rating.value, rating.measured_by) if rating else (None, None, None)


async def lock_note(conn: Connection, session_id: UUID) -> None:
    """Until the transaction ends, nobody else changes any version of this note."""
    await conn.execute(
        "SELECT FROM session WHERE session_id = $1 ORDER BY version FOR UPDATE", session_id
    )


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
    """The newest version of a note, with the goals it cites."""
    row = await conn.fetchrow(
        f"""
        SELECT {COLUMNS}
          FROM note
         WHERE session_id = $1
         ORDER BY version DESC
         LIMIT 1
        """,  # noqa: S608 (a constant)
        session_id,
    )
    return note_from(row) if row else None


async def note_in_force(conn: Connection, session_id: UUID) -> Note | None:
    """The final version of a note; None before there is one, and when it was voided."""
    row = await conn.fetchrow(
        f"SELECT {COLUMNS} FROM note WHERE session_id = $1 AND state = 'final'",  # noqa: S608
        session_id,
    )
    return note_from(row) if row else None


async def list_versions(conn: Connection, session_id: UUID) -> list[Note]:
    """All versions of a note, the first one first."""
    rows = await conn.fetch(
        f"SELECT {COLUMNS} FROM note WHERE session_id = $1 ORDER BY version",  # noqa: S608
        session_id,
    )
    return [note_from(row) for row in rows]


async def list_notes_of_appointment(conn: Connection, appointment_id: UUID) -> list[Note]:
    """The notes that tell of a planned session, in the order in which they were begun."""
    rows = await conn.fetch(
        f"""
        SELECT {COLUMNS}
          FROM note
         WHERE appointment_id = $1
         ORDER BY session_id, version
        """,  # noqa: S608
        appointment_id,
    )
    return [note_from(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Place:
    """A note's place in a list of the latest first: a page begins behind it."""

    starts_at: datetime
    session_id: UUID
    version: int


async def list_notes(
    conn: Connection,
    staff_id: UUID,
    *,
    state: NoteState | None,
    limit: int,
    after: Place | None = None,
) -> list[Note]:
    """The notes that somebody wrote or answers for, latest session first.

    A corrected session is listed by the version that counts, and by one in work beside it.
    """
    rows = await conn.fetch(
        f"""
        SELECT {COLUMNS}
          FROM note n
         WHERE ($1 IN (mentor_id, supervisor_id)
                OR EXISTS (SELECT FROM assignment_span a
                            WHERE a.youth_id = n.youth_id
                              AND a.referral_id = n.referral_id
                              AND a.mentor_id = n.mentor_id
                              AND a.supervisor_id = $1))
           AND CASE WHEN $2::text IS NULL THEN state <> 'superseded' ELSE state = $2 END
           AND ($4::timestamptz IS NULL
                OR (starts_at, session_id, version) < ($4, $5::uuid, $6::integer))
         ORDER BY starts_at DESC, session_id DESC, version DESC
         LIMIT $3
        """,  # noqa: S608
        *(staff_id, state, limit, after and after.starts_at, after and after.session_id),
        after and after.version,
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


async def update_submitted(conn: Connection, note: Note) -> None:
    """The author asks her supervisor to look at it before she signs."""
    await conn.execute(
        """
        UPDATE session
           SET state = 'submitted', return_reason = NULL, updated_at = now()
         WHERE session_id = $1
           AND version = $2
        """,
        *(note.session_id, note.version),
    )


async def update_signed(conn: Connection, note: Note) -> None:
    """Put the author's signature under a draft.

    `Conflict` when another signed session of the mentor or of the youth overlaps, or tells of the
    same appointment: of two that are signed at once exactly one gets through.
    """
    try:
        await conn.execute(
            """
            UPDATE session
               SET state = 'signed', signed_at = $3, supervisor_id = $4, return_reason = NULL,
                   updated_at = now()
             WHERE session_id = $1
               AND version = $2
            """,
            *(note.session_id, note.version, note.signed_at, note.supervisor_id),
        )
    except (asyncpg.ExclusionViolationError, asyncpg.UniqueViolationError) as error:
        raise Conflict(*COLLISIONS[error.constraint_name or ""]) from error


async def update_returned(conn: Connection, note: Note, reason: str) -> None:
    """Give a note back to its author: a draft again, without a signature."""
    await conn.execute(
        """
        UPDATE session
           SET state = 'draft', signed_at = NULL, return_reason = $3, updated_at = now()
         WHERE session_id = $1
           AND version = $2
        """,
        *(note.session_id, note.version, reason),
    )


async def update_final(conn: Connection, note: Note) -> None:
    await conn.execute(
        """
        UPDATE session
           SET state = 'final', cosigned_at = $3, units = $4, billable = $5,
               rule_pack_version = $6, updated_at = now()
         WHERE session_id = $1
           AND version = $2
        """,
        *(note.session_id, note.version, note.cosigned_at, note.units, note.billable),
        note.rule_pack_version,
    )


async def update_superseded(conn: Connection, session_id: UUID) -> None:
    """The version in force no longer counts. It stays as it was, down to when it was changed."""
    await conn.execute(
        "UPDATE session SET state = 'superseded' WHERE session_id = $1 AND state = 'final'",
        session_id,
    )


async def add_void(conn: Connection, note: Note) -> None:
    """The version that says that a session does not count, with what the last one said."""
    await conn.execute(
        """
        INSERT INTO session (session_id, version, youth_id, referral_id, episode_id,
                             appointment_id, mentor_id, supervisor_id, starts_at, ends_at,
                             place_of_service, modality, billable, texts, state, units,
                             rule_pack_version, signed_at, cosigned_at, late_reason, attested_by,
                             void_reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, false, $13, 'voided', 0, $14,
                $15, $16, $17, $18, $19)
        """,
        *(note.session_id, note.version, note.youth_id, note.referral_id, note.episode_id),
        *(note.appointment_id, note.mentor_id, note.supervisor_id, note.starts_at, note.ends_at),
        *(note.place_of_service, note.modality, dict(note.texts), note.rule_pack_version),
        *(note.signed_at, note.cosigned_at, note.late_reason, note.attested_by),
        note.void_reason,
    )


async def update_goals_off_plan(conn: Connection, note: Note, citable: frozenset[UUID]) -> None:
    """Goals that were not on the hub's plan that day stay in the note and count for nothing."""
    await conn.execute(
        """
        UPDATE session_goal
           SET counts = false
         WHERE session_id = $1
           AND version = $2
           AND NOT goal_id = ANY ($3::uuid[])
        """,
        *(note.session_id, note.version, list(citable)),
    )


async def list_counted_goals(conn: Connection, note: Note) -> frozenset[UUID]:
    """The goals of a final note that were on the hub's plan."""
    rows = await conn.fetch(
        "SELECT goal_id FROM session_goal WHERE session_id = $1 AND version = $2 AND counts",
        *(note.session_id, note.version),
    )
    return frozenset(row["goal_id"] for row in rows)


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
