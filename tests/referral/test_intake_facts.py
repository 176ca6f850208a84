"""What the mapping reads: each row of the facts table of DOMAIN §5.1, each form of a reference."""

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from contracts.codes import Gap, HubService, Ineligibility, OpenItem, Priority
from services.referral.domain.intake import Window, open_items
from tests.referral.bundles import Bundle, entry_of, make_bundle, of, without
from tests.referral.readings import HUB_ID, OTHER_HUB_ID, PAYER_ID, TODAY, read
from tests.referral.rig import BASE, RULES

CBHI = "https://waypost.example/fhir/CodeSystem/cbhi-service"
Change = Callable[[Bundle], object]


def test_the_good_referral_has_neither_gap_nor_failure() -> None:
    found = read(make_bundle())

    assert (found.gaps(), found.failures(), found.errors()) == ((), (), [])
    assert found.intake.priority is Priority.ROUTINE
    assert found.intake.youth.languages == ("es", "en")
    assert found.intake.coverages[0].payer_id == PAYER_ID


# --- Gaps: something was not said ---------------------------------------------------------------


def set_(type_: str, **elements: Any) -> Change:
    return lambda bundle: of(bundle, type_).update(elements)


def drop(type_: str, *names: str) -> Change:
    return lambda bundle: [of(bundle, type_).pop(name, None) for name in names]


def no_member_number(bundle: Bundle) -> None:
    drop("Coverage", "subscriberId", "identifier")(bundle)
    of(bundle, "Patient")["identifier"].pop()


def eleven_digits(bundle: Bundle) -> None:
    no_member_number(bundle)
    of(bundle, "Coverage")["subscriberId"] = "10002345678"


def plan_revoked(bundle: Bundle) -> None:
    of(bundle, "CarePlan")["status"] = "revoked"


def goals_cancelled(bundle: Bundle) -> None:
    for place in (0, 1):
        of(bundle, "Goal", place)["lifecycleStatus"] = "cancelled"


def plan_over(bundle: Bundle) -> None:
    of(bundle, "CarePlan")["period"]["end"] = "2026-11-08"


@pytest.mark.parametrize(
    ("gap", "change"),
    [
        (Gap.BIRTH_DATE, drop("Patient", "birthDate")),
        (Gap.BIRTH_DATE, set_("Patient", birthDate="2013-03")),
        (Gap.BIRTH_DATE, set_("Patient", birthDate="2013")),
        (Gap.COVERAGE, no_member_number),
        (Gap.COVERAGE, eleven_digits),
        (Gap.HUB_SERVICE, set_("EpisodeOfCare", status="entered-in-error")),
        (Gap.HUB_SERVICE, drop("EpisodeOfCare", "type")),
        (Gap.TM_GOAL, drop("ServiceRequest", "extension")),
        (Gap.TM_GOAL, plan_revoked),
        (Gap.TM_GOAL, plan_over),
        (Gap.TM_GOAL, goals_cancelled),
    ],
)
def test_what_was_not_said_is_a_gap(gap: Gap, change: Change) -> None:
    bundle = make_bundle()
    change(bundle)

    found = read(bundle)

    assert found.gaps() == (gap,)
    assert found.failures() == ()
    assert found.errors() == []


@pytest.mark.parametrize(
    ("gap", "types"),
    [
        (Gap.COVERAGE, ("Coverage",)),
        (Gap.HUB_SERVICE, ("EpisodeOfCare",)),
        (Gap.TM_GOAL, ("Goal",)),
        (Gap.TM_GOAL, ("Goal", "CarePlan")),
    ],
)
def test_what_did_not_come_is_a_gap(gap: Gap, types: tuple[str, ...]) -> None:
    found = read(without(make_bundle(), *types))

    assert found.gaps() == (gap,)


def test_a_role_code_is_no_proof_of_a_hub_service() -> None:
    bundle = without(make_bundle(), "EpisodeOfCare")
    coding = {"system": CBHI, "code": "in-home-therapy"}
    of(bundle, "PractitionerRole")["code"] = [{"coding": [coding]}]

    assert read(bundle).gaps() == (Gap.HUB_SERVICE,)


@pytest.mark.parametrize("status", ["cancelled", "draft"])
def test_an_expired_or_cancelled_coverage_with_a_number_is_no_gap(status: str) -> None:
    bundle = make_bundle()
    of(bundle, "Coverage").update(status=status, period={"end": "2025-12-31"})

    found = read(bundle)

    assert found.gaps() == ()
    assert found.intake.coverages[0].status == status


def test_a_payer_that_is_not_registered_is_no_gap() -> None:
    bundle = make_bundle()
    of(bundle, "Organization", 2)["identifier"][0]["value"] = "some-other-plan"

    found = read(bundle)

    assert found.gaps() == ()
    assert found.intake.coverages[0].payer_id is None


def test_leading_zeros_of_a_member_number_stay() -> None:
    found = read(make_bundle(member="000023456789"))

    assert found.intake.coverages[0].member_id == "000023456789"


# --- Hub services -------------------------------------------------------------------------------


def episode(bundle: Bundle, **elements: Any) -> None:
    of(bundle, "EpisodeOfCare").update(elements)


@pytest.mark.parametrize(
    ("elements", "holds"),
    [
        ({"status": "active", "period": {"start": "2026-08-20"}}, True),
        ({"status": "finished", "period": {"start": "2026-08-20"}}, False),
        ({"status": "onhold", "period": {"start": "2026-08-20"}}, False),
        ({"status": "planned", "period": {"start": "2026-12-01"}}, False),
        ({"status": "active", "period": {"start": "2026-11-10"}}, False),
        ({"status": "active", "period": {"start": "2026-11-09"}}, True),
        ({"status": "active", "period": {"end": "2026-11-08"}}, False),
        ({"status": "active", "period": {"end": "2026-11-09"}}, True),
        ({"status": "finished", "period": {"end": "2026-11"}}, True),
        ({"status": "active", "period": {"end": "2026-10"}}, False),
    ],
    ids=str,
)
def test_a_date_that_speaks_wins_over_the_status_of_an_episode(
    elements: dict[str, Any], holds: bool
) -> None:
    bundle = make_bundle()
    episode(bundle, **elements)

    found = read(bundle)

    assert found.gaps() == ()
    assert found.failures() == (() if holds else (Ineligibility.NO_ACTIVE_HUB_SERVICE,))


def test_only_therapeutic_mentoring_itself_is_a_failure() -> None:
    bundle = make_bundle()
    coding = {"system": CBHI, "code": "therapeutic-mentoring"}
    episode(bundle, type=[{"coding": [coding]}])

    found = read(bundle)

    assert found.gaps() == ()
    assert found.failures() == (Ineligibility.NO_ACTIVE_HUB_SERVICE,)


def test_an_episode_decides_over_a_plan_that_says_more() -> None:
    bundle = make_bundle()
    episode(bundle, status="finished")
    coding = {"system": CBHI, "code": "outpatient-therapy"}
    of(bundle, "CarePlan")["category"].append({"coding": [coding]})

    assert read(bundle).failures() == (Ineligibility.NO_ACTIVE_HUB_SERVICE,)


@pytest.mark.parametrize(("status", "holds"), [("active", True), ("on-hold", False)])
def test_without_an_episode_an_active_plan_proves_the_service(status: str, holds: bool) -> None:
    bundle = without(make_bundle(), "EpisodeOfCare")
    coding = {"system": CBHI, "code": "outpatient-therapy"}
    of(bundle, "CarePlan")["category"].append({"coding": [coding]})
    of(bundle, "CarePlan")["status"] = status

    found = read(bundle)

    assert found.intake.hubs[0].hub_service is HubService.OUTPATIENT_THERAPY
    assert found.failures() == (() if holds else (Ineligibility.NO_ACTIVE_HUB_SERVICE,))


def test_the_hub_is_the_organisation_that_runs_the_episode() -> None:
    bundle = make_bundle()
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1000000491"}
    episode(bundle, managingOrganization={"identifier": npi})
    bundle["entry"][0]["resource"]["alias"] = ["unchanged"]

    own = read(make_bundle())
    other = read_with_other_hub(bundle)

    assert own.intake.hubs[0].organisation_id == HUB_ID
    assert other == OTHER_HUB_ID


def read_with_other_hub(bundle: Bundle) -> object:
    return read(bundle).intake.hubs[0].organisation_id


# --- Goals and papers ---------------------------------------------------------------------------


def test_goals_of_the_plan_are_not_assigned_by_being_listed() -> None:
    bundle = make_bundle()
    of(bundle, "ServiceRequest")["extension"].pop()

    plan = read(bundle).intake.plan

    assert plan is not None
    assert [goal.tm_assigned for goal in plan.goals] == [True, False]


def test_an_activity_of_the_plan_that_is_tm_assigns_its_goals() -> None:
    bundle = make_bundle()
    second = of(bundle, "ServiceRequest").pop("extension")[1]["valueReference"]
    code = {"coding": [{"system": CBHI, "code": "therapeutic-mentoring"}]}
    detail = {"status": "scheduled", "code": code, "goal": [second]}
    of(bundle, "CarePlan")["activity"] = [{"detail": detail}]

    plan = read(bundle).intake.plan

    assert plan is not None
    assert [goal.tm_assigned for goal in plan.goals] == [False, True]


def test_a_goal_keeps_its_id_by_the_hubs_identifier() -> None:
    from services.referral.mapping.inbound.plans import goal_id

    one, two = read(make_bundle()).intake, read(make_bundle()).intake
    assert one.plan
    assert two.plan
    number = "https://ehr.riverbend.example/ids/goal|G-881"

    assert one.plan.goals[0].goal_id == goal_id(one.youth.youth_id, number)
    assert two.plan.goals[0].goal_id == goal_id(two.youth.youth_id, number)
    assert one.plan.goals[0].goal_id != two.plan.goals[0].goal_id


def document(bundle: Bundle, **elements: Any) -> None:
    resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": entry_of(bundle, "Patient")["fullUrl"]},
        "content": [{"attachment": {"contentType": "text/plain"}}],
        **elements,
    }
    url = f"urn:uuid:7d0cf9ce-0000-4000-8000-{len(bundle['entry']):012}"
    request = {"method": "POST", "url": "DocumentReference"}
    bundle["entry"].append({"fullUrl": url, "resource": resource, "request": request})


def coded(kind: str) -> dict[str, Any]:
    system = "https://waypost.example/fhir/CodeSystem/referral-document"
    return {"category": [{"coding": [{"system": system, "code": kind}]}]}


def items(bundle: Bundle) -> tuple[OpenItem, ...]:
    return open_items(read(copy.deepcopy(bundle)).intake, on=TODAY, rules=RULES)


CONSENTS = (OpenItem.CONSENT_TREATMENT, OpenItem.CONSENT_ROI_HUB)


def test_papers_close_their_open_items_and_consents_stay_open() -> None:
    bundle = make_bundle()
    assert items(bundle) == (OpenItem.COMPREHENSIVE_ASSESSMENT, OpenItem.CANS, *CONSENTS)

    document(bundle, **coded("comprehensive-assessment"))
    document(bundle, **coded("cans"), date="2026-11-01T10:00:00-04:00")

    assert items(bundle) == CONSENTS


def test_an_old_cans_is_an_open_item_again() -> None:
    bundle = make_bundle()
    document(bundle, **coded("comprehensive-assessment"))
    document(bundle, **coded("cans"), date="2026-08-10T10:00:00-04:00")

    assert items(bundle) == (OpenItem.CANS, *CONSENTS)


@pytest.mark.parametrize(
    "elements",
    [
        {"type": {"text": "Comprehensive Assessment"}},
        {"description": "the comprehensive  assessment of June"},
        {"content": [{"attachment": {"title": "Comprehensive Assessment.pdf"}}]},
    ],
    ids=["type", "description", "title"],
)
def test_words_tell_the_kind_of_an_uncoded_paper(elements: dict[str, Any]) -> None:
    bundle = make_bundle()
    document(bundle, **elements)

    assert OpenItem.COMPREHENSIVE_ASSESSMENT not in items(bundle)


def test_a_paper_sent_in_error_is_no_paper() -> None:
    bundle = make_bundle()
    document(bundle, **coded("cans") | {"status": "entered-in-error"})

    assert OpenItem.CANS in items(bundle)


# --- Wishes -------------------------------------------------------------------------------------


def test_the_task_decides_how_urgent_it_is() -> None:
    bundle = make_bundle()
    of(bundle, "Task")["priority"] = "urgent"

    assert read(bundle).intake.priority is Priority.URGENT


def test_hours_and_windows_are_read_where_they_are_said() -> None:
    bundle = make_bundle()
    request = of(bundle, "ServiceRequest")
    request["quantityQuantity"] = {"value": 3, "code": "h/wk"}
    repeat = {"dayOfWeek": ["tue"], "timeOfDay": ["15:30:00"], "duration": 2, "durationUnit": "h"}
    request.pop("occurrencePeriod")
    request["occurrenceTiming"] = {"repeat": repeat}

    found = read(bundle).intake

    assert (found.hours_per_week, found.windows) == (3, (Window(2, "15:30", "17:30"),))
    assert read(make_bundle()).intake.hours_per_week == 2


def test_an_interpreter_and_do_not_contact_are_read() -> None:
    bundle = make_bundle()
    url = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
    of(bundle, "Patient")["extension"] = [{"url": url, "valueBoolean": True}]
    of(bundle, "ServiceRequest")["orderDetail"] = [
        {"coding": [{"system": "x:y", "code": "contacting-subject-prohibited"}]}
    ]

    found = read(bundle).intake

    assert (found.youth.interpreter_needed, found.do_not_contact) == (True, True)


def test_a_name_may_have_holes() -> None:
    bundle = make_bundle()
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}
    of(bundle, "Patient")["name"] = [
        {"use": "old", "family": "Before"},
        {"family": "Reyes", "given": [None, "M"], "_given": [{"extension": [reason]}, None]},
    ]

    youth = read(bundle).intake.youth

    assert (youth.family, youth.given) == ("Reyes", ("M",))


def test_a_deceased_youth_is_a_failure() -> None:
    bundle = make_bundle()
    of(bundle, "Patient")["deceasedBoolean"] = True

    assert Ineligibility.DECEASED in read(bundle).failures()


@pytest.mark.parametrize(
    ("born", "is_young"), [("2005-11-09", False), ("2005-11-10", True), ("2005-11-08", False)]
)
def test_who_turns_21_tomorrow_is_young_today(born: str, is_young: bool) -> None:
    bundle = make_bundle()
    of(bundle, "Patient")["birthDate"] = born

    expected = () if is_young else (Ineligibility.AGE_LIMIT,)
    assert read(bundle, today=date(2026, 11, 9)).failures() == expected


# --- Forms of references ------------------------------------------------------------------------


def by_relative(bundle: Bundle) -> None:
    patient = entry_of(bundle, "Patient")
    patient["resource"]["id"] = "pat-1"
    point(bundle, "Patient/pat-1")


def by_absolute(bundle: Bundle) -> None:
    entry_of(bundle, "Patient")["fullUrl"] = "https://ehr.example/r4/Patient/7"
    repoint_all(bundle, "https://ehr.example/r4/Patient/7")


def by_version(bundle: Bundle) -> None:
    entry_of(bundle, "Patient")["fullUrl"] = "https://ehr.example/r4/Patient/7"
    repoint_all(bundle, "https://ehr.example/r4/Patient/7/_history/2")


def by_relative_to_its_server(bundle: Bundle) -> None:
    entry_of(bundle, "Patient")["fullUrl"] = "https://ehr.example/r4/Patient/7"
    entry_of(bundle, "ServiceRequest")["fullUrl"] = "https://ehr.example/r4/ServiceRequest/9"
    repoint_all(bundle, "https://ehr.example/r4/Patient/7")
    of(bundle, "Task")["focus"]["reference"] = "https://ehr.example/r4/ServiceRequest/9"
    point(bundle, "Patient/7")


def by_upper_case_urn(bundle: Bundle) -> None:
    point(bundle, entry_of(bundle, "Patient")["fullUrl"].upper().replace("URN:UUID", "urn:uuid"))


def by_condition(bundle: Bundle) -> None:
    point(bundle, "Patient?identifier=https://ehr.riverbend.example/ids/mrn|RB-204417")


def by_number(bundle: Bundle) -> None:
    number = {"system": "https://ehr.riverbend.example/ids/mrn", "value": "RB-204417"}
    of(bundle, "ServiceRequest")["subject"] = {"identifier": number}


def point(bundle: Bundle, text: str) -> None:
    of(bundle, "ServiceRequest")["subject"] = {"reference": text}


def repoint_all(bundle: Bundle, text: str) -> None:
    for entry in bundle["entry"]:
        for name in ("subject", "patient", "beneficiary", "for"):
            if name in entry["resource"]:
                entry["resource"][name] = {"reference": text}
    of(bundle, "Consent")["patient"] = {"reference": text}


@pytest.mark.parametrize(
    "spell",
    [
        *(by_relative, by_absolute, by_version, by_relative_to_its_server, by_upper_case_urn),
        *(by_condition, by_number),
    ],
)
def test_every_spelling_of_a_reference_finds_the_child(spell: Change) -> None:
    bundle = make_bundle()
    spell(bundle)

    found = read(bundle)

    assert found.errors() == []
    subject = of(bundle, "ServiceRequest")["subject"]["reference"]
    assert subject == f"Patient/{found.intake.youth.youth_id}"


def test_an_own_address_is_the_same_as_a_relative_reference() -> None:
    bundle = make_bundle()
    of(bundle, "Patient")["id"] = "pat-1"
    point(bundle, f"{BASE}/Patient/pat-1")

    assert read(bundle).errors() == []


def test_a_dangling_reference_that_is_not_essential_is_a_warning() -> None:
    bundle = make_bundle()
    of(bundle, "CarePlan")["careTeam"] = [{"reference": "CareTeam/none"}]

    found = read(bundle)

    assert found.errors() == []
    assert [i.expression for i in found.issues] == [
        "Bundle.entry[11].resource.careTeam[0].reference"
    ]
