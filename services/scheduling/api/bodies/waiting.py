"""The waiting list, matches and assignments."""

from datetime import date
from uuid import UUID

from contracts.codes import HubService, Priority
from services.scheduling.api.bodies.base import Body, ReasonView, Text
from services.scheduling.domain.episodes import EpisodeState, WaitState
from services.scheduling.domain.matching import Factor


class WaitingView(Body):
    """A referral on the list. `place` counts within the answer."""

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


class AssignmentView(Body):
    """`episode_state` says whether service may begin; `passed_over` how many wait longer."""

    assignment_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    supervisor_id: UUID
    standing_until: date | None
    score: float
    reasons: tuple[str, ...]
    passed_over: int
    episode_id: UUID
    episode_state: EpisodeState
