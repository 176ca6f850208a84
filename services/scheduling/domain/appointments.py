"""When a session may be booked: every guard in one place, all of them told at once."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from services.chassis.clock import AGENCY
from services.scheduling.domain.episodes import EpisodeState, GateOne, HubSpan, hub_active
from services.scheduling.domain.people import Problem

BY_SCREEN_OR_PHONE = frozenset(
    {PlaceOfService.TELEHEALTH_ELSEWHERE, PlaceOfService.TELEHEALTH_AT_HOME}
)


class AppointmentState(StrEnum):
    """DOMAIN 5.7. A frozen appointment keeps its time until its hub is back or it is cancelled."""

    BOOKED = "booked"
    FROZEN = "frozen"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


class CancelledBy(StrEnum):
    YOUTH = "youth"
    FAMILY = "family"
    MENTOR = "mentor"
    AGENCY = "agency"


class NoSuchTime(ValueError):
    """A local time that the clocks skip."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """From the rule pack, as of the day of the session."""

    unit_minutes: int
    max_minutes: int
    one_day: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """A time, half-open: touching appointments do not overlap."""

    start: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """Whole minutes between two instants: an hour that the clocks skip is not counted."""
        # Python subtracts two times of one zone as if the clocks never changed.
        return int((self.end.astimezone(UTC) - self.start.astimezone(UTC)).total_seconds() // 60)

    @property
    def day(self) -> date:
        return self.start.astimezone(AGENCY).date()

    @property
    def is_one_day(self) -> bool:
        """True when it ends by midnight (New York) of the day on which it begins."""
        return self.end <= start_of(self.day + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be booked."""

    slot: Slot
    place: PlaceOfService
    modality: Modality


@dataclass(frozen=True, slots=True)
class Booking:
    """What is known about the episode in which a session is to be booked."""

    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    state: EpisodeState
    opened_on: date | None
    mentor_id: UUID
    standing_until: date | None
    gate_one: GateOne | None
    lapsed_on: date | None
    hubs: tuple[HubSpan, ...]
    treatment_from: datetime | None


@dataclass(frozen=True, slots=True)
class Appointment:
    """A planned session."""

    appointment_id: UUID
    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    plan: Plan
    planned_units: int
    state: AppointmentState
    cancelled_by: CancelledBy | None
    booked_at: datetime
    version: int
    updated_at: datetime
    series_id: UUID | None = None


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), AGENCY)


def instant(given: datetime) -> datetime:
    """The instant, in UTC, of a time that may be local; NoSuchTime for one that the clocks skip.

    A local time that comes twice, in autumn, is the first. Source: DOMAIN.md 5.7.
    """
    if given.tzinfo is not None:
        return given
    local = given.replace(tzinfo=AGENCY, fold=0)
    there_and_back = datetime.fromtimestamp(local.timestamp(), AGENCY)
    if there_and_back.replace(tzinfo=None) != given:
        raise NoSuchTime(f"{given:%Y-%m-%d %H:%M} does not exist in New York")
    return there_and_back.astimezone(UTC)


def planned_units(slot: Slot, rules: SessionRules) -> int:
    """Whole units of the session's whole minutes: a plan never promises more than it can bill."""
    return max(0, slot.minutes) // rules.unit_minutes


def booking_problems(plan: Plan, booking: Booking, rules: SessionRules) -> tuple[Problem, ...]:
    """Every guard that a booking breaks; overlap is the database's to judge.

    Sources: DOMAIN.md 5.8 (guards by action: Book), 5.7, 3.2 (`valid_to` is the last good day).
    """
    timing = timing_problems(plan, rules)
    return (*timing, *service_problems(plan.slot.day, booking, starts=plan.slot.start))


def timing_problems(plan: Plan, rules: SessionRules) -> tuple[Problem, ...]:
    found = []
    if plan.slot.end <= plan.slot.start:
        found.append(Problem("ends-before-start", "A session ends after it begins."))
    elif rules.one_day and not plan.slot.is_one_day:
        found.append(
            Problem("crosses-midnight", "A session ends by midnight: book one for each day.")
        )
    if plan.place in BY_SCREEN_OR_PHONE and plan.modality == Modality.IN_PERSON:
        found.append(
            Problem("place-not-in-person", "A telehealth place of service needs video or audio.")
        )
    return tuple(found)


def service_problems(day: date, booking: Booking, *, starts: datetime) -> tuple[Problem, ...]:
    found = []
    if booking.state != EpisodeState.OPEN:
        found.append(
            Problem("episode-not-open", f"The episode is {booking.state.replace('_', ' ')}.")
        )
    elif booking.opened_on and day < booking.opened_on:
        found.append(Problem("before-episode", f"The episode opened on {booking.opened_on}."))
    if booking.gate_one is None or not booking.gate_one.covers(day):
        found.append(Problem("not-eligible", f"Eligibility is not confirmed for {day}."))
    elif booking.lapsed_on and booking.lapsed_on <= day:
        found.append(Problem("coverage-lapsed", f"Coverage ended before {day}."))
    if not hub_active(booking.hubs, day):
        found.append(Problem("hub-not-active", f"The youth has no active hub service on {day}."))
    if booking.treatment_from is None or booking.treatment_from > starts:
        found.append(Problem("no-consent", "No consent to treatment stands for that time."))
    if booking.standing_until and booking.standing_until < day:
        found.append(
            Problem(
                "mentor-standing",
                f"The mentor's credentials or supervision end on {booking.standing_until}.",
            )
        )
    return tuple(found)


def booking_warnings(plan: Plan, rules: SessionRules) -> tuple[str, ...]:
    """What is allowed and looks odd: a session longer than usual."""
    return ("session-long",) if plan.slot.minutes > rules.max_minutes else ()
