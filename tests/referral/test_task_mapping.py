"""Our Task and CoverageEligibility* against the samples of contracts/fhir, whole."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B.coverageeligibilityrequest import CoverageEligibilityRequest
from fhir.resources.R4B.coverageeligibilityresponse import CoverageEligibilityResponse
from fhir.resources.R4B.task import Task

from contracts.codes import Check, Gap, HubService, Ineligibility, OpenItem, ReferralState
from contracts.rules import load
from services.referral.domain.payer import Asked, Outcome, Reading
from services.referral.domain.states import (
    Approval,
    Business,
    CloseReason,
    Placer,
    Standing,
    TaskRow,
    fresh_view,
)
from services.referral.mapping.coverage_eligibility import (
    request_from_inquiry,
    response_from_inquiry,
)
from services.referral.mapping.task import Parties, changed_elements, task_from_row
from tests.referral.rig import example

RIVERBEND, NORTHLIGHT, MASSHEALTH = UUID(int=1), UUID(int=2), UUID(int=3)
REFERRAL = UUID("a1c4e7d0-52b3-4f86-9e21-7d0c3b5a0042")
YOUTH = UUID("3f0b8c52-7d4e-4a19-8b6c-90e2d7a50042")
RESPONSE = UUID("2c9e7f31-48ad-4b50-8e63-d1f6a0940042")
PARTIES = Parties(
    agency_id=NORTHLIGHT,
    agency_name="Northlight Therapeutic Mentoring",
    requester_id=RIVERBEND,
    requester_name="Riverbend Family Services",
    mrn=("https://ehr.riverbend.example/ids/mrn", "RB-204417"),
)
OPEN_ITEMS = (
    *(OpenItem.COMPREHENSIVE_ASSESSMENT, OpenItem.CANS),
    *(OpenItem.CONSENT_TREATMENT, OpenItem.CONSENT_ROI_HUB),
)
APPROVAL = Approval(*(RESPONSE, HubService.IN_HOME_THERAPY, date(2026, 8, 20)), (Check.HUB_ACTIVE,))
RULES = load()


def sample(number: str) -> dict[str, Any]:
    """A sample under the ids that organisations have here; names of places aside."""
    text = json.dumps(example(number))
    for name, id_ in (("riverbend", RIVERBEND), ("northlight", NORTHLIGHT)):
        text = text.replace(f"Organization/{name}", f"Organization/{id_}")
    text = text.replace("Organization/masshealth", f"Organization/{MASSHEALTH}")
    found: dict[str, Any] = json.loads(text)
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def shown(standing: Standing, number: str) -> dict[str, Any]:
    """Our Task of a referral that stands so, at the version and time of a sample."""
    meta = example(number)["meta"]
    row = TaskRow(
        task_id=UUID("6e2d91b4-0c7f-4d35-8a58-1f4b9c260042"),
        referral_id=REFERRAL,
        organisation_id=RIVERBEND,
        youth_id=YOUTH,
        placer=Placer("https://ehr.riverbend.example/ids/task", "T-90417"),
        priority="routine",
        authored_on=at("2026-11-09T15:20:05-05:00"),
        version=int(meta["versionId"]),
        view=fresh_view(standing),
        last_modified=at(meta["lastUpdated"]),
        updated_at=at(meta["lastUpdated"]),
    )
    return task_from_row(row, replace(PARTIES, requester_name="Riverbend Family Services"))


S = ReferralState
FIRST = at("2026-11-19T16:00:00-05:00")
STORIES = {
    "03": Standing(S.PENDING_ELIGIBILITY, open_items=OPEN_ITEMS),
    "04": Standing(S.ELIGIBLE, open_items=OPEN_ITEMS, approval=APPROVAL),
    "06": Standing(
        S.ADMITTED,
        approval=APPROVAL,
        last_visit=Business.HELD,
        first_session=FIRST,
        first_session_on=date(2026, 11, 19),
    ),
    "32": Standing(
        S.INELIGIBLE,
        failures=(Ineligibility.COVERAGE_NOT_ACTIVE,),
        failed_on=date(2026, 11, 9),
        open_items=OPEN_ITEMS,
    ),
    "33": Standing(S.INCOMPLETE, gaps=(Gap.HUB_SERVICE,), open_items=OPEN_ITEMS),
    "05": Standing(
        S.CLOSED,
        failures=(Ineligibility.NO_ACTIVE_HUB_SERVICE,),
        close_reason=CloseReason.DECLINED,
        close_text=example("05")["statusReason"]["text"],
    ),
}


@pytest.mark.parametrize("number", STORIES)
def test_our_task_is_the_sample_to_the_letter(number: str) -> None:
    expected = sample(number)
    for output in expected.get("output", ()):
        # The sample calls the hub by its short name; we know the registered one.
        concept = output.get("valueCodeableConcept", {})
        if "text" in concept:
            concept["text"] = concept["text"].replace("Riverbend", PARTIES.requester_name)

    assert shown(STORIES[number], number) == expected


@pytest.mark.parametrize("number", STORIES)
def test_our_task_is_valid_r4(number: str) -> None:
    Task.model_validate(shown(STORIES[number], number))


def test_every_passed_check_but_coverage_is_a_program_criterion() -> None:
    approval = replace(APPROVAL, checks=tuple(Check))

    outputs = shown(Standing(S.ELIGIBLE, approval=approval), "04")["output"]

    codes = [
        output["valueCodeableConcept"]["coding"][0]["code"]
        for output in outputs
        if "valueCodeableConcept" in output
    ]
    assert codes == ["active-hub-service", "age-under-limit", "plan-names-tm"]


def test_a_completed_task_points_at_our_care_plan() -> None:
    plan = UUID("97f02c5b-a3e8-4d16-8c74-b1e60d390042")
    standing = replace(
        STORIES["06"],
        state=S.CLOSED,
        close_reason=CloseReason.DISCHARGED,
        ended_at=at("2027-03-11T17:00:00-05:00"),
        care_plan_id=plan,
    )

    task = shown(standing, "07")

    assert task["status"] == "completed"
    assert task["executionPeriod"] == example("07")["executionPeriod"]
    assert task["output"][-1] == example("07")["output"][-1]


def test_without_a_hubs_own_number_only_ours_stands_there() -> None:
    task = shown(STORIES["03"], "03")

    assert [i["type"]["coding"][0]["code"] for i in task["identifier"]] == ["PLAC", "FILL"]


# --- CoverageEligibility* -----------------------------------------------------------------------

ASKED = Asked(
    inquiry_id=UUID("51d8a3c6-7e0b-4f92-b4a5-69c2e8f70042"),
    response_id=RESPONSE,
    referral_id=REFERRAL,
    youth_id=YOUTH,
    coverage_id=UUID("b83f5d27-91c0-4a6e-a7d4-5e1c80f20042"),
    payer_id=MASSHEALTH,
    rank=1,
    round=1,
    source="payer",
    service_date=date(2026, 11, 9),
    asked_at=at("2026-11-09T15:20:08-05:00"),
    answered_at=at("2026-11-09T15:20:12-05:00"),
    trace="93175-012547",
    answer_trace="93175-012547",
    reading=Reading(Outcome.ACTIVE, "masshealth-standard", "mbhp", date(2026, 1, 1)),
)


def answered(asked: Asked) -> dict[str, Any]:
    return response_from_inquiry(asked, PARTIES, payer_name="MassHealth", rules=RULES)


def test_the_question_is_sample_08() -> None:
    question = request_from_inquiry(ASKED, PARTIES)

    assert question == sample("08")
    CoverageEligibilityRequest.model_validate(question)


def test_its_answer_is_sample_09() -> None:
    answer = answered(ASKED)

    assert answer == sample("09")
    CoverageEligibilityResponse.model_validate(answer)


def test_an_excluded_type_is_in_force_and_excluded() -> None:
    reading = replace(ASKED.reading, product="masshealth-family-assistance")

    (insurance,) = answered(replace(ASKED, reading=reading))["insurance"]

    assert insurance["inforce"] is True
    assert insurance["item"][0]["excluded"] is True


@pytest.mark.parametrize(
    ("outcome", "wire"),
    [
        (Outcome.INACTIVE, "complete"),
        (Outcome.PAYER_UNAVAILABLE, "queued"),
        (Outcome.REJECTED_REQUEST, "error"),
        (Outcome.UNCLEAR, "error"),
    ],
)
def test_only_a_yes_or_no_says_anything_of_the_insurance(outcome: Outcome, wire: str) -> None:
    answer = answered(replace(ASKED, reading=Reading(outcome), answer_trace=None))

    assert answer["outcome"] == wire
    assert ("insurance" in answer) is (outcome is Outcome.INACTIVE)
    CoverageEligibilityResponse.model_validate(answer)


# --- What a hub sends back ----------------------------------------------------------------------


def test_our_own_stamps_are_no_change() -> None:
    task = sample("03")
    sent = {name: value for name, value in task.items() if name not in ("meta", "lastModified")}

    assert changed_elements(task, sent) == []


def test_every_other_difference_is_named() -> None:
    task = sample("03")
    sent = task | {"priority": "stat", "status": "cancelled"}
    del sent["output"]

    assert changed_elements(task, sent) == ["output", "priority", "status"]
