from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.scheduling.domain.people import (
    CREDENTIAL,
    LICENCE,
    Paper,
    Supervisor,
    standing_problems,
    standing_until,
    window,
)
from tests.scheduling.builders import LATER, MENTOR, PAPERS, SUPERVISOR, TODAY, make_mentor

SCREENINGS = ("cori", "dcf", "sori")
YESTERDAY = date(2026, 11, 21)


def codes(**changes: Any) -> list[str]:
    mentor = make_mentor(**changes)
    return [problem.code for problem in standing_problems(mentor, on=TODAY, screenings=SCREENINGS)]


def test_a_screened_and_supervised_mentor_is_in_good_standing() -> None:
    assert codes() == []


def test_a_paper_valid_until_today_is_good_today() -> None:
    assert codes(papers=(Paper("cori", TODAY), *PAPERS[1:])) == []


def test_a_paper_valid_until_yesterday_is_not() -> None:
    assert codes(papers=(Paper("cori", YESTERDAY), *PAPERS[1:])) == ["cori-lapsed"]


def test_a_screening_that_is_not_on_file_is_missing() -> None:
    assert codes(papers=PAPERS[:1]) == ["dcf-missing", "sori-missing"]


def test_a_credential_that_ended_counts_and_a_driving_licence_does_not() -> None:
    ended = (Paper(CREDENTIAL, YESTERDAY), Paper("driving-licence", YESTERDAY), *PAPERS)

    assert codes(papers=ended) == ["credential-lapsed"]


@pytest.mark.parametrize(
    ("supervisor", "code"),
    [
        (None, "no-supervisor"),
        (Supervisor(MENTOR, (Paper(LICENCE, LATER),)), "supervises-self"),
        (Supervisor(SUPERVISOR, (Paper(LICENCE, YESTERDAY),)), "supervisor-not-licensed"),
        (Supervisor(SUPERVISOR, ()), "supervisor-not-licensed"),
        (Supervisor(SUPERVISOR, (Paper(LICENCE, None),), active=False), "supervisor-not-licensed"),
    ],
    ids=["none", "self", "licence-lapsed", "no-licence", "left"],
)
def test_a_mentor_needs_an_active_licensed_supervisor(
    supervisor: Supervisor | None, code: str
) -> None:
    assert codes(supervisor=supervisor) == [code]


def test_a_mentor_who_left_is_not_in_good_standing() -> None:
    assert codes(active=False) == ["mentor-inactive"]


@pytest.mark.parametrize(
    ("papers", "licence", "until", "expected"),
    [
        (PAPERS, LATER, None, LATER),
        ((Paper("cori", TODAY), *PAPERS[1:]), LATER, None, TODAY),
        (PAPERS, TODAY, None, TODAY),
        (PAPERS, LATER, TODAY, TODAY),
        ((Paper("cori", None),), None, None, None),
        ((Paper("driving-licence", TODAY), *PAPERS), LATER, None, LATER),
    ],
    ids=["all", "screening", "licence", "supervision", "no-end", "driving-licence"],
)
def test_standing_lasts_until_the_first_thing_that_counts_ends(
    papers: tuple[Paper, ...], licence: date | None, until: date | None, expected: date | None
) -> None:
    supervisor = Supervisor(UUID(int=12), (Paper(LICENCE, licence),), until=until)
    mentor = make_mentor(papers=papers, supervisor=supervisor)

    assert standing_until(mentor, screenings=SCREENINGS) == expected


def test_standing_without_a_supervisor_is_what_the_papers_say() -> None:
    assert standing_until(make_mentor(supervisor=None), screenings=SCREENINGS) == LATER


@pytest.mark.parametrize(
    ("one", "other", "minutes"),
    [
        (window(1, "15:00", "17:00"), window(1, "16:00", "18:00"), 60),
        (window(1, "15:00", "17:00"), window(1, "17:00", "18:00"), 0),
        (window(1, "15:00", "17:00"), window(2, "15:00", "17:00"), 0),
        (window(7, "20:00", "24:00"), window(7, "00:00", "24:00"), 240),
    ],
    ids=["overlap", "touching", "other-day", "to-midnight"],
)
def test_two_windows_share_the_minutes_that_both_have(one: Any, other: Any, minutes: int) -> None:
    assert one.shared_minutes(other) == other.shared_minutes(one) == minutes
