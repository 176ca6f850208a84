"""A session note in its versions, and the facts of others that it is judged by.

Source: DOMAIN 3.5 `note.*`, 5.7 (states of a note). What it must satisfy: domain/review.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from services.chassis.clock import agency_day
from services.chassis.errors import Refused
from services.documentation.domain import goals
from services.documentation.domain.goals import Rating
from services.documentation.domain.units import whole_minutes


class NoteState(StrEnum):
    """Where a version of a note stands. Only a FINAL one is a fact for anybody else.

    A session has at most one open version, and one that is FINAL or VOIDED: the one that counts.
    """

    DRAFT = "draft"
    SUBMITTED = "submitted"
    SIGNED = "signed"
    FINAL = "final"
    SUPERSEDED = "superseded"
    VOIDED = "voided"


# Who writes it has not finished with it; then a signature stands under it.
UNSIGNED = {NoteState.DRAFT, NoteState.SUBMITTED}


class AppointmentState(StrEnum):
    BOOKED = "booked"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


@dataclass(frozen=True, slots=True)
class CitedGoal:
    """A goal that the session worked on; measured in it, or not."""

    goal_id: UUID
    rating: Rating | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One session as its mentor tells it. `billable` is what the author claims, until it is final.

    `texts` are narratives by name; they and `late_reason` are shown to staff and stay in this
    database. `amend_reason` and `void_reason` are codes. `attested_by` is the supervisor who tells
    of the session in place of its mentor.
    """

    session_id: UUID
    youth_id: UUID
    referral_id: UUID
    episode_id: UUID
    appointment_id: UUID | None
    mentor_id: UUID
    supervisor_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    place_of_service: PlaceOfService
    modality: Modality
    billable: bool
    goals: tuple[CitedGoal, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    state: NoteState = NoteState.DRAFT
    version: int = 1
    units: int | None = None
    rule_pack_version: str | None = None
    return_reason: str | None = None
    signed_at: datetime | None = None
    cosigned_at: datetime | None = None
    late_reason: str | None = None
    amend_reason: str | None = None
    void_reason: str | None = None
    attested_by: UUID | None = None

    @property
    def is_amendment(self) -> bool:
        return self.version > 1

    @property
    def service_day(self) -> date:
        """The date of service: the day in New York on which the session began."""
        return agency_day(self.starts_at)

    @property
    def minutes(self) -> int:
        return whole_minutes(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A mentor for a youth; `standing_until` is the last day of good standing, None without end.

    `ended_on` is the first day without her; notes of earlier sessions are still hers to sign.
    """

    mentor_id: UUID
    supervisor_id: UUID
    assigned_on: date
    standing_until: date | None
    ended_on: date | None = None

    def covers(self, day: date) -> bool:
        return self.assigned_on <= day and (self.ended_on is None or day < self.ended_on)


@dataclass(frozen=True, slots=True)
class Episode:
    episode_id: UUID
    youth_id: UUID
    referral_id: UUID
    opened_on: date
    held_from: date | None = None
    hold_reason: str | None = None
    closed_on: date | None = None


@dataclass(frozen=True, slots=True)
class HubDays:
    """Days on which a hub service of the youth is active: from the first to before `active_to`."""

    active_from: date
    active_to: date | None

    def covers(self, day: date) -> bool:
        return self.active_from <= day and (self.active_to is None or day < self.active_to)


def check_draft(note: Note) -> None:
    """Refuse what cannot even be kept as a draft: a time that runs backwards, a value off scale."""
    if note.starts_at >= note.ends_at:
        raise Refused("session-ends-before-it-begins", "A session must end after it begins.")
    if len({cited.goal_id for cited in note.goals}) < len(note.goals):
        raise Refused("goal-cited-twice", "A note cites each goal once.")
    for cited in note.goals:
        if cited.rating:
            goals.check_rating(cited.rating)
