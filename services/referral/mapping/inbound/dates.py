"""FHIR's dates, which may be partial, as days of the agency."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime

from services.chassis.clock import agency_day

DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


def whole_day(text: object) -> date | None:
    """A full date, or None: a part of one is never completed."""
    if isinstance(text, str) and len(text) == 10:
        return first_day(text)
    return None


def first_day(text: object) -> date | None:
    """The first day that a date, month, year or instant covers."""
    return covered(text, last=False)


def last_day(text: object) -> date | None:
    """The last day that it covers; FHIR's ends are inclusive."""
    return covered(text, last=True)


def covered(text: object, *, last: bool) -> date | None:
    if not isinstance(text, str):
        return None
    try:
        if "T" in text:
            return agency_day(datetime.fromisoformat(text))
        if not (found := DATE.fullmatch(text)):
            return None
        year, month = int(found[1]), int(found[2] or (12 if last else 1))
        day = int(found[3] or (monthrange(year, month)[1] if last else 1))
        return date(year, month, day)
    except (ValueError, OverflowError):  # a leap second, the year 0001 west of Greenwich
        return whole_day(text[:10])


def period_of(
    resource: Mapping[str, object], name: str = "period"
) -> tuple[date | None, date | None]:
    """First and last day of a Period element; None is open."""
    period = resource.get(name)
    if not isinstance(period, dict):
        return None, None
    return first_day(period.get("start")), last_day(period.get("end"))
