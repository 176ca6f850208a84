"""Sessions that recur: the same New York time, week after week, whatever the clocks do.

Holidays are not skipped by themselves (DOMAIN.md 5.7): whoever books looks at what is answered.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.codes import Modality, PlaceOfService
from services.scheduling.domain.appointments import NoSuchTime, Plan, Slot, instant
from services.scheduling.domain.people import Problem

MOST_SESSIONS = 53  # a year of weeks: an episode is planned no further ahead


@dataclass(frozen=True, slots=True)
class Weekly:
    """Every so many weeks: so many times in all, or up to and including a day."""

    every_weeks: int = 1
    count: int | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """What is to be booked each time. `start` is New York's time on the wall, without an offset."""

    start: datetime
    length: timedelta
    weekly: Weekly
    place: PlaceOfService
    modality: Modality


def starts(series: Series) -> tuple[datetime, ...]:
    """The times on the wall, one more than may be booked at the most when there are too many."""
    step = timedelta(weeks=series.weekly.every_weeks)
    found: list[datetime] = []
    at = series.start
    while len(found) <= MOST_SESSIONS and not is_over(series.weekly, at, len(found)):
        found.append(at)
        at += step
    return tuple(found)


def is_over(weekly: Weekly, at: datetime, already: int) -> bool:
    if weekly.until is not None and at.date() > weekly.until:
        return True
    return weekly.count is not None and already >= weekly.count


def plan_on(series: Series, start: datetime) -> Plan | Problem:
    """One session of a series; a Problem where its time does not exist.

    It lasts as long as the first, in real time, also in a night in which the clocks change
    (RFC 5545, 3.8.5.3). A time that comes twice is the first (DOMAIN.md 5.7).
    """
    try:
        begins = instant(start)
    except NoSuchTime:
        return no_such_time(start)
    return Plan(Slot(begins, begins + series.length), series.place, series.modality)


def no_such_time(local: datetime) -> Problem:
    sentence = f"{local:%H:%M} does not exist in New York on {local:%Y-%m-%d}: the clocks skip it."
    return Problem("no-such-time", sentence)
