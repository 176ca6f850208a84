"""What is refused, and where: the rows `business-rule` and `not-found` of FHIR §4."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.referral.bundles import Bundle, entry_of, make_bundle, of
from tests.referral.readings import read
from tests.referral.rig import Hub, Rig, example

Change = Callable[[Bundle], object]


def set_(type_: str, **elements: Any) -> Change:
    return lambda bundle: of(bundle, type_).update(elements)


def twice(type_: str) -> Change:
    def add(bundle: Bundle) -> None:
        again = json.loads(json.dumps(entry_of(bundle, type_)))
        again["fullUrl"] = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"
        bundle["entry"].append(again)

    return add


def gone(type_: str) -> Change:
    return lambda bundle: bundle["entry"].remove(entry_of(bundle, type_))


def other_coding(bundle: Bundle) -> None:
    system = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
    of(bundle, "ServiceRequest")["code"] = {"coding": [{"system": system, "code": "H2019"}]}


def another_agency(bundle: Bundle) -> None:
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1000000491"}
    of(bundle, "ServiceRequest")["performer"] = [{"identifier": npi}]


def another_owner(bundle: Bundle) -> None:
    of(bundle, "Task")["owner"] = {"reference": bundle["entry"][0]["fullUrl"]}


def another_requester(bundle: Bundle) -> None:
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1000000491"}
    of(bundle, "ServiceRequest")["requester"] = {"identifier": npi}


def unknown_requester(bundle: Bundle) -> None:
    of(bundle, "Organization")["identifier"][0]["value"] = "1000000004"


def a_group(bundle: Bundle) -> None:
    group = {"resourceType": "Group", "type": "person", "actual": True}
    url = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000002"
    request = {"method": "POST", "url": "Group"}
    bundle["entry"].append({"fullUrl": url, "resource": group, "request": request})
    of(bundle, "ServiceRequest")["subject"] = {"reference": url}


def dangling(type_: str, name: str) -> Change:
    text = "urn:uuid:bbbbbbbb-0000-4000-8000-000000000001"
    return set_(type_, **{name: {"reference": text}})


def other_number(bundle: Bundle) -> None:
    entry_of(bundle, "CarePlan")["request"] = {
        "method": "PUT",
        "url": "CarePlan?identifier=https://ehr.riverbend.example/ids/careplan|OTHER",
    }


def no_number(bundle: Bundle) -> None:
    of(bundle, "ServiceRequest").pop("identifier")


SR, TASK, PATIENT = "Bundle.entry[14].resource", "Bundle.entry[15].resource", "Bundle.entry[5]"


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        (twice("ServiceRequest"), "business-rule", "Bundle.entry[16].resource"),
        (twice("Patient"), "business-rule", "Bundle.entry[16].resource"),
        (twice("Task"), "business-rule", "Bundle.entry[16].resource"),
        (gone("ServiceRequest"), "business-rule", "Bundle.entry"),
        (other_coding, "business-rule", f"{SR}.code"),
        (another_agency, "business-rule", f"{SR}.performer"),
        (another_owner, "business-rule", f"{TASK}.owner"),
        (another_requester, "business-rule", f"{SR}.requester"),
        (unknown_requester, "business-rule", f"{SR}.requester"),
        (a_group, "business-rule", f"{SR}.subject"),
        (set_("Patient", birthDate="2026-11-10"), "business-rule", f"{PATIENT}.resource.birthDate"),
        (set_("Patient", birthDate="2026-12"), "business-rule", f"{PATIENT}.resource.birthDate"),
        (set_("Patient", birthDate="2027"), "business-rule", f"{PATIENT}.resource.birthDate"),
        (set_("Patient", birthDate="1906-11-08"), "business-rule", f"{PATIENT}.resource.birthDate"),
        (set_("ServiceRequest", status="draft"), "business-rule", f"{SR}.status"),
        (set_("ServiceRequest", status="revoked"), "business-rule", f"{SR}.status"),
        (set_("ServiceRequest", intent="plan"), "business-rule", f"{SR}.intent"),
        (set_("ServiceRequest", intent="proposal"), "business-rule", f"{SR}.intent"),
        (set_("Task", status="accepted"), "business-rule", f"{TASK}.status"),
        (other_number, "business-rule", "Bundle.entry[11].resource.identifier"),
        (no_number, "business-rule", f"{SR}.identifier"),
        (dangling("ServiceRequest", "subject"), "not-found", f"{SR}.subject.reference"),
        (dangling("ServiceRequest", "requester"), "not-found", f"{SR}.requester.reference"),
        (dangling("Task", "focus"), "not-found", f"{TASK}.focus.reference"),
        (dangling("Task", "for"), "not-found", f"{TASK}.for.reference"),
    ],
)
def test_what_cannot_be_used_is_refused_where_it_stands(
    change: Change, code: str, place: str
) -> None:
    bundle = make_bundle()
    change(bundle)

    try:
        errors = read(bundle).errors()
    except LookupError:  # nothing to read facts from
        errors = judged_without_request(bundle)

    assert (code, place) in errors


def judged_without_request(bundle: Bundle) -> list[tuple[str, str | None]]:
    from services.referral.mapping.inbound.entries import submission_from_bundle
    from services.referral.mapping.inbound.graph import Directory, Graph
    from services.referral.mapping.inbound.judge import Agency, Reading, judge
    from services.referral.mapping.inbound.resolve import Resolved
    from tests.referral.readings import HUB_ID, TODAY
    from tests.referral.rig import AGENCY_ID

    nobody_ = Resolved(HUB_ID, HUB_ID, HUB_ID)
    submission, graph = submission_from_bundle(bundle), Graph((), (), Directory(()))
    agency = Agency(AGENCY_ID, "1093817462", "Northlight")
    reading = Reading(submission, nobody_, graph, agency, HUB_ID, TODAY, False)
    return [(issue.code, issue.expression) for issue in judge(reading)]


@pytest.mark.parametrize(
    "change",
    [
        set_("ServiceRequest", code={"text": "Therapeutic Mentoring"}),
        lambda bundle: of(bundle, "ServiceRequest").pop("performer"),
        lambda bundle: of(bundle, "Task").pop("owner"),
        lambda bundle: of(bundle, "ServiceRequest").pop("requester"),
        set_("ServiceRequest", performer=[{"display": "the mentoring people"}]),
        set_("Patient", birthDate="1906-11-09"),
        set_("Patient", birthDate="2026-11-09"),
        set_("Patient", birthDate="2026"),
    ],
    ids=[
        *("code as text", "nobody named", "no owner", "no requester", "only words"),
        *("120 today", "born today", "born this year"),
    ],
)
def test_what_is_merely_missing_or_unusual_is_taken(change: Change) -> None:
    bundle = make_bundle()
    change(bundle)

    assert read(bundle).errors() == []


@pytest.mark.parametrize(
    "system",
    [
        "urn:oid:2.16.840.1.113883.6.285",
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    ],
)
def test_hcpcs_goes_under_three_names(system: str) -> None:
    bundle = make_bundle()
    code = {"coding": [{"system": system, "code": "T1027"}]}
    of(bundle, "ServiceRequest")["code"] = code

    assert read(bundle).errors() == []


def test_a_number_may_be_the_address_of_the_entry() -> None:
    bundle = make_bundle()
    no_number(bundle)
    entry = entry_of(bundle, "ServiceRequest")
    text = json.dumps(bundle).replace(
        entry["fullUrl"], "https://ehr.riverbend.example/r4/ServiceRequest/31"
    )

    assert read(json.loads(text)).errors() == []


def test_the_belongings_of_another_child_are_refused() -> None:
    bundle = make_bundle()
    other = json.loads(json.dumps(entry_of(bundle, "Patient")))
    other["fullUrl"] = "urn:uuid:aaaaaaaa-0000-4000-8000-000000000003"
    other["resource"]["identifier"] = [{"system": "https://x.example/mrn", "value": "1"}]
    bundle["entry"].append(other)
    of(bundle, "Coverage")["beneficiary"] = {"reference": other["fullUrl"]}

    errors = read(bundle).errors()

    assert ("business-rule", "Bundle.entry[16].resource") in errors


async def test_everything_wrong_is_said_at_once_as_in_sample_23(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    other_coding(bundle)
    dangling("ServiceRequest", "requester")(bundle)

    answer = await hub.refer(bundle)

    assert answer.status_code == 422
    assert answer.json()["issue"] == example("23")["issue"][:2]


async def test_no_answer_repeats_what_was_sent(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle(number="SECRET-1", mrn="SECRET-2", member="SECRET-3")
    of(bundle, "Patient")["birthDate"] = "2099-01-02"
    of(bundle, "ServiceRequest")["code"] = {"coding": [{"system": "x:s", "code": "SECRET-4"}]}

    answer = await hub.refer(bundle)

    assert answer.status_code == 422
    assert "SECRET" not in answer.text
    assert "2099" not in answer.text


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "PUT", "url": "CarePlan/123"}, 422),
        ({"method": "PUT", "url": "CarePlan?status=active"}, 400),
        ({"method": "POST", "url": "CarePlan", "ifNoneExist": "title=a"}, 400),
        ({"method": "POST", "url": "CarePlan", "ifNoneExist": "identifier=x"}, 400),
        ({"method": "PUT", "url": "CarePlan?identifier=a|b", "ifMatch": "x"}, 400),
    ],
)
async def test_conditions_other_than_one_identifier_are_refused(
    rig: Rig, hub: Hub, request_: dict[str, str], status: int
) -> None:
    bundle = make_bundle()
    entry_of(bundle, "CarePlan")["request"] = request_

    answer = await hub.refer(bundle)

    assert answer.status_code == status, answer.text
    assert await rig.count("referral") == 0
