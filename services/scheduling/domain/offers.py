"""An offer of a mentor: who may decline it, and until when it stands."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

SATURDAY = 6


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class DeclinedBy(StrEnum):
    """On whose side it lies. An offer that nobody answers in time expires."""

    FAMILY = "family"
    YOUTH = "youth"
    MENTOR = "mentor"
    AGENCY = "agency"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class OfferRules:
    """From the rule pack (`clock.offer_expiry`): how long an offer stands."""

    business_days: int
    holidays: frozenset[date]


def last_day(offered: date, rules: OfferRules) -> date:
    """The last day of an offer; the day on which it is made does not count (DOMAIN.md 3.2)."""
    day, left = offered, rules.business_days
    while left:
        day += timedelta(days=1)
        left -= is_business_day(day, rules.holidays)
    return day


def is_business_day(day: date, holidays: Collection[date]) -> bool:
    return day.isoweekday() < SATURDAY and day not in holidays
