from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import rules
from services.scheduling.domain import policy
from services.scheduling.domain.matching import Factor, MatchingRules, Wish, match, ranked
from services.scheduling.domain.people import Gender, Mentor, window
from tests.scheduling.builders import MENTOR, TODAY, make_mentor

EVEN = MatchingRules(dict.fromkeys(Factor, 20), ("cori", "dcf", "sori"), usual_hours=2.0)


def points(factor: Factor, wish: Wish, **changes: Any) -> tuple[float, str]:
    found = match(wish, make_mentor(**changes), on=TODAY, rules=EVEN)
    (part,) = [part for part in found.points if part.factor == factor]
    return part.points, part.sentence


def excluded(wish: Wish, **changes: Any) -> list[str]:
    found = match(wish, make_mentor(**changes), on=TODAY, rules=EVEN)
    return [problem.code for problem in found.excluded]


def test_a_mentor_who_fits_in_everything_scores_a_hundred() -> None:
    wish = Wish(
        languages=("es",),
        gender_preferred=Gender.FEMALE,
        area="springfield",
        windows=(window(1, "15:00", "17:00"),),
        mentors_before=frozenset({MENTOR}),
    )

    assert match(wish, make_mentor(), on=TODAY, rules=EVEN).score == 100


def test_the_rule_packs_weights_make_a_hundred_and_are_used() -> None:
    weights = policy.matching_rules(rules.load(), on=TODAY).weights

    assert sum(weights.values()) == 100
    assert weights[Factor.LANGUAGE] > weights[Factor.CONTINUITY]


@pytest.mark.parametrize(
    ("wish", "changes", "code"),
    [
        (Wish(languages=("pt",), interpreter_needed=True), {}, "language-required"),
        (Wish(gender_required=Gender.MALE), {}, "gender-required"),
        (Wish(hours_per_week=3), {"max_hours": 4.0, "hours_taken": 2.0}, "capacity"),
        (Wish(), {"max_hours": 1.0}, "capacity"),
        (Wish(), {"papers": ()}, "cori-missing"),
        (Wish(), {"supervisor": None}, "no-supervisor"),
    ],
    ids=["language", "gender", "hours", "usual-hours", "screening", "supervisor"],
)
def test_a_hard_filter_excludes_with_its_reason(
    wish: Wish, changes: dict[str, Any], code: str
) -> None:
    assert code in excluded(wish, **changes)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(languages=("pt",)),
        Wish(gender_preferred=Gender.MALE),
        Wish(languages=("es",), interpreter_needed=True),
        Wish(interpreter_needed=True),
        Wish(gender_required=Gender.FEMALE),
        Wish(area="boston"),
    ],
)
def test_a_wish_that_is_met_or_only_preferred_excludes_nobody(wish: Wish) -> None:
    assert excluded(wish) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), 20),
        (("es",), 20),
        (("pt", "es"), 10),
        (("es-PR",), 20),
        (("pt",), 0),
    ],
)
def test_the_first_language_of_a_family_counts_most(
    asked: tuple[str, ...], expected: float
) -> None:
    assert points(Factor.LANGUAGE, Wish(languages=asked))[0] == expected


def test_availability_counts_the_hours_that_suit_both() -> None:
    wish = Wish(windows=(window(1, "18:00", "20:00"),), hours_per_week=2)

    assert points(Factor.AVAILABILITY, wish) == (
        10,
        "1 hours a week suit both; 2 are asked for.",
    )


def test_another_town_and_another_gender_cost_points_and_say_so() -> None:
    assert points(Factor.AREA, Wish(area="boston")) == (0, "Works in another town.")
    assert points(Factor.GENDER, Wish(gender_preferred=Gender.MALE))[0] == 0


def test_the_reasons_of_a_match_are_the_factors_that_speak_for_it() -> None:
    weights = {Factor.LANGUAGE: 10, Factor.GENDER: 60, Factor.AREA: 30}
    found = match(
        Wish(languages=("es",), area="boston", gender_preferred=Gender.FEMALE),
        make_mentor(),
        on=TODAY,
        rules=MatchingRules(weights, (), 2.0),
    )

    assert found.reasons == ("gender", "language")


MENTORS = st.builds(
    make_mentor,
    mentor_id=st.uuids(),
    languages=st.sampled_from([("en",), ("es",), ("pt", "en")]),
    gender=st.sampled_from(list(Gender)),
    area=st.sampled_from([None, "springfield", "boston"]),
    hours_taken=st.sampled_from([0.0, 5.0, 19.0]),
    active=st.booleans(),
)
WISHES = st.builds(
    Wish,
    languages=st.sampled_from([(), ("es",), ("pt", "es")]),
    interpreter_needed=st.booleans(),
    gender_required=st.sampled_from([None, Gender.FEMALE]),
    area=st.sampled_from([None, "boston"]),
    windows=st.sampled_from([(), (window(1, "15:00", "16:00"),)]),
)


@given(WISHES, st.lists(MENTORS, unique_by=lambda m: m.mentor_id, max_size=6), st.randoms())
def test_the_order_of_the_mentors_given_changes_nothing(
    wish: Wish, mentors: list[Mentor], random: Any
) -> None:
    shuffled = list(mentors)
    random.shuffle(shuffled)

    assert ranked(wish, mentors, on=TODAY, rules=EVEN) == ranked(
        wish, shuffled, on=TODAY, rules=EVEN
    )


@given(WISHES, st.lists(MENTORS, unique_by=lambda m: m.mentor_id, max_size=6))
def test_nobody_is_left_out_and_the_excluded_come_last(wish: Wish, mentors: list[Mentor]) -> None:
    found = ranked(wish, mentors, on=TODAY, rules=EVEN)

    assert {one.mentor_id for one in found} == {mentor.mentor_id for mentor in mentors}
    fits = [not one.excluded for one in found]
    assert fits == sorted(fits, reverse=True)
    scores = [one.score for one in found if not one.excluded]
    assert scores == sorted(scores, reverse=True)


def test_of_equal_scores_who_has_more_hours_left_comes_first() -> None:
    busy = make_mentor(mentor_id=UUID(int=1), hours_taken=10.0)
    free = make_mentor(mentor_id=UUID(int=2))

    found = ranked(Wish(), [busy, free], on=date(2026, 11, 22), rules=EVEN)

    assert [one.mentor_id for one in found] == [free.mentor_id, busy.mentor_id]
