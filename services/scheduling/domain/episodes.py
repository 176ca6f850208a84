"""What follows from the facts known about one referral: wait, serve, pause or stop.

Facts come from several streams in any order, so nothing here depends on what came first: `next_act`
looks at all of them, and is asked again after each.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from contracts.codes import Attestation
from services.scheduling.domain.people import Problem

ALL_ATTESTED = frozenset(Attestation)


class WaitState(StrEnum):
    """Where a referral stands on the waiting list; its day of receipt is kept through all."""

    WAITING = "waiting"
    OFFERED = "offered"
    HELD = "held"
    MATCHED = "matched"
    REASSIGN = "reassign"  # in service, and without a mentor
    LEFT = "left"


ON_THE_LIST = (WaitState.WAITING, WaitState.OFFERED)


class EpisodeState(StrEnum):
    """DOMAIN 5.8, as far as the first version goes."""

    PENDING = "pending"
    OPEN = "open"
    ON_HOLD = "on_hold"
    CLOSED = "closed"


class HoldReason(StrEnum):
    """Why nothing new is booked (`tm-hold-reason`)."""

    REFERRAL_ENDED = "referral_ended"
    HUB_INACTIVE = "hub_inactive"
    CONSENT_REVOKED = "consent_revoked"
    ELIGIBILITY_LOST = "eligibility_lost"
    SERVICE_GAP = "service_gap"


class EndReason(StrEnum):
    """Why a person ended an episode (`tm-end-reason`, DOMAIN 5.8)."""

    GOALS_ACHIEVED = "goals_achieved"
    NO_NECESSITY = "no_necessity"
    HIGHER_LEVEL = "higher_level"
    DISENGAGED = "disengaged"
    CONSENT_REVOKED = "consent_revoked"
    AGED_OUT = "aged_out"
    MOVED = "moved"
    DIED = "died"
    HUB_ENDED = "hub_ended"
    REFERRAL_ENDED = "referral_ended"


# What a youth needs is judged by a licensed clinician, as medical necessity was (E12 to E15).
CLINICAL = frozenset({EndReason.GOALS_ACHIEVED, EndReason.NO_NECESSITY, EndReason.HIGHER_LEVEL})


class EndOfAssignment(StrEnum):
    """Why a mentor no longer serves a youth (DOMAIN 5.4)."""

    MENTOR_LEFT = "mentor_left"
    MENTOR_LEAVE = "mentor_leave"
    FAMILY_REQUEST = "family_request"
    YOUTH_REQUEST = "youth_request"
    CLINICAL = "clinical"
    CAPACITY = "capacity"
    SAFETY = "safety"
    EPISODE_CLOSED = "episode_closed"


class EligibilityLost(StrEnum):
    """What an agency does when gate 1 falls during an episode (`episode.eligibility_lost`)."""

    PAUSE = "pause"
    CONTINUE_UNBILLED = "continue_unbilled"


class Act(StrEnum):
    """One step that the facts ask for."""

    JOIN_WAITLIST = "join-waitlist"
    HOLD_WAIT = "hold-wait"
    LEAVE_WAITLIST = "leave-waitlist"
    OPEN_EPISODE = "open-episode"
    HOLD_EPISODE = "hold-episode"
    RESUME_EPISODE = "resume-episode"
    CLOSE_PENDING = "close-pending"


@dataclass(frozen=True, slots=True)
class GateOne:
    """The last word on gate 1. A denial has no window; `valid_to` is the last good day."""

    stands: bool
    valid_from: date | None = None
    valid_to: date | None = None

    def covers(self, day: date) -> bool:
        return (
            self.stands
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


@dataclass(frozen=True, slots=True)
class Consent:
    """The last word on a consent; acts from `effective_at` on."""

    stands: bool
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is known about one referral. A fact that has not come is None or empty."""

    referral_id: UUID
    received_on: date | None = None
    ended: bool = False
    gate_one: GateOne | None = None
    attested: frozenset[Attestation] = frozenset()
    treatment_revoked: bool = False
    hubs: tuple["HubSpan", ...] = ()
    assigned: bool = False
    wait: WaitState | None = None
    episode: EpisodeState | None = None
    policy: EligibilityLost = field(default=EligibilityLost.PAUSE)


@dataclass(frozen=True, slots=True)
class HubSpan:
    """A hub service of the youth: `engaged` is its first day, `ended` the first day without."""

    engaged: date | None
    ended: date | None

    def covers(self, day: date) -> bool:
        return self.engaged is not None and self.engaged <= day and not self.is_over(day)

    def is_over(self, day: date) -> bool:
        return self.ended is not None and self.ended <= day


@dataclass(frozen=True, slots=True)
class Assignment:
    """A mentor of a youth. `standing_until` is the last day of good standing, None without end."""

    assignment_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    supervisor_id: UUID
    standing_until: date | None
    hours_per_week: float
    score: float
    reasons: tuple[str, ...]
    began: date


@dataclass(frozen=True, slots=True)
class Episode:
    """One continuous enrolment, with the mentor who serves it now."""

    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    state: EpisodeState
    opened_on: date | None
    supervisor_id: UUID | None
    version: int
    updated_at: datetime
    hold_reason: HoldReason | None = None
    closed_on: date | None = None
    close_reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A hub that may read a youth: its own number for it, and whether it sent the referral."""

    system: str | None
    value: str | None
    is_sender: bool


def hub_active(hubs: tuple[HubSpan, ...], day: date) -> bool:
    return any(hub.covers(day) for hub in hubs)


def next_act(facts: Standing, *, on: date) -> Act | None:
    """The next step that the facts ask for on a day; None when all is as it should be.

    Sources: DOMAIN.md 5.1 (waitlisted, held, ended), 5.8 (episode), 10 (the day of receipt stays).
    """
    if facts.episode in (EpisodeState.OPEN, EpisodeState.ON_HOLD):
        return act_on_episode(facts, on=on)
    if facts.ended:
        return act_on_end(facts)
    if facts.received_on is None or facts.gate_one is None:
        return None
    if not facts.gate_one.stands:
        return Act.HOLD_WAIT if facts.wait in ON_THE_LIST else None
    if facts.assigned:
        return Act.OPEN_EPISODE if may_open(facts, on=on) else None
    if facts.wait in (None, WaitState.HELD):
        return Act.JOIN_WAITLIST
    return None


def may_open(facts: Standing, *, on: date) -> bool:
    """Gate 2: gate 1 holds on the day, all four attestations stand and a mentor is assigned."""
    return (
        facts.episode == EpisodeState.PENDING
        and facts.gate_one is not None
        and facts.gate_one.covers(on)
        and facts.attested >= ALL_ATTESTED
    )


def act_on_end(facts: Standing) -> Act | None:
    """Before an episode has opened: free the place on the list, the mentor's hours, the episode."""
    if facts.episode == EpisodeState.PENDING:
        return Act.CLOSE_PENDING
    if facts.wait in (*ON_THE_LIST, WaitState.HELD):
        return Act.LEAVE_WAITLIST
    return None


def act_on_episode(facts: Standing, *, on: date) -> Act | None:
    """A machine pauses and resumes an episode; only a person closes it."""
    reason = reason_to_hold(facts, on=on)
    if facts.episode == EpisodeState.OPEN:
        return Act.HOLD_EPISODE if reason else None
    if reason is None and facts.gate_one is not None and facts.gate_one.covers(on):
        return Act.RESUME_EPISODE
    return None


def problem_with_end(
    facts: Standing, reason: EndReason, *, tried: int, attempts_wanted: int
) -> Problem | None:
    """Why a person may not end an episode for this reason now; None when it may be closed.

    `tried` counts the days on which the family was tried in vain. Source: DOMAIN.md 5.8.
    """
    if facts.episode not in (EpisodeState.OPEN, EpisodeState.ON_HOLD):
        return Problem("episode-not-open", "This episode has not begun: close its referral.")
    if reason == EndReason.DISENGAGED and tried < attempts_wanted:
        sentence = f"Name at least {attempts_wanted} days on which the family was tried in vain."
        return Problem("attempts-too-few", sentence)
    if reason == EndReason.REFERRAL_ENDED and not facts.ended:
        return Problem("referral-not-ended", "The referral has not ended: name another reason.")
    return None


def reason_to_hold(facts: Standing, *, on: date) -> HoldReason | None:
    """The gravest reason for booking nothing new; None when service may go on.

    A hub that nobody has told us about yet is no hub that ended.
    """
    if facts.ended:
        return HoldReason.REFERRAL_ENDED
    if facts.treatment_revoked:
        return HoldReason.CONSENT_REVOKED
    if facts.hubs and all(hub.is_over(on) for hub in facts.hubs):
        return HoldReason.HUB_INACTIVE
    denied = facts.gate_one is not None and not facts.gate_one.stands
    if denied and facts.policy == EligibilityLost.PAUSE:
        return HoldReason.ELIGIBILITY_LOST
    return None if facts.assigned else HoldReason.SERVICE_GAP
