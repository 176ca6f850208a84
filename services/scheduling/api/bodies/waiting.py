"""The waiting list, matches and assignments."""

from datetime import date
from typing import Literal
from uuid import UUID

from contracts.codes import HubService, Priority
from services.scheduling.api.bodies.base import Body, ReasonView, Text
from services.scheduling.domain.episodes import EndOfAssignment, EpisodeState, WaitState
from services.scheduling.domain.matching import Factor
from services.scheduling.domain.offers import OfferState


class WaitingView(Body):
    """A referral on the list. `place` counts within the answer, `because` explains it.

    `gap_since` is the last day on which a youth in service had a mentor.
    """

    place: int
    referral_id: UUID
    youth_id: UUID
    state: WaitState
    wait_started: date
    days_waiting: int
    urgent: bool
    priority: Priority
    hub_service: HubService | None
    languages: tuple[str, ...]
    interpreter_needed: bool
    area: str | None
    hours_per_week: float | None
    mentor_id: UUID | None
    episode_id: UUID | None
    episode_state: EpisodeState | None
    gap_since: date | None
    because: str


class PointsView(Body):
    factor: Factor
    points: float
    possible: int
    sentence: str


class MatchView(Body):
    """A mentor for a youth: excluded with every reason, or scored out of 100 and explained."""

    mentor_id: UUID
    name: str
    fits: bool
    score: float
    points: tuple[PointsView, ...]
    excluded: tuple[ReasonView, ...]
    hours_left: float


class NewAssignment(Body):
    """`passed_reason` says why somebody who waits longer was passed over, where that is so."""

    referral_id: UUID
    mentor_id: UUID
    passed_reason: Text | None = None


class PassedView(Body):
    referral_id: UUID
    days_waiting: int


class SkippedView(Body):
    """Who was passed over, how often and why; languages and town show whether it is always the same
    kind of family."""

    referral_id: UUID
    times: int
    days_waiting: int
    reasons: tuple[str, ...]
    languages: tuple[str, ...]
    area: str | None
    still_waiting: bool


class AssignmentView(Body):
    """`episode_state` says whether service may begin; `passed_over` who waits longer."""

    assignment_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    supervisor_id: UUID
    standing_until: date | None
    score: float
    reasons: tuple[str, ...]
    passed_over: int
    passed: tuple[PassedView, ...]
    episode_id: UUID
    episode_state: EpisodeState


class JudgedView(Body):
    """A mentor as judged on the day of an assignment: points by factor, hard filters failed."""

    mentor_id: UUID
    name: str
    score: float
    hours_left: float
    points: dict[Factor, float]
    excluded: tuple[str, ...]


class ExplainedView(Body):
    """Why this mentor and why not the others, as of the day of the assignment."""

    assignment_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    began: date
    ended: date | None
    end_reason: EndOfAssignment | None
    reasons: tuple[str, ...]
    considered: tuple[JudgedView, ...]
    passed: tuple[PassedView, ...]
    passed_reason: str | None


class AssignmentEnd(Body):
    """Why the youth needs another mentor; a mentor who leaves does so at `…/mentors/…/leave`."""

    reason: Literal["family_request", "youth_request", "clinical", "capacity", "safety"]


# --- Offers --------------------------------------------------------------------------------------


class NewOffer(Body):
    """A mentor for a family to accept or decline; `passed_reason` as with an assignment."""

    referral_id: UUID
    mentor_id: UUID
    passed_reason: Text | None = None


class OfferView(Body):
    """`expires_on` is the last day on which it stands."""

    offer_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    expires_on: date
    state: OfferState


class Declined(Body):
    """On whose side it lies."""

    by: Literal["family", "youth", "mentor", "agency"]
