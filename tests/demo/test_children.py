"""The children of the demonstration: a seed decides all of them, and their Bundles are good R4."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from deploy.demo.children import (
    GOALS,
    Child,
    HubOffice,
    Resource,
    adult,
    age,
    amendment,
    bundle,
    children,
    member_of,
    same_child,
    spoilt,
    twins,
    without_goal,
    without_goals,
    without_hub_service,
)
from deploy.local.agency import AGENCY
from deploy.local.seed import hubs, payer_identifier
from services.chassis.fhir import guard
from services.chassis.fhir.outcome import FhirRefused

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
TODAY = NOW.date()
SENT: dict[str, Any] = {
    "agency_npi": AGENCY["AGENCY_NPI"],
    "payer": payer_identifier(),
    "now": NOW,
}
OFFICES = [HubOffice(**hub) for hub in hubs()]


def drawn(seed: int = 7, count: int = 24) -> list[Child]:
    return children(seed, OFFICES, count, TODAY)


def test_the_same_seed_draws_the_same_children_and_another_seed_draws_others() -> None:
    assert drawn(7) == drawn(7)
    assert [bundle(child, **SENT) for child in drawn(7)] == [
        bundle(child, **SENT) for child in drawn(7)
    ]
    assert drawn(7) != drawn(8)


@pytest.mark.parametrize("seed", [0, 7, 99_999])
def test_no_two_children_share_a_number_or_look_alike(seed: int) -> None:
    found = drawn(seed)

    for numbers in (
        {child.mrn for child in found},
        {child.member_id for child in found},
        {child.placer for child in found},
        {(child.given, child.family, child.birth_date) for child in found},
    ):
        assert len(numbers) == 24
    assert {child.hub.name for child in found} == {office.name for office in OFFICES}
    assert all(len(child.member_id) == 12 and child.member_id.isdigit() for child in found)


@pytest.mark.parametrize("seed", range(3))
def test_every_bundle_that_is_meant_well_is_good(seed: int) -> None:
    first, second, *rest = drawn(seed)
    meant_well = [bundle(child, **SENT) for child in [first, *twins(second), *rest]]
    meant_well += [
        bundle(without_goals(first), **SENT),
        bundle(without_hub_service(first), **SENT),
        bundle(adult(first, TODAY), **SENT),
        bundle(same_child(first, second), **SENT),
        amendment(first, **SENT),
        without_goal(replace(first, goals=(GOALS[0], GOALS[1])), 1, **SENT),
    ]

    for sent in meant_well:
        guard.check(json.dumps(sent).encode())


def test_a_spoilt_bundle_is_refused_at_the_place_of_each_slip() -> None:
    sent = spoilt(bundle(drawn()[0], **SENT))

    with pytest.raises(FhirRefused) as refused:
        guard.check(json.dumps(sent).encode())

    found = {issue.expression for issue in refused.value.issues}
    assert found == {
        f"{place_of('Patient', sent)}.gender",
        f"{place_of('Coverage', sent)}.status",
    }


def test_an_eighteen_year_old_speaks_for_nobody_else() -> None:
    grown = adult(drawn()[0], TODAY)

    assert age(grown, TODAY) == 18
    assert "RelatedPerson" not in types_in(bundle(grown, **SENT))
    assert "RelatedPerson" in types_in(bundle(drawn()[0], **SENT))


def test_age_is_counted_to_the_birthday_itself() -> None:
    child = drawn()[0]
    born = child.birth_date
    birthday = date(born.year + 10, born.month, min(born.day, 28))

    assert age(child, birthday) == 10 - (born.day > 28)
    assert age(child, date(born.year + 10, 1, 1)) == 9 + ((born.month, born.day) == (1, 1))


def test_a_coverage_that_ends_is_told_by_the_payer_and_not_by_the_hub() -> None:
    child = drawn()[0]
    ending = replace(child, covered_to=date(2026, 11, 30))

    assert member_of(child, TODAY)["period"] == {"start": "2026-01-01"}
    assert member_of(ending, TODAY)["period"] == {"start": "2026-01-01", "end": "2026-11-30"}
    assert bundle(ending, **SENT) == bundle(child, **SENT)


def types_in(sent: Resource) -> set[str]:
    return {entry["resource"]["resourceType"] for entry in sent["entry"]}


def place_of(type_: str, sent: Resource) -> str:
    entries = [entry["resource"]["resourceType"] for entry in sent["entry"]]
    return f"Bundle.entry[{entries.index(type_)}].resource"
