"""When a mentor can come: her weekly windows, her hours a week, the days on which she is away.

Only time off forbids a booking. Windows and hours are what she is matched by; a session outside
them is agreed from case to case, so it is booked and warned of (DOMAIN.md 5.8 gates neither).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.chassis.clock import AGENCY
from services.scheduling.domain.appointments import Slot
from services.scheduling.domain.people import Problem, Window


@dataclass(frozen=True, slots=True)
class Availability:
    """A mentor's times around those that are to be booked.

    `taken` are her other sessions, `leaves_on` is the first day without her.
    """

    windows: tuple[Window, ...]
    max_hours: float
    leaves_on: date | None = None
    away: tuple[Slot, ...] = ()
    taken: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeOff:
    """A time in which a mentor does not work."""

    time_off_id: UUID
    mentor_id: UUID
    slot: Slot


def availability_problems(slot: Slot, mentor: Availability) -> tuple[Problem, ...]:
    """Why this mentor cannot come at that time."""
    if mentor.leaves_on and mentor.leaves_on <= slot.day:
        return (Problem("mentor-leaving", f"The mentor leaves on {mentor.leaves_on}."),)
    if any(overlaps(slot, away) for away in mentor.away):
        sentence = f"The mentor is away on {slot.day}: book another day or end the time off."
        return (Problem("mentor-away", sentence),)
    return ()


def availability_warnings(slot: Slot, mentor: Availability) -> tuple[str, ...]:
    """What is allowed and looks odd: outside her windows, or more hours than she has a week."""
    found = []
    if mentor.windows and not any(lies_within(slot, window) for window in mentor.windows):
        found.append("outside-availability")
    if hours_in_week(week_of(slot.day), (*mentor.taken, slot)) > mentor.max_hours:
        found.append("over-max-hours")
    return tuple(found)


def lies_within(slot: Slot, window: Window) -> bool:
    """True when all of a session lies in a weekly window, by New York's clock on the wall."""
    begins, ends = slot.start.astimezone(AGENCY), slot.end.astimezone(AGENCY)
    minutes = minutes_from(ends, begins.date())
    return (
        begins.isoweekday() == window.weekday
        and window.begins <= minutes_from(begins, begins.date())
        and minutes <= window.ends
    )


def minutes_from(at: datetime, day: date) -> float:
    """Minutes on the wall since the midnight with which a day begins."""
    return (at.date() - day).days * 24 * 60 + at.hour * 60 + at.minute + at.second / 60


def week_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def hours_in_week(monday: date, slots: tuple[Slot, ...]) -> float:
    return sum(slot.minutes for slot in slots if week_of(slot.day) == monday) / 60


def overlaps(one: Slot, other: Slot) -> bool:
    """Touching times do not overlap."""
    return one.start < other.end and other.start < one.end
