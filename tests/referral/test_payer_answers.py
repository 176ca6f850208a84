"""What a payer's answer means, and the determination made of it (DOMAIN.md §5.2)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import Check, Ineligibility
from contracts.rules import load
from services.referral.domain.payer import (
    Answer,
    Benefit,
    Denied,
    Eligible,
    Outcome,
    determine,
    read,
    same_name,
)
from tests.referral.builders import DAY, PAYER_ID, coverage, facts, hub, inquiry

RULES = load()
STANDARD = Benefit("1", "MassHealth Standard", date(2026, 1, 1))


def answer(*benefits: Benefit, **changes: Any) -> Answer:
    return replace(Answer("trace", benefits=benefits or (STANDARD,)), **changes)


# --- Reading ------------------------------------------------------------------------------------


def test_an_active_plan_of_a_known_type_is_a_yes() -> None:
    plan = Benefit("MC", "MBHP", date(2026, 1, 1))

    reading = read(answer(STANDARD, plan), on=DAY, rules=RULES)

    assert reading.outcome is Outcome.ACTIVE
    assert (reading.product, reading.bh_admin) == ("masshealth-standard", "mbhp")
    assert (reading.begins, reading.ends) == (date(2026, 1, 1), None)


def test_a_restrictive_message_makes_it_a_yes_with_conditions() -> None:
    reading = read(answer(messages=("670",)), on=DAY, rules=RULES)

    assert reading.outcome is Outcome.ACTIVE_WITH_CONDITIONS
    assert reading.conditions == ("restrictive-message",)


@pytest.mark.parametrize(
    "benefit",
    [
        Benefit("6", "MassHealth Standard"),
        Benefit("1", "MassHealth Standard", ends=DAY - timedelta(days=1)),
        Benefit("1", "MassHealth Standard", begins=DAY + timedelta(days=1)),
    ],
    ids=["inactive", "ended-yesterday", "begins-tomorrow"],
)
def test_no_coverage_on_the_day_is_a_no(benefit: Benefit) -> None:
    assert read(answer(benefit), on=DAY, rules=RULES).outcome is Outcome.INACTIVE


@pytest.mark.parametrize("code", ["42", "80"])
def test_a_payer_that_cannot_answer_has_said_nothing(code: str) -> None:
    reading = read(answer(aaa=(code,)), on=DAY, rules=RULES)

    assert reading.outcome is Outcome.PAYER_UNAVAILABLE
    assert not reading.is_settled


@pytest.mark.parametrize(
    ("code", "item"),
    [
        *((code, "payer-rejects-identity") for code in ("58", "64", "65", "71", "72", "73")),
        *((code, "payer-knows-no-such-member") for code in ("67", "75")),
        *((code, "identity-review") for code in ("68", "76")),
        *((code, "payer-setup") for code in ("41", "43", "50", "51", "57", "62", "63")),
        *((code, "payer-routing") for code in ("78", "79", "T4")),
    ],
)
def test_a_rejected_question_goes_to_a_person_and_denies_nothing(code: str, item: str) -> None:
    reading = read(answer(aaa=(code,)), on=DAY, rules=RULES)

    assert reading.outcome is Outcome.REJECTED_REQUEST
    assert reading.code == item
    assert not reading.is_settled


@pytest.mark.parametrize(
    ("told", "item"),
    [
        (answer(aaa=("99",)), "payer-answer-unclear"),
        (answer(Benefit("1", "A plan of the year 2031")), "product-unknown"),
        (answer(Benefit("MC", "MBHP")), "payer-answer-unclear"),
        (Answer("trace"), "payer-answer-unclear"),
    ],
    ids=["unknown-code", "unknown-plan", "only-managed-care", "nothing"],
)
def test_what_we_cannot_read_goes_to_a_person(told: Answer, item: str) -> None:
    reading = read(told, on=DAY, rules=RULES)

    assert (reading.outcome, reading.code) == (Outcome.UNCLEAR, item)


def test_an_answer_about_another_child_decides_nothing() -> None:
    reading = read(answer(names_match=False), on=DAY, rules=RULES)

    assert (reading.outcome, reading.code) == (Outcome.REJECTED_REQUEST, "identity-review")


def test_of_two_active_plans_the_one_that_pays_counts() -> None:
    family = Benefit("1", "MassHealth Family Assistance")

    reading = read(answer(family, STANDARD), on=DAY, rules=RULES)

    assert reading.product == "masshealth-standard"


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("José", "JOSE", True),
        ("Jayden", "Jaylen", False),
        ("Maximiliano-Alexander", "MAXIMILIANO-ALE", True),
        ("Ann", "An", False),
        ("Ann", "", False),
    ],
    ids=["accents", "twins", "cut-by-the-field", "short", "empty"],
)
def test_names_are_compared_as_payers_write_them(ours: str, theirs: str, same: bool) -> None:
    assert same_name(ours, theirs) is same


# --- Determination ------------------------------------------------------------------------------


def test_a_yes_passes_four_checks_each_with_its_evidence() -> None:
    made = determine(facts(), [inquiry()], on=DAY, rules=RULES)

    assert isinstance(made, Eligible)
    assert [check.name for check in made.checks] == list(Check)
    assert all(RULES.value(check.rule, on=DAY) for check in made.checks)
    assert {check.evidence_id for check in made.checks} >= {facts().youth_id, hub().enrolment_id}


@pytest.mark.parametrize(
    ("born", "ends", "last_good_day"),
    [
        (date(2013, 3, 9), None, date(2034, 3, 8)),
        (date(2013, 3, 9), date(2026, 12, 31), date(2026, 12, 31)),
        (date(2005, 11, 23), date(2026, 12, 31), DAY),
    ],
    ids=["age", "coverage", "21-tomorrow"],
)
def test_it_is_valid_until_coverage_ends_or_the_youth_is_too_old(
    born: date, ends: date | None, last_good_day: date
) -> None:
    made = determine(facts(birth_date=born), [inquiry(ends=ends)], on=DAY, rules=RULES)

    assert isinstance(made, Eligible)
    assert (made.valid_from, made.valid_to) == (DAY, last_good_day)


@pytest.mark.parametrize(
    ("one", "code", "rule"),
    [
        (
            inquiry(outcome=Outcome.INACTIVE, product=None),
            Ineligibility.COVERAGE_NOT_ACTIVE,
            "coverage.in_force",
        ),
        (
            inquiry(product="masshealth-family-assistance"),
            Ineligibility.COVERAGE_TYPE,
            "coverage.masshealth.types_excluded",
        ),
    ],
    ids=["inactive", "family-assistance"],
)
def test_a_plain_no_denies_and_cites_its_rule(one: Any, code: Ineligibility, rule: str) -> None:
    made = determine(facts(), [one], on=DAY, rules=RULES)

    assert isinstance(made, Denied)
    assert [(reason.code, reason.rule) for reason in made.reasons] == [(code, rule)]


def test_an_excluded_type_is_denied_only_while_the_rule_stands() -> None:
    """S4: the rule pack changes with a date; before it the answer stays no."""
    (rule,) = RULES.rules["coverage.masshealth.types_full"]
    begins = date(2026, 12, 1)
    old = replace(rule, last_day=begins - timedelta(days=1))
    new = replace(rule, first_day=begins, value=[*rule.value, "masshealth-family-assistance"])
    pack = replace(RULES, rules={**RULES.rules, rule.key: (old, new)})
    one = inquiry(product="masshealth-family-assistance")

    assert isinstance(determine(facts(), [one], on=DAY, rules=pack), Denied)
    assert isinstance(determine(facts(), [one], on=begins, rules=pack), Eligible)


@pytest.mark.parametrize(
    "outcome", [Outcome.PAYER_UNAVAILABLE, Outcome.REJECTED_REQUEST, Outcome.UNCLEAR]
)
def test_an_answer_that_settles_nothing_decides_nothing(outcome: Outcome) -> None:
    assert determine(facts(), [inquiry(outcome=outcome)], on=DAY, rules=RULES) is None


def test_nothing_is_decided_before_anybody_answered() -> None:
    assert determine(facts(), [], on=DAY, rules=RULES) is None


def test_a_no_waits_for_the_other_payer_and_a_yes_does_not() -> None:
    two = facts(coverages=(coverage(1), coverage(2)))
    no = inquiry(1, Outcome.INACTIVE, None)

    assert determine(two, [no], on=DAY, rules=RULES) is None
    assert isinstance(determine(two, [no, inquiry(2)], on=DAY, rules=RULES), Eligible)
    assert isinstance(determine(two, [inquiry(1)], on=DAY, rules=RULES), Eligible)


def test_masshealth_counts_before_commercial() -> None:
    """S5: nineteen, with MassHealth secondary: its limit is 21."""
    born = date(2007, 11, 22)
    two = facts(birth_date=born, coverages=(coverage(1), coverage(2)))
    both = [inquiry(1, product="commercial-bhca"), inquiry(2)]

    made = determine(two, both, on=DAY, rules=RULES)

    assert isinstance(made, Eligible)
    assert made.inquiry.reading.product == "masshealth-standard"
    assert made.valid_to == date(2028, 11, 21)


def test_a_commercial_plan_alone_ends_at_19() -> None:
    made = determine(
        facts(birth_date=date(2007, 11, 22)),
        [inquiry(product="commercial-bhca")],
        on=DAY,
        rules=RULES,
    )

    assert isinstance(made, Denied)
    assert [reason.code for reason in made.reasons] == [Ineligibility.AGE_LIMIT]


@given(
    born=st.dates(date(2005, 11, 23), date(2026, 11, 1)),
    begins=st.dates(date(2020, 1, 1), DAY),
    length=st.none() | st.integers(0, 4000),
)
def test_the_window_begins_no_earlier_than_today_and_ends_no_earlier_than_it_begins(
    born: date, begins: date, length: int | None
) -> None:
    ends = None if length is None else DAY + timedelta(days=length)

    made = determine(
        facts(birth_date=born), [inquiry(begins=begins, ends=ends)], on=DAY, rules=RULES
    )

    assert isinstance(made, Eligible)
    assert DAY == made.valid_from <= made.valid_to
    assert ends is None or made.valid_to <= ends
    assert made.inquiry.payer_id == PAYER_ID
