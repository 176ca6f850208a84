"""What a partner reads of a session, a goal or the care plan: rows as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.codes import GoalStatus, MeasuredBy, PartnerKind, PlaceOfService, ProgressScale
from services.documentation.domain.goals import Achievement
from services.documentation.domain.notes import NoteState


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the partner's kind, its own number of the youth, and whether it referred it.

    The number is None until it has been fetched from its owner.
    """

    kind: PartnerKind
    is_sender: bool
    system: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Agency:
    """The organisation whose sessions these are."""

    organisation_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session in a version that is or was in force."""

    session_id: UUID
    version: int
    updated_at: datetime
    youth_id: UUID
    referral_id: UUID
    mentor_id: UUID
    starts_at: datetime
    ends_at: datetime
    minutes: int
    place_of_service: PlaceOfService
    state: NoteState = NoteState.FINAL


@dataclass(frozen=True, slots=True)
class RatingView:
    """A rating of a goal in a final session, and when its note became final."""

    rating_id: UUID
    scale: ProgressScale
    value: float
    mentor_id: UUID
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class GoalView:
    """A working goal in the hub's words, with its ratings in the order of their sessions."""

    goal_id: UUID
    version: int
    updated_at: datetime
    youth_id: UUID
    referral_id: UUID
    description: str
    category: Sequence[Mapping[str, Any]]
    target: Sequence[Mapping[str, Any]]
    identifiers: Sequence[Mapping[str, str]]
    start_date: str | None
    expressed_by: str | None
    lifecycle: GoalStatus
    achievement: Achievement | None
    status_on: date
    status_reason: str | None
    ratings: tuple[RatingView, ...] = ()


@dataclass(frozen=True, slots=True)
class CarePlanView:
    """Our care plan: what stands in its own row, and what the episode and the hub's plan say."""

    care_plan_id: UUID
    version: int
    updated_at: datetime
    youth_id: UUID
    referral_id: UUID
    created_on: date
    opened_on: date | None
    held_from: date | None
    ends_on: date | None
    plan_reference: str | None
    plan_title: str | None
    mentor_id: UUID | None
    supervisor_id: UUID | None
    closed_on: date | None = None
    goals: tuple[GoalView, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservationView:
    """A rating as it was told last: `told_in` is that version of its note, `version` the newest.

    `state` is that of the session: FINAL, or VOIDED.
    """

    rating_id: UUID
    version: int
    told_in: int
    state: NoteState
    updated_at: datetime
    youth_id: UUID
    goal_id: UUID
    session_id: UUID
    mentor_id: UUID
    scale: ProgressScale
    value: float
    measured_by: MeasuredBy
    ends_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class WorkedGoal:
    """A goal that a session worked on, by the hub's own number; rated in it, or not."""

    number: str | None
    scale: ProgressScale | None
    value: float | None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One version of a final note; `is_current` while no later one has taken its place."""

    document_id: UUID
    version: int
    updated_at: datetime
    state: NoteState
    is_current: bool
    replaces: UUID | None
    youth_id: UUID
    session_id: UUID
    mentor_id: UUID
    attested_by: UUID | None
    supervisor_id: UUID
    is_cosigned: bool
    starts_at: datetime
    ends_at: datetime
    minutes: int
    place_of_service: PlaceOfService
    noted_at: datetime
    goals: tuple[WorkedGoal, ...] = ()


@dataclass(frozen=True, slots=True)
class ProvenanceView:
    """Who wrote a version of a note, and who signed beside the author."""

    document_id: UUID
    updated_at: datetime
    session_id: UUID
    mentor_id: UUID
    attested_by: UUID | None
    supervisor_id: UUID
    is_cosigned: bool
    noted_at: datetime
    ratings: tuple[UUID, ...] = ()
