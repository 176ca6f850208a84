"""Minutes into units, by the test vectors of DOMAIN 12."""

from datetime import UTC, datetime, timedelta

import pytest

from services.documentation.domain.units import (
    Rounding,
    units_added,
    units_of_line,
    whole_minutes,
)
from tests.documentation.rig import at

FLOOR, MIDPOINT, PER_DAY = Rounding.FLOOR, Rounding.MIDPOINT, Rounding.PER_DAY_SUM


@pytest.mark.parametrize(
    ("minutes", "units"),
    [(0, 0), (1, 0), (14, 0), (15, 1), (29, 1), (30, 2), (53, 3), (60, 4), (119, 7), (120, 8)],
)
def test_floor_never_bills_a_started_unit(minutes: int, units: int) -> None:
    assert units_of_line([minutes], FLOOR) == units


@pytest.mark.parametrize(("minutes", "units"), [(7, 0), (8, 1), (22, 1), (23, 2), (37, 2), (38, 3)])
def test_midpoint_bills_a_unit_from_its_eighth_minute(minutes: int, units: int) -> None:
    assert units_of_line([minutes], MIDPOINT) == units


@pytest.mark.parametrize(("rounding", "units"), [(FLOOR, 2), (MIDPOINT, 3), (PER_DAY, 3)])
def test_two_sessions_of_one_line_add_up_by_the_rule(rounding: Rounding, units: int) -> None:
    assert units_of_line([22, 24], rounding) == units


@pytest.mark.parametrize("rounding", Rounding)
def test_what_each_session_adds_sums_to_its_line(rounding: Rounding) -> None:
    minutes = [22, 24, 7, 14, 53]

    added = [units_added(one, minutes[:n], rounding) for n, one in enumerate(minutes)]

    assert sum(added) == units_of_line(minutes, rounding)


def test_seconds_are_dropped() -> None:
    start = datetime(2026, 11, 19, 21, 0, tzinfo=UTC)

    assert whole_minutes(start, start + timedelta(minutes=14, seconds=59)) == 14


def test_a_session_over_the_change_to_winter_time_keeps_its_hour() -> None:
    """On 2026-11-01 the hour from one to two comes twice in New York."""
    start, end = at("2026-11-01 00:30"), at("2026-11-01 02:30")

    assert whole_minutes(start, end) == 180
