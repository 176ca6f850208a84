"""What staff are shown: goals to cite, notes in their versions."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from contracts.codes import Modality, PlaceOfService
from services.documentation.api.staff.bodies import GoalBody
from services.documentation.commands.notes import Signed
from services.documentation.domain.goals import GoalText
from services.documentation.domain.notes import CitedGoal, Note, NoteState
from services.documentation.domain.review import Finding
from services.documentation.store.addenda import Addendum


class WarningView(BaseModel):
    code: str
    message: str


class SessionView(BaseModel):
    """A note as its author and her supervisor see it."""

    session_id: UUID
    version: int
    state: NoteState
    youth_id: UUID
    referral_id: UUID
    episode_id: UUID
    appointment_id: UUID | None
    mentor_id: UUID
    supervisor_id: UUID | None
    start: AwareDatetime
    end: AwareDatetime
    minutes: int
    place_of_service: PlaceOfService
    modality: Modality
    billable: bool
    units: int | None
    goals: tuple[GoalBody, ...]
    texts: dict[str, str]
    signed_at: AwareDatetime | None
    cosigned_at: AwareDatetime | None
    return_reason: str | None
    rule_pack_version: str | None
    late_reason: str | None
    amend_reason: str | None = Field(description="A code; null for a first version.")
    void_reason: str | None = Field(description="A code; null unless entered in error.")
    attested_by: UUID | None = Field(description="The supervisor who wrote it, if one did.")
    warnings: tuple[WarningView, ...] = ()
    cosign: tuple[str, ...] = Field(
        default=(), description="Codes of why a supervisor has to sign, too."
    )


class AddendumView(BaseModel):
    """What somebody added to a signed note."""

    addendum_id: UUID
    version: int
    author_id: UUID
    written_at: AwareDatetime
    text: str


class HistoryView(BaseModel):
    """A note in all its versions, the first one first, and what was added to it."""

    versions: list[SessionView]
    addenda: list[AddendumView]


class GoalView(BaseModel):
    """A goal that a session of that day may cite."""

    goal_id: UUID
    text: str
    start_date: str | None
    target: list[dict[str, Any]]


class GoalsView(BaseModel):
    on: date
    goals: list[GoalView]


class SessionsView(BaseModel):
    """A page of notes; `next` is what to give as `after` for the page behind it."""

    sessions: list[SessionView]
    next: str | None


def goal_view(goal: GoalText) -> GoalView:
    return GoalView(
        goal_id=goal.goal_id,
        text=goal.description,
        start_date=goal.start_date,
        target=[dict(one) for one in goal.target],
    )


def signed(result: Signed) -> SessionView:
    return view(result.note, result.warnings, result.cosign)


def view(
    note: Note, warnings: tuple[Finding, ...] = (), cosign: tuple[str, ...] = ()
) -> SessionView:
    return SessionView(
        session_id=note.session_id,
        version=note.version,
        state=note.state,
        youth_id=note.youth_id,
        referral_id=note.referral_id,
        episode_id=note.episode_id,
        appointment_id=note.appointment_id,
        mentor_id=note.mentor_id,
        supervisor_id=note.supervisor_id,
        start=note.starts_at,
        end=note.ends_at,
        minutes=note.minutes,
        place_of_service=note.place_of_service,
        modality=note.modality,
        billable=note.billable,
        units=note.units,
        goals=tuple(goal_body(cited) for cited in note.goals),
        texts=dict(note.texts),
        signed_at=note.signed_at,
        cosigned_at=note.cosigned_at,
        return_reason=note.return_reason,
        rule_pack_version=note.rule_pack_version,
        late_reason=note.late_reason,
        amend_reason=note.amend_reason,
        void_reason=note.void_reason,
        attested_by=note.attested_by,
        warnings=tuple(WarningView(code=w.code, message=w.sentence) for w in warnings),
        cosign=cosign,
    )


def history(versions: Iterable[Note], addenda: Iterable[Addendum]) -> HistoryView:
    return HistoryView(
        versions=[view(note) for note in versions], addenda=[addendum_view(one) for one in addenda]
    )


def addendum_view(added: Addendum) -> AddendumView:
    return AddendumView(
        addendum_id=added.addendum_id,
        version=added.version,
        author_id=added.author_id,
        written_at=added.written_at,
        text=added.text,
    )


def goal_body(cited: CitedGoal) -> GoalBody:
    if cited.rating is None:
        return GoalBody(goal_id=cited.goal_id)
    rating = cited.rating
    return GoalBody(
        goal_id=cited.goal_id,
        scale=rating.scale,
        value=rating.value,
        measured_by=rating.measured_by,
    )
