"""What happens to a final note: corrected, voided, added to; what it said is kept."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from contracts.events import SessionVoided
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.documentation.commands import plan as plans
from services.documentation.commands.final import billing_impact
from services.documentation.commands.notes import (
    NOT_HERE,
    Told,
    check_appointment,
    own_note,
    said,
    supervisors,
)
from services.documentation.domain import notes
from services.documentation.domain.notes import UNSIGNED, Note, NoteState
from services.documentation.store import addenda, facts
from services.documentation.store import notes as store
from services.documentation.store.addenda import Addendum


class AmendReason(StrEnum):
    """Which part of a note was wrong."""

    TIME = "time"
    PLACE = "place"
    GOALS = "goals"
    MEASURE = "measure"
    TEXT = "text"
    BILLING = "billing"


class VoidReason(StrEnum):
    """Why a session is none."""

    WRONG_YOUTH = "wrong_youth"
    DID_NOT_TAKE_PLACE = "did_not_take_place"
    DUPLICATE = "duplicate"
    OTHER = "other"


async def amend_note(
    conn: Connection, session_id: UUID, told: Told, *, reason: AmendReason, author: UUID
) -> Note:
    """Begin a corrected version of one's own final note; until it is final the old one counts.

    The draft is revised, signed and co-signed as any other. `Conflict` when a version is open.
    """
    old = await own_note(conn, session_id, author)
    if old.state is NoteState.VOIDED:
        raise Conflict("note-is-void", "A note that was entered in error is not corrected.")
    if old.episode_id != told.episode_id:
        raise Refused("episode-differs", "A note stays with its episode: void it, draft another.")
    if old.appointment_id not in (None, told.appointment_id):
        sentence = "A session keeps its appointment: void the note, draft another."
        raise Refused("appointment-differs", sentence)
    note = replace(
        old,
        **said(told),
        version=old.version + 1,
        state=NoteState.DRAFT,
        amend_reason=reason,
        supervisor_id=None,
        attested_by=None,
        units=None,
        rule_pack_version=None,
        signed_at=None,
        cosigned_at=None,
    )
    notes.check_draft(note)
    await check_appointment(conn, note)
    await store.add_note(conn, note)
    await store.add_note_goals(conn, note)
    return note


async def void_note(
    conn: Connection, session_id: UUID, *, reason: VoidReason, supervisor: UUID, now: datetime
) -> Note:
    """The supervisor declares a final note entered in error: nothing of it counts any more.

    A correction that nobody has signed yet is given up with it.
    """
    await store.lock_note(conn, session_id)
    newest = await store.note_by_id(conn, session_id)
    if newest is None or supervisor not in await answerable(conn, session_id, newest):
        raise NotFound(*NOT_HERE)
    if newest.state is NoteState.VOIDED:
        raise Conflict("note-is-void", "The note is void already.")
    if newest.state is NoteState.SIGNED:
        raise Conflict("note-is-signed", "The author has signed it: return it to her first.")
    if (old := await store.note_in_force(conn, session_id)) is None:
        raise Conflict("note-not-final", "A draft is told to nobody: its author may leave it.")
    # The order of locks of a note that becomes final.
    await facts.lock_episode(conn, old.episode_id)
    care_plan = await plans.begin(conn, old.youth_id, old.referral_id)
    if newest.state in UNSIGNED:
        await store.remove_note_goals(conn, newest)
        await store.remove_version(conn, newest)
    void = replace(
        old,
        version=newest.version + (newest.state not in UNSIGNED),
        state=NoteState.VOIDED,
        billable=False,
        units=0,
        amend_reason=None,
        void_reason=reason,
    )
    counted = await store.list_counted_goals(conn, old)
    await store.update_superseded(conn, session_id)
    await store.add_void(conn, void)
    await outbox.append(conn, session_voided(old, void, counted, care_plan), at=now)
    await plans.settle(conn, old.youth_id, old.referral_id, care_plan, at=now, rated=counted)
    return void


async def answerable(conn: Connection, session_id: UUID, newest: Note) -> set[UUID | None]:
    """Who answers for the version in force, and for one in work."""
    in_force = await store.note_in_force(conn, session_id)
    signed_for = {in_force.supervisor_id} if in_force else set()
    return signed_for | await supervisors(conn, newest)


def session_voided(
    old: Note, void: Note, counted: frozenset[UUID], care_plan: UUID
) -> SessionVoided:
    return SessionVoided(
        youth_id=old.youth_id,
        session_id=old.session_id,
        version=void.version,
        supersedes=old.version,
        referral_id=old.referral_id,
        episode_id=old.episode_id,
        appointment_id=old.appointment_id,
        reason=void.void_reason or "",
        billing_impact=billing_impact(old, void),
        goal_ids=tuple(sorted(counted)),
        care_plan_id=care_plan,
    )


async def add_addendum(
    conn: Connection, session_id: UUID, text: str, *, author: UUID, now: datetime
) -> Addendum:
    """Add to a signed note, in one's own name: its author or who answers for it. Told to nobody."""
    await store.lock_note(conn, session_id)
    note = await store.note_by_id(conn, session_id)
    if note is None or author not in {note.mentor_id, *await supervisors(conn, note)}:
        raise NotFound(*NOT_HERE)
    if note.state in UNSIGNED and not note.is_amendment:
        raise Conflict("note-not-signed", "An unsigned note is revised, not added to.")
    added = Addendum(uuid4(), session_id, note.version, author, now, text)
    await addenda.add_addendum(conn, added)
    return added
