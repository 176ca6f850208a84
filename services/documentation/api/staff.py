"""The door for staff: which goals a session may cite, and the notes of sessions."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from contracts.codes import MeasuredBy, Modality, PlaceOfService, ProgressScale, Role
from services.chassis.clock import agency_day
from services.chassis.errors import NotFound, Refused
from services.chassis.rule_packs import in_force
from services.chassis.staff import Caller, Conn, StaffRouter, touch
from services.documentation.commands import notes, plan
from services.documentation.commands.notes import Signed, Told
from services.documentation.domain.goals import GoalText, Rating
from services.documentation.domain.notes import CitedGoal, Finding, Note, NoteState
from services.documentation.store import facts
from services.documentation.store import notes as store

staff = StaffRouter(prefix="/api/documentation")


Text = Annotated[str, StringConstraints(max_length=20_000)]


class Body(BaseModel):
    """A body of ours takes what it names: a misspelt field is told, not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GoalBody(Body):
    """A goal that the session worked on; with a rating, or with none of its three parts."""

    goal_id: UUID
    scale: ProgressScale | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    measured_by: MeasuredBy | None = None

    def cited(self) -> CitedGoal:
        if self.scale is None or self.value is None or self.measured_by is None:
            if (self.scale, self.value, self.measured_by) != (None, None, None):
                sentence = "A rating has a scale, a value and who measured it."
                raise Refused("rating-incomplete", sentence)
            return CitedGoal(self.goal_id)
        return CitedGoal(self.goal_id, Rating(self.scale, self.value, self.measured_by))


class TextsBody(Body):
    """The narrative parts of a note; staff read them, nobody else does."""

    intervention: Text = ""
    response: Text = ""
    family_contact: Text = ""
    next_plan: Text = ""


class SessionBody(Body):
    """A session as its mentor tells it. Units are computed, never sent."""

    episode_id: UUID
    appointment_id: UUID | None = None
    start: AwareDatetime
    end: AwareDatetime
    place_of_service: PlaceOfService
    modality: Modality
    billable: bool = True
    goals: tuple[GoalBody, ...] = Field(default=(), max_length=50)
    texts: TextsBody = TextsBody()

    def told(self) -> Told:
        return Told(
            episode_id=self.episode_id,
            appointment_id=self.appointment_id,
            starts_at=self.start,
            ends_at=self.end,
            place_of_service=self.place_of_service,
            modality=self.modality,
            billable=self.billable,
            goals=tuple(goal.cited() for goal in self.goals),
            texts=self.texts.model_dump(),
        )


class ReasonBody(Body):
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


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
    warnings: tuple[WarningView, ...] = ()


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
    sessions: list[SessionView]


NOTE_READERS = {Role.MENTOR, Role.SUPERVISOR}


@staff.get("/youths/{youth_id}/goals", roles=NOTE_READERS)
async def list_goals(
    youth_id: UUID,
    conn: Conn,
    caller: Caller,
    request: Request,
    on: Annotated[date | None, Query()] = None,
) -> GoalsView:
    """The goals that a session of a day may cite: those active in the plan of that day."""
    touch(request, f"Patient/{youth_id}")
    day = on or agency_day(request.app.state.context.clock.now())
    if not await facts.works_with(conn, youth_id, caller.staff_id):
        raise NotFound("youth-unknown", "There is no such youth of yours.")
    found = await plan.citable_goals(conn, youth_id, on=day)
    return GoalsView(on=day, goals=[goal_view(goal) for goal in found])


@staff.get("/sessions", roles=NOTE_READERS)
async def list_sessions(
    conn: Conn,
    caller: Caller,
    request: Request,
    state: Annotated[NoteState | None, Query()] = None,
) -> SessionsView:
    """The notes that the caller wrote or answers for, latest session first."""
    found = await store.list_notes(conn, caller.staff_id, state=state)
    touch(request, *(f"Session/{note.session_id}" for note in found))
    return SessionsView(sessions=[view(note) for note in found])


@staff.post("/sessions", roles={Role.MENTOR}, status_code=201)
async def draft_session(
    body: SessionBody, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Begin a note of a session with one's own youth."""
    note = await notes.draft_note(conn, body.told(), author=caller.staff_id)
    touch(request, f"Session/{note.session_id}")
    return view(note)


@staff.put("/sessions/{session_id}", roles={Role.MENTOR})
async def revise_session(
    session_id: UUID, body: SessionBody, conn: Conn, caller: Caller
) -> SessionView:
    """Replace what one's own draft says."""
    return view(await notes.revise_note(conn, session_id, body.told(), author=caller.staff_id))


@staff.post("/sessions/{session_id}/sign", roles={Role.MENTOR})
async def sign_session(
    session_id: UUID, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Sign one's own note; a refusal says every reason, and the note stays a draft."""
    now = request.app.state.context.clock.now()
    return signed(
        await notes.sign_note(conn, session_id, author=caller.staff_id, pack=in_force(), now=now)
    )


@staff.post("/sessions/{session_id}/cosign", roles={Role.SUPERVISOR})
async def cosign_session(
    session_id: UUID, conn: Conn, caller: Caller, request: Request
) -> SessionView:
    """Co-sign a note of a mentor whom one supervises: it is final, and the session is told."""
    now = request.app.state.context.clock.now()
    return signed(
        await notes.cosign_note(
            conn, session_id, supervisor=caller.staff_id, pack=in_force(), now=now
        )
    )


@staff.post("/sessions/{session_id}/return", roles={Role.SUPERVISOR})
async def return_session(
    session_id: UUID, body: ReasonBody, conn: Conn, caller: Caller
) -> SessionView:
    """Give a signed note back to its author, with a reason."""
    return view(
        await notes.return_note(conn, session_id, supervisor=caller.staff_id, reason=body.reason)
    )


def goal_view(goal: GoalText) -> GoalView:
    return GoalView(
        goal_id=goal.goal_id,
        text=goal.description,
        start_date=goal.start_date,
        target=[dict(one) for one in goal.target],
    )


def signed(result: Signed) -> SessionView:
    return view(result.note, result.warnings)


def view(note: Note, warnings: tuple[Finding, ...] = ()) -> SessionView:
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
        warnings=tuple(WarningView(code=w.code, message=w.sentence) for w in warnings),
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
