"""Sessions that ended and wait for a note: told at each level of `clock.note_due` (T6).

Watched is what is known to have been planned or begun: an appointment, or a draft without one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from contracts.codes import Overdue
from contracts.events import NoteOverdue
from contracts.rules import RulePack
from services.chassis import outbox, work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.documentation.domain.notes import UNSIGNED, AppointmentState, Episode, Note
from services.documentation.store import facts
from services.documentation.store import notes as store
from services.documentation.store import overdue as told

WATCH = "note-overdue"


@dataclass(frozen=True, slots=True)
class Awaited:
    """A session for which there is no signed note; `draft` is what its author has begun."""

    episode_id: UUID
    mentor_id: UUID
    ends_at: datetime
    appointment_id: UUID | None
    draft: Note | None


async def watch(conn: Connection, about_id: UUID, ends_at: datetime, pack: RulePack) -> None:
    """Look after a session's note from the first level on. `about_id`: appointment or draft."""
    await work.add(
        conn,
        WATCH,
        {"about_id": str(about_id)},
        due_at=ends_at + levels(pack, ends_at)[Overdue.DUE],
        lane=None,
    )


async def look(conn: Connection, about_id: UUID, *, pack: RulePack, now: datetime) -> None:
    """Tell the level that a session's note has reached, each once, and look again at the next.

    Of levels that passed unseen only the last is told. A session that has its note by now, or that
    was not held, is told of no more.
    """
    if (awaited := await awaited_by(conn, about_id)) is None:
        return
    episode = await facts.episode_by_id(conn, awaited.episode_id)
    if episode is None or not held(episode, awaited):
        return
    due = {level: awaited.ends_at + pause for level, pause in levels(pack, awaited.ends_at).items()}
    reached = [level for level, at in due.items() if at <= now]
    if reached and await told.add_overdue(conn, about_id, reached[-1], now):
        await outbox.append(conn, await note_overdue(conn, episode, awaited, reached[-1]), at=now)
    if ahead := [at for at in due.values() if at > now]:
        await work.add(conn, WATCH, {"about_id": str(about_id)}, due_at=min(ahead), lane=None)


def levels(pack: RulePack, ends_at: datetime) -> dict[Overdue, timedelta]:
    """How long after a session's end each level is reached, the nearest first."""
    clock = pack.value("clock.note_due", on=agency_day(ends_at)).value
    return {
        Overdue.DUE: timedelta(hours=clock["target_hours"]),
        Overdue.LATE: timedelta(hours=clock["late_hours"]),
        Overdue.ESCALATED: timedelta(days=clock["escalate_days"]),
    }


async def awaited_by(conn: Connection, about_id: UUID) -> Awaited | None:
    """The session that waits for its note; None when it does not wait, or no more."""
    if booked := await facts.appointment_by_id(conn, about_id):
        notes = await store.list_notes_of_appointment(conn, about_id)
        if booked.state is not AppointmentState.BOOKED or any(
            note.state not in UNSIGNED for note in notes
        ):
            return None
        draft = notes[-1] if notes else None
        return Awaited(booked.episode_id, booked.mentor_id, booked.ends_at, about_id, draft)
    draft = await store.note_by_id(conn, about_id)
    if draft is None or draft.state not in UNSIGNED or draft.is_amendment or draft.appointment_id:
        return None
    return Awaited(draft.episode_id, draft.mentor_id, draft.ends_at, None, draft)


def held(episode: Episode, awaited: Awaited) -> bool:
    """False for what was planned on a day of a hold, or after the end: nobody met."""
    day = agency_day(awaited.ends_at)
    on_hold = episode.held_from is not None and day >= episode.held_from
    over = episode.closed_on is not None and day > episode.closed_on
    return awaited.draft is not None or not (on_hold or over)


async def note_overdue(
    conn: Connection, episode: Episode, awaited: Awaited, level: Overdue
) -> NoteOverdue:
    given = await facts.list_assignments(conn, episode.referral_id)
    hers = [one for one in given if one.mentor_id == awaited.mentor_id]
    return NoteOverdue(
        youth_id=episode.youth_id,
        referral_id=episode.referral_id,
        episode_id=episode.episode_id,
        session_id=awaited.draft.session_id if awaited.draft else None,
        appointment_id=awaited.appointment_id,
        ended_at=awaited.ends_at,
        level=level,
        mentor_id=awaited.mentor_id,
        supervisor_id=hers[-1].supervisor_id if hers else None,
    )
