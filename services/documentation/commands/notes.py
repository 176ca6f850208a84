"""Session notes: drafted and signed by their mentor, co-signed by her supervisor, then told."""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.codes import Modality, PlaceOfService
from contracts.events import GoalProgressUpdated, SessionLogged
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.documentation.commands import plan as plans
from services.documentation.domain import notes, units
from services.documentation.domain.goals import care_plan_id
from services.documentation.domain.notes import (
    Circumstances,
    CitedGoal,
    Episode,
    Finding,
    Note,
    NoteRules,
    NoteState,
    Review,
)
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


@dataclass(frozen=True, slots=True)
class Signed:
    """A note with a further signature, and what was odd about it though it stopped nothing."""

    note: Note
    warnings: tuple[Finding, ...]


async def draft_note(conn: Connection, told: Told, *, author: UUID) -> Note:
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
    return note


async def revise_note(conn: Connection, session_id: UUID, told: Told, *, author: UUID) -> Note:
    """Replace what one's own draft says; a signed note is never edited (`note.immutable`)."""
    old = await own_note(conn, session_id, author)
    if old.state is not NoteState.DRAFT:
        raise Conflict("note-is-signed", "A signed note is not edited.")
    if old.episode_id != told.episode_id:
        raise Refused("episode-differs", "A note stays with its episode: draft another one.")
    note = replace(old, **said(told))
    notes.check_draft(note)
    await check_appointment(conn, note)
    await store.update_draft(conn, note)
    await store.remove_note_goals(conn, session_id)
    await store.add_note_goals(conn, note)
    return note


async def sign_note(
    conn: Connection, session_id: UUID, *, author: UUID, pack: RulePack, now: datetime
) -> Signed:
    """The author signs her own draft; `Refused` with every reason why she cannot.

    `Conflict` when another signed session overlaps. Whatever is refused stays a draft. Where the
    rules ask for no co-signature, the note is final at once.
    """
    note = await own_note(conn, session_id, author)
    if note.state is not NoteState.DRAFT:
        raise Conflict("note-is-signed", "The note is signed already.")
    rules, review = await reviewed(conn, note, pack, now=now)
    supervisor = notes.demand(review)
    note = replace(note, state=NoteState.SIGNED, signed_at=now, supervisor_id=supervisor)
    await store.lock_signatures(conn, note)
    await store.update_signed(conn, note)
    if rules.cosign == "never":
        note = await finish(conn, note, supervisor, review, rules, now=now)
    return Signed(note, review.warnings)


async def cosign_note(
    conn: Connection, session_id: UUID, *, supervisor: UUID, pack: RulePack, now: datetime
) -> Signed:
    """The supervisor signs as herself: the note is final and the session is told, once.

    Every guard is asked again: what other services told since the author's signature counts.
    """
    note = await signed_note(conn, session_id, supervisor)
    rules, review = await reviewed(conn, note, pack, now=now)
    notes.demand(review)
    note = replace(note, cosigned_at=now)
    note = await finish(conn, note, supervisor, review, rules, now=now)
    return Signed(note, review.warnings)


async def return_note(conn: Connection, session_id: UUID, *, supervisor: UUID, reason: str) -> Note:
    """The supervisor gives a signed note back with a reason: a draft again, nothing was told."""
    note = await signed_note(conn, session_id, supervisor)
    await store.update_returned(conn, session_id, reason)
    return replace(note, state=NoteState.DRAFT, signed_at=None, return_reason=reason)


# --- Whose note it is ------------------------------------------------------------------------


async def own_note(conn: Connection, session_id: UUID, author: UUID) -> Note:
    await store.lock_note(conn, session_id)
    note = await store.note_by_id(conn, session_id)
    if note is None or note.mentor_id != author:
        raise NotFound(*NOT_HERE)
    return note


async def signed_note(conn: Connection, session_id: UUID, supervisor: UUID) -> Note:
    await store.lock_note(conn, session_id)
    note = await store.note_by_id(conn, session_id)
    if note is None or supervisor not in await supervisors(conn, note):
        raise NotFound(*NOT_HERE)
    if note.state is NoteState.DRAFT:
        raise Conflict("note-not-signed", "Its author has not signed the note.")
    if note.state is NoteState.FINAL:
        raise Conflict("note-is-final", "The note is final already.")
    return note


async def supervisors(conn: Connection, note: Note) -> set[UUID | None]:
    """Who answers for a signed note; before that, who supervises its author for this youth."""
    if note.state is not NoteState.DRAFT:
        return {note.supervisor_id}
    given = await facts.list_assignments(conn, note.referral_id)
    return {one.supervisor_id for one in given if one.mentor_id == note.mentor_id}


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


# --- Review and end --------------------------------------------------------------------------


async def reviewed(
    conn: Connection, note: Note, pack: RulePack, *, now: datetime
) -> tuple[NoteRules, Review]:
    """The rules of the date of service and what they say of a note, by all that is known here."""
    episode = await known_episode(conn, note.episode_id)
    product = await facts.product_on(conn, note.youth_id, note.service_day)
    rules = notes.rules_on(pack, note.service_day, product)
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
    return rules, notes.review(note, circumstances, rules, now=now)


async def finish(
    conn: Connection,
    note: Note,
    supervisor: UUID,
    review: Review,
    rules: NoteRules,
    *,
    now: datetime,
) -> Note:
    """Make a note final and tell it: SessionLogged, then each goal's progress, in that order."""
    # One at a time per episode: the units of a day's line depend on what is logged already. The
    # care plan is locked before an event locks the stream, as wherever both are.
    await facts.lock_episode(conn, note.episode_id)
    care_plan = await plans.begin(conn, note.youth_id, note.referral_id)
    count = await units_of(conn, note, rules) if review.billable else 0
    final = replace(
        note,
        state=NoteState.FINAL,
        billable=review.billable,
        units=count,
        rule_pack_version=rules.version,
    )
    await store.update_final(conn, final)
    await store.update_goals_off_plan(conn, note.session_id, review.citable)
    counted = tuple(cited for cited in note.goals if cited.goal_id in review.citable)
    await outbox.append(conn, session_logged(final, counted, supervisor, count, rules), at=now)
    for cited in counted:
        await tell_progress(conn, final, cited, now=now)
    worked = [cited.goal_id for cited in counted]
    await plans.settle(conn, note.youth_id, note.referral_id, care_plan, at=now, rated=worked)
    return final


async def units_of(conn: Connection, note: Note, rules: NoteRules) -> int:
    """Units of fifteen minutes by the rule of the date of service; nobody else computes them."""
    earlier = await store.list_minutes_of_line(conn, note, note.service_day)
    return units.units_added(note.minutes, earlier, rules.rounding)


def session_logged(
    note: Note, counted: tuple[CitedGoal, ...], supervisor: UUID, count: int, rules: NoteRules
) -> SessionLogged:
    return SessionLogged(
        youth_id=note.youth_id,
        session_id=note.session_id,
        version=note.version,
        referral_id=note.referral_id,
        episode_id=note.episode_id,
        appointment_id=note.appointment_id,
        start=note.starts_at,
        end=note.ends_at,
        place_of_service=note.place_of_service,
        modality=note.modality,
        units=count,
        billable=note.billable,
        goal_ids=tuple(cited.goal_id for cited in counted),
        mentor_id=note.mentor_id,
        supervisor_id=supervisor,
        rule_pack_version=rules.version,
    )


async def tell_progress(conn: Connection, note: Note, cited: CitedGoal, *, now: datetime) -> None:
    """Say a goal's new value beside the one before it on the same scale; unrated goals say none."""
    if cited.rating is None:
        return
    scale = cited.rating.scale
    progress = GoalProgressUpdated(
        youth_id=note.youth_id,
        goal_id=cited.goal_id,
        care_plan_id=care_plan_id(note.referral_id),
        scale=scale,
        value=cited.rating.value,
        previous=await goals.value_before(conn, cited.goal_id, scale, note.starts_at),
        measured_by=cited.rating.measured_by,
        session_id=note.session_id,
    )
    await outbox.append(conn, progress, at=now)
