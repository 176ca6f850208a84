"""What a partner reads of a session, a goal or the care plan: rows as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.codes import GoalStatus, PartnerKind, PlaceOfService, ProgressScale
from services.documentation.domain.goals import Achievement


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
    """A final session."""

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


@dataclass(frozen=True, slots=True)
class RatingView:
    """A rating of a goal in a final session, and when its note became final."""

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
