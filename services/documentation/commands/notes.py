"""Session notes: drafted and signed by their mentor, co-signed by her supervisor, then told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.codes import Modality, PlaceOfService
from contracts.rules import RulePack
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.documentation.commands import overdue
from services.documentation.commands.final import finish
from services.documentation.domain import notes, review
from services.documentation.domain.notes import UNSIGNED, CitedGoal, Episode, Note, NoteState
from services.documentation.domain.review import Circumstances, Finding, NoteRules, Review
from services.documentation.store import facts
from services.documentation.store import notes as store
from services.documentation.store import plan as goals

NOT_HERE = ("note-unknown", "There is no such note of yours.")
NO_EPISODE = ("episode-unknown", "There is no such episode of yours.")


@dataclass(frozen=True, slots=True)
class Told:
    """What a mentor says of a session; everything else follows from it."""

    episode_id: UUID
    appointment_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    place_of_service: PlaceOfService
    modality: Modality
    billable: bool
    goals: tuple[CitedGoal, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    late_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A note with a further signature, and what was odd about it though it stopped nothing.

    `cosign`: why it still needs a supervisor's, in codes; nothing once it is final.
    """

    note: Note
    warnings: tuple[Finding, ...]
    cosign: tuple[str, ...] = ()


async def draft_note(conn: Connection, told: Told, *, author: UUID, pack: RulePack) -> Note:
    """Keep a new note of a session of one's own youth, as a draft: only what is absurd is refused.

    `NotFound` for an episode that is not the author's, or that has not been heard of yet.
    """
    episode = await known_episode(conn, told.episode_id)
    given = await facts.list_assignments(conn, episode.referral_id)
    if author not in {one.mentor_id for one in given}:
        raise NotFound(*NO_EPISODE)
    note = Note(
        **said(told),
        session_id=uuid4(),
        youth_id=episode.youth_id,
        referral_id=episode.referral_id,
        mentor_id=author,
        supervisor_id=None,
    )
    notes.check_draft(note)
    await check_appointment(conn, note)
    await store.add_note(conn, note)
    await store.add_note_goals(conn, note)
    if note.appointment_id is None:
        await overdue.watch(conn, note.session_id, note.ends_at, pack)
    return note


async def revise_note(conn: Connection, session_id: UUID, told: Told, *, author: UUID) -> Note:
    """Replace what one's own draft says; a signed note is never edited (`note.immutable`)."""
    old = await own_note(conn, session_id, author)
    if old.state is not NoteState.DRAFT:
        word = "submitted" if old.state is NoteState.SUBMITTED else "signed"
        raise Conflict(f"note-is-{word}", f"A {word} note is not edited.")
    if old.episode_id != told.episode_id:
        raise Refused("episode-differs", "A note stays with its episode: draft another one.")
    note = replace(old, **said(told))
    notes.check_draft(note)
    await check_appointment(conn, note)
    await store.update_draft(conn, note)
    await store.remove_note_goals(conn, note)
    await store.add_note_goals(conn, note)
    return note


async def submit_note(conn: Connection, session_id: UUID, *, author: UUID) -> Note:
    """The author asks her supervisor to look at a draft before she signs it."""
    note = await own_note(conn, session_id, author)
    if note.state is not NoteState.DRAFT:
        raise Conflict("note-is-no-draft", "Only a draft is submitted.")
    await store.update_submitted(conn, note)
    return replace(note, state=NoteState.SUBMITTED, return_reason=None)


async def sign_note(
    conn: Connection, session_id: UUID, *, author: UUID, pack: RulePack, now: datetime
) -> Signed:
    """The author signs her own draft; `Refused` with every reason why she cannot.

    `Conflict` when another signed session overlaps. Whatever is refused stays a draft. Where the
    rules ask for no co-signature, the note is final at once.
    """
    note = await own_note(conn, session_id, author)
    if note.state not in UNSIGNED:
        raise Conflict("note-is-signed", "The note is signed already.")
    rules, found = await reviewed(conn, note, pack, now=now)
    supervisor = review.demand(found)
    note = replace(note, state=NoteState.SIGNED, signed_at=now, supervisor_id=supervisor)
    return await put_signature(conn, note, supervisor, found, rules, now=now)


async def attest_note(
    conn: Connection,
    told: Told,
    *,
    mentor_id: UUID,
    supervisor: UUID,
    pack: RulePack,
    now: datetime,
) -> Signed:
    """A supervisor tells, as herself, of a session whose mentor has written no note (S21).

    It is never billed: nobody signs as somebody else. The mentor may correct it later.
    """
    episode = await known_episode(conn, told.episode_id)
    given = await facts.list_assignments(conn, episode.referral_id)
    if (mentor_id, supervisor) not in {(one.mentor_id, one.supervisor_id) for one in given}:
        raise NotFound(*NO_EPISODE)
    note = Note(
        **said(replace(told, billable=False)),
        session_id=uuid4(),
        youth_id=episode.youth_id,
        referral_id=episode.referral_id,
        mentor_id=mentor_id,
        supervisor_id=supervisor,
        attested_by=supervisor,
    )
    notes.check_draft(note)
    await check_appointment(conn, note)
    rules, found = await reviewed(conn, note, pack, now=now)
    if review.demand(found) != supervisor:
        raise NotFound(*NO_EPISODE)
    await store.add_note(conn, note)
    await store.add_note_goals(conn, note)
    note = replace(note, state=NoteState.SIGNED, signed_at=now)
    return await put_signature(conn, note, supervisor, found, rules, now=now)


async def put_signature(
    conn: Connection,
    note: Note,
    supervisor: UUID,
    found: Review,
    rules: NoteRules,
    *,
    now: datetime,
) -> Signed:
    await store.lock_signatures(conn, note)
    await store.update_signed(conn, note)
    if not found.cosign:
        note = await finish(conn, note, supervisor, found, rules, now=now)
    return Signed(note, found.warnings, found.cosign)


async def cosign_note(
    conn: Connection, session_id: UUID, *, supervisor: UUID, pack: RulePack, now: datetime
) -> Signed:
    """The supervisor signs as herself: the note is final and the session is told, once.

    Every guard is asked again: what other services told since the author's signature counts.
    """
    note = await answered_note(conn, session_id, supervisor)
    if note.state in UNSIGNED:
        raise Conflict("note-not-signed", "Its author has not signed the note.")
    rules, found = await reviewed(conn, note, pack, now=now)
    review.demand(found)
    note = replace(note, cosigned_at=now)
    note = await finish(conn, note, supervisor, found, rules, now=now)
    return Signed(note, found.warnings)


async def return_note(conn: Connection, session_id: UUID, *, supervisor: UUID, reason: str) -> Note:
    """The supervisor gives a submitted or signed note back with a reason: a draft again."""
    note = await answered_note(conn, session_id, supervisor)
    if note.state is NoteState.DRAFT:
        raise Conflict("note-not-signed", "Its author has not signed the note.")
    await store.update_returned(conn, note, reason)
    return replace(note, state=NoteState.DRAFT, signed_at=None, return_reason=reason)


# --- Whose note it is ------------------------------------------------------------------------


async def own_note(conn: Connection, session_id: UUID, author: UUID) -> Note:
    await store.lock_note(conn, session_id)
    note = await store.note_by_id(conn, session_id)
    if note is None or note.mentor_id != author:
        raise NotFound(*NOT_HERE)
    return note


async def answered_note(conn: Connection, session_id: UUID, supervisor: UUID) -> Note:
    """The open version of a note for which somebody answers; `Conflict` when there is none."""
    await store.lock_note(conn, session_id)
    note = await store.note_by_id(conn, session_id)
    if note is None or supervisor not in await supervisors(conn, note):
        raise NotFound(*NOT_HERE)
    if note.state is NoteState.VOIDED:
        raise Conflict("note-is-void", "The note was entered in error and stands no more.")
    if note.state is NoteState.FINAL:
        raise Conflict("note-is-final", "The note is final already.")
    return note


async def supervisors(conn: Connection, note: Note) -> set[UUID | None]:
    """Who answers for a signed note; before that, who supervises its author for this youth."""
    if note.state not in UNSIGNED:
        return {note.supervisor_id}
    given = await facts.list_assignments(conn, note.referral_id)
    return {one.supervisor_id for one in given if one.mentor_id == note.mentor_id}


async def readers(conn: Connection, versions: Sequence[Note]) -> set[UUID | None]:
    """Who may read a note in its versions: its author, who signed for it, who supervises her."""
    newest = versions[-1]
    given = await facts.list_assignments(conn, newest.referral_id)
    hers = {one.supervisor_id for one in given if one.mentor_id == newest.mentor_id}
    return {newest.mentor_id, *hers, *(note.supervisor_id for note in versions)} - {None}


async def known_episode(conn: Connection, episode_id: UUID) -> Episode:
    if (episode := await facts.episode_by_id(conn, episode_id)) is None:
        raise NotFound(*NO_EPISODE)
    return episode


def said(told: Told) -> dict[str, Any]:
    """The fields of a note that its author decides."""
    return {one.name: getattr(told, one.name) for one in fields(told)}


async def check_appointment(conn: Connection, note: Note) -> None:
    """Refuse an appointment of another episode or mentor, and one that is not known here."""
    if note.appointment_id is None:
        return
    booked = await facts.appointment_by_id(conn, note.appointment_id)
    if booked is None or (booked.episode_id, booked.mentor_id) != (note.episode_id, note.mentor_id):
        raise Refused("appointment-unknown", "There is no such appointment of yours and the youth.")


# --- Review --------------------------------------------------------------------------


async def reviewed(
    conn: Connection, note: Note, pack: RulePack, *, now: datetime
) -> tuple[NoteRules, Review]:
    """The rules of the date of service and what they say of a note, by all that is known here."""
    episode = await known_episode(conn, note.episode_id)
    product = await facts.product_on(conn, note.youth_id, note.service_day)
    rules = review.rules_on(pack, note.service_day, product)
    booked = None
    if note.appointment_id:
        booked = await facts.appointment_by_id(conn, note.appointment_id)
    circumstances = Circumstances(
        episode=episode,
        assignments=await facts.list_assignments(conn, note.referral_id),
        plan=await goals.list_plan_versions(conn, note.referral_id),
        hub_days=await facts.list_hub_days(conn, note.youth_id),
        appointment=booked.state if booked else None,
        coverage_confirmed=product is not None,
    )
    return rules, review.review(note, circumstances, rules, now=now)
