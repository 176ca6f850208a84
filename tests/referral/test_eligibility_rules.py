"""Gate 1's own rules: age, hub, plan, gaps and failures (DOMAIN.md §3.1, §5.1, §12)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import Gap, HubService, Ineligibility
from contracts.rules import RulePack, load
from services.referral.domain.eligibility import (
    Facts,
    HubPlan,
    birthday,
    failures,
    gaps,
    hub_of_record,
    is_young_enough,
    last_payable_day,
)
from tests.referral.builders import DAY, HUB_ID, OTHER_HUB, coverage, facts, hub

RULES = load()
OP, IHT, ICC = (
    HubService.OUTPATIENT_THERAPY,
    HubService.IN_HOME_THERAPY,
    HubService.INTENSIVE_CARE_COORDINATION,
)


def with_feb29(choice: str) -> RulePack:
    (rule,) = RULES.rules["feb29"]
    return RulePack("test", {**RULES.rules, "feb29": (replace(rule, value=choice),)})


# --- Age ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "feb29", "last_day"),
    [
        (date(2005, 3, 10), "feb28", date(2026, 3, 9)),
        (date(2004, 2, 29), "feb28", date(2025, 2, 27)),
        (date(2004, 2, 29), "mar01", date(2025, 2, 28)),
    ],
    ids=["handbook", "leap-feb28", "leap-mar01"],
)
def test_payment_ends_on_the_day_before_the_21st_birthday(
    born: date, feb29: str, last_day: date
) -> None:
    assert last_payable_day(born, on=DAY, rules=with_feb29(feb29)) == last_day


def test_who_turns_21_tomorrow_is_young_enough_today() -> None:
    born = birthday(DAY + timedelta(days=1), -21)

    assert is_young_enough(born, on=DAY, rules=RULES)
    assert not is_young_enough(born, on=DAY + timedelta(days=1), rules=RULES)


def test_a_commercial_plan_ends_at_19() -> None:
    born = date(2007, 11, 22)

    assert is_young_enough(born, on=DAY, rules=RULES)
    assert not is_young_enough(born, on=DAY, rules=RULES, payer="commercial")


def test_a_leap_birthday_falls_on_29_february_where_there_is_one() -> None:
    assert birthday(date(2004, 2, 29), 20) == date(2024, 2, 29)


@given(born=st.dates(date(1990, 1, 1), date(2026, 12, 31)), age=st.integers(0, 30))
def test_nobody_is_older_on_a_day_and_younger_on_the_next(born: date, age: int) -> None:
    last = last_payable_day(born, on=DAY, rules=RULES)

    assert is_young_enough(born, on=last, rules=RULES)
    assert not is_young_enough(born, on=last + timedelta(days=1), rules=RULES)
    assert birthday(born, age) - born >= timedelta(days=365 * age)
    assert abs((birthday(born, age) - birthday(born, age, feb29="mar01")).days) <= 1


# --- The table of facts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, ()),
        ({"birth_date": None}, (Gap.BIRTH_DATE,)),
        ({"coverages": ()}, (Gap.COVERAGE,)),
        ({"coverages": (coverage(member_id=None),)}, (Gap.COVERAGE,)),
        ({"coverages": (coverage(payer_id=None),)}, ()),
        ({"hubs": ()}, (Gap.HUB_SERVICE,)),
        ({"hubs": (hub(None),)}, ()),
        ({"plan": None}, (Gap.TM_GOAL,)),
        ({"plan": HubPlan(2, ())}, (Gap.TM_GOAL,)),
        ({"plan": HubPlan(2, (UUID(int=1),), ends=DAY - timedelta(days=1))}, (Gap.TM_GOAL,)),
        ({"plan": HubPlan(2, (UUID(int=1),), ends=DAY)}, ()),
        (
            {"birth_date": None, "coverages": (), "hubs": (), "plan": None},
            (Gap.BIRTH_DATE, Gap.COVERAGE, Gap.HUB_SERVICE, Gap.TM_GOAL),
        ),
    ],
    ids=[
        "complete",
        "birth-date",
        "no-coverage",
        "no-member-id",
        "payer-not-registered-is-no-gap",
        "no-hub",
        "only-tm-named-is-no-gap",
        "no-plan",
        "no-tm-goal",
        "plan-over",
        "plan-ends-today",
        "all-at-once",
    ],
)
def test_what_was_not_said_is_a_gap(changes: dict[str, Any], missing: tuple[Gap, ...]) -> None:
    assert gaps(facts(**changes), on=DAY) == missing


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, ()),
        ({"birth_date": date(2005, 11, 22)}, (Ineligibility.AGE_LIMIT,)),
        ({"birth_date": date(2005, 11, 23)}, ()),
        ({"birth_date": None}, ()),
        ({"hubs": ()}, ()),
        ({"hubs": (hub(None),)}, (Ineligibility.NO_ACTIVE_HUB_SERVICE,)),
        ({"hubs": (hub(holds=False),)}, (Ineligibility.NO_ACTIVE_HUB_SERVICE,)),
        (
            {"hubs": (hub(ends=DAY - timedelta(days=1)),)},
            (Ineligibility.NO_ACTIVE_HUB_SERVICE,),
        ),
        ({"hubs": (hub(ends=DAY),)}, ()),
        (
            {"hubs": (hub(begins=DAY + timedelta(days=1)),)},
            (Ineligibility.NO_ACTIVE_HUB_SERVICE,),
        ),
        ({"deceased": True}, (Ineligibility.DECEASED,)),
        (
            {"birth_date": date(2000, 1, 1), "hubs": (hub(None),), "deceased": True},
            (
                Ineligibility.AGE_LIMIT,
                Ineligibility.NO_ACTIVE_HUB_SERVICE,
                Ineligibility.DECEASED,
            ),
        ),
    ],
    ids=[
        "none",
        "21-today",
        "21-tomorrow",
        "age-is-never-guessed",
        "no-hub-is-a-gap",
        "only-tm-named",
        "hub-over-by-status",
        "hub-ended-yesterday",
        "hub-ends-today",
        "hub-not-begun",
        "deceased",
        "all-at-once",
    ],
)
def test_what_breaks_a_rule_is_a_failure(
    changes: dict[str, Any], broken: tuple[Ineligibility, ...]
) -> None:
    found = failures(facts(**changes), on=DAY, rules=RULES)

    assert tuple(failure.code for failure in found) == broken
    assert all(RULES.value(failure.rule, on=DAY) for failure in found)


@pytest.mark.parametrize(
    ("hubs", "decides"),
    [
        ((hub(OP), hub(ICC), hub(IHT)), ICC),
        ((hub(OP), hub(IHT)), IHT),
        ((hub(ICC, organisation_id=OTHER_HUB), hub(OP, organisation_id=HUB_ID)), OP),
        ((hub(ICC, ends=DAY - timedelta(days=1)), hub(OP)), OP),
        ((hub(ICC, organisation_id=OTHER_HUB),), ICC),
    ],
    ids=["icc-first", "iht-before-op", "the-asking-hub-first", "only-active", "another-hub"],
)
def test_one_hub_service_decides(hubs: tuple[Any, ...], decides: HubService) -> None:
    found = hub_of_record(facts(hubs=hubs), on=DAY)

    assert found is not None
    assert found.hub_service is decides


@given(
    begins=st.dates(date(2026, 1, 1), date(2027, 1, 1)),
    length=st.integers(0, 400),
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)
def test_a_hub_covers_its_first_and_its_last_day(begins: date, length: int, day: date) -> None:
    ends = begins + timedelta(days=length)
    one: Facts = facts(hubs=(hub(begins=begins, ends=ends),))

    assert (hub_of_record(one, on=day) is not None) == (begins <= day <= ends)
