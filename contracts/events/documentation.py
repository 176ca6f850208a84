"""What documentation tells: sessions, notes, goals."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.codes import MeasuredBy, Modality, Overdue, PlaceOfService, ProgressScale
from contracts.events.base import Event, Frozen


class FromDocumentation(Event):
    """Published by the documentation service."""

    topic: ClassVar[str] = "documentation.v1"


class SessionFacts(FromDocumentation):
    """A session as the newest final version of its note tells it, whole."""

    subject: ClassVar[str] = "session_id"

    session_id: UUID
    version: int
    referral_id: UUID
    episode_id: UUID
    appointment_id: UUID | None = None
    start: AwareDatetime
    end: AwareDatetime
    place_of_service: PlaceOfService
    modality: Modality
    units: int = Field(ge=0, description="Of 15 minutes, rounded by the rule pack.")
    billable: bool
    goal_ids: tuple[UUID, ...]
    mentor_id: UUID
    supervisor_id: UUID
    rule_pack_version: str


class SessionLogged(SessionFacts):
    """A session took place and its note is final: once per session, version 1 of its note."""

    type: ClassVar[str] = "SessionLogged.v1"


class BillingImpact(Frozen):
    """What a correction changes for the payer, in units of 15 minutes."""

    units_before: int = Field(ge=0)
    units_after: int = Field(ge=0)


class SessionNoteAmended(SessionFacts):
    """A final note was replaced by a corrected one: the session as it now stands, once per version.

    Who counts sessions counts SessionLogged; who keeps what a session says takes it from here.
    """

    type: ClassVar[str] = "SessionNoteAmended.v1"

    supersedes: int = Field(ge=1, description="The version that no longer counts.")
    reason: str = Field(description="A code: time, place, goals, measure, text, billing.")
    billing_impact: BillingImpact


class SessionVoided(FromDocumentation):
    """A final note was entered in error: its session and its ratings no longer count."""

    type: ClassVar[str] = "SessionVoided.v1"
    subject: ClassVar[str] = "session_id"

    session_id: UUID
    version: int = Field(ge=2, description="Of the note that says so.")
    supersedes: int = Field(ge=1, description="The version that no longer counts.")
    referral_id: UUID
    episode_id: UUID
    appointment_id: UUID | None = None
    reason: str = Field(description="A code: wrong_youth, did_not_take_place, duplicate, other.")
    billing_impact: BillingImpact
    goal_ids: tuple[UUID, ...] = Field(description="Goals that the session had worked on.")
    care_plan_id: UUID


class NoteOverdue(FromDocumentation):
    """A session has ended and its author has not signed a note; once per level."""

    type: ClassVar[str] = "NoteOverdue.v1"
    subject: ClassVar[str] = "episode_id"

    referral_id: UUID
    episode_id: UUID
    session_id: UUID | None = Field(description="The draft, if one was begun.")
    appointment_id: UUID | None = Field(description="Null for a session that was not booked.")
    ended_at: AwareDatetime = Field(description="End of the session, from which T6 counts.")
    level: Overdue
    mentor_id: UUID
    supervisor_id: UUID | None


class GoalProgressUpdated(FromDocumentation):
    """A goal was measured in a session; hubs are told of it."""

    type: ClassVar[str] = "GoalProgressUpdated.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    scale: ProgressScale
    value: float
    previous: float | None
    measured_by: MeasuredBy
    session_id: UUID


class GoalAdded(FromDocumentation):
    """A goal of the hub's plan has its text and stands in our care plan."""

    type: ClassVar[str] = "GoalAdded.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date
    version: int = Field(description="Of the hub's plan.")


class GoalRetired(FromDocumentation):
    """The hub's plan dropped a goal: from `effective` on no note may cite it."""

    type: ClassVar[str] = "GoalRetired.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date
    version: int = Field(description="Of the hub's plan.")


class GoalAchieved(FromDocumentation):
    """The target was found met in two reviews, one after the other: a transition is due."""

    type: ClassVar[str] = "GoalAchieved.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date = Field(description="The day of the second review.")
    version: int = Field(description="Of the hub's plan.")


class GoalStalled(FromDocumentation):
    """No progress in so many reviews as the rule pack says: the hub is to be consulted."""

    type: ClassVar[str] = "GoalStalled.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date = Field(description="The day of the last of these reviews.")
    version: int = Field(description="Of the hub's plan.")
