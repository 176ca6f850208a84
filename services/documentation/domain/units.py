"""From minutes to units of fifteen minutes, by the rule that holds on the date of service.

Source: DOMAIN 3.4 `unit.rounding`, `unit.minutes`, `line.combine`; test vectors in DOMAIN 12.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

MINUTES_PER_UNIT = 15  # by the descriptor of T1027
# From eight minutes on a started unit counts: half of fifteen, rounded up.
MIDPOINT_MINUTES = 8


class Rounding(StrEnum):
    """The values of rule `unit.rounding`."""

    FLOOR = "floor"
    MIDPOINT = "midpoint_8min"
    PER_DAY_SUM = "per_day_sum_then_floor"


def whole_minutes(starts_at: datetime, ends_at: datetime) -> int:
    """Minutes from start to end, seconds dropped: 14:59 is 14.

    Between instants, not wall clocks: a session over the change to winter time keeps its hour.
    """
    return int((ends_at.astimezone(UTC) - starts_at.astimezone(UTC)).total_seconds()) // 60


def units_of_line(minutes: Sequence[int], rounding: Rounding) -> int:
    """Units of one claim line: the sum of its sessions' units, or the units of their sum."""
    if rounding is Rounding.PER_DAY_SUM:
        return sum(minutes) // MINUTES_PER_UNIT
    spare = MINUTES_PER_UNIT - MIDPOINT_MINUTES if rounding is Rounding.MIDPOINT else 0
    return sum((one + spare) // MINUTES_PER_UNIT for one in minutes)


def units_added(minutes: int, earlier: Sequence[int], rounding: Rounding) -> int:
    """The units by which a session makes its line longer.

    `earlier` are the minutes of the line's sessions that are logged already. Each session then
    carries its own part, and the parts of a line add up to the line.
    """
    return units_of_line([*earlier, minutes], rounding) - units_of_line(earlier, rounding)
