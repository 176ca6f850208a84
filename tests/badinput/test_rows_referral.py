"""RELIABILITY.md §6 through the real door: Bundles and the rules of a referral (B-100 to B-141).

B-107 to B-112 are in test_rows_staff.py.
"""

import copy
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.badinput.rows import Row, another_child, at, more, rows_of, said, send, told, with_
from tests.postgres import Server
from tests.referral.bundles import Bundle, as_update, make_bundle, without
from tests.referral.desk import Office, refer
from tests.referral.rig import NPI, Hub, located

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOWHERE = {"reference": "urn:uuid:99999999-0000-4000-8000-000000000001"}
ELSEWHERE = {"identifier": {"system": NPI, "value": "1000000491"}}
CLINIC = {"reference": make_bundle()["entry"][0]["fullUrl"]}
REQUEST, TASK, COVERAGE = "entry.14", "entry.15", "entry.7"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
OTHER_SERVICE = {"coding": [{"system": HCPCS, "code": "H2019"}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    async with rows_of(server) as opened:
        yield opened


def again(place: int, **changes: Any) -> Bundle:
    """The good referral with one of its entries a second time."""
    entry = copy.deepcopy(make_bundle()["entry"][place])
    entry["fullUrl"] = NOWHERE["reference"]
    entry["resource"] |= changes
    return more(entry)


def at_address(url: str) -> Bundle:
    """The good referral, whose clinic has the id `a` and this fullUrl."""
    bundle = with_("entry.0.resource.id", "a")
    moved: Bundle = json.loads(json.dumps(bundle).replace(bundle["entry"][0]["fullUrl"], url))
    return moved


def rule(id_: str, path: str, value: Any, place: str) -> Row:
    return Row(id_, with_(path, value), 422, "business-rule", place)


FIRST_URL = make_bundle()["entry"][0]["fullUrl"]
REFUSED = [
    Row("B-100 the same fullUrl", with_("entry.1.fullUrl", FIRST_URL.upper().replace(
        "URN:UUID", "urn:uuid")), 422, "invariant", "Bundle.entry[1].fullUrl"),
    *(Row(f"B-100 fullUrl of another {what}", at_address(f"https://ehr.example/fhir/{place}"),
          422, "invariant", "Bundle.entry[0].fullUrl")
      for what, place in (("id", "Organization/b"), ("type", "Patient/a"))),
    *(Row(f"B-100 {path} {name}", with_(f"{path}.resource.{name}", NOWHERE),
          422, "not-found", at(path, f"{name}.reference"))
      for path, name in ((REQUEST, "subject"), (REQUEST, "requester"), (TASK, "focus"))),
    Row("B-101 the seventh is invalid", with_("entry.6.resource.gender", "M"),
        422, "code-invalid", "Bundle.entry[6].resource.gender"),
    *(Row(f"B-102 {type_}", {"resourceType": "Bundle", "type": type_},
          422, "not-supported", "Bundle.type") for type_ in ("batch", "collection", "message")),
    *(Row(f"B-102 {method}", with_("entry.14.request.method", method),
          422, "not-supported", "Bundle.entry[14].request.method")
      for method in ("GET", "DELETE", "PATCH")),
    Row("B-102 TRACE", with_("entry.14.request.method", "TRACE"),
        422, "code-invalid", "Bundle.entry[14].request.method"),
    *(Row(f"B-102 {url}", with_("entry.14.request.url", url),
          422, "not-supported", "Bundle.entry[14].request.url")
      for url in ("Patient", "https://elsewhere.example/fhir/ServiceRequest")),
    Row("B-103 two requests", again(14), 422, "business-rule", "Bundle.entry[16].resource"),
    Row("B-103 two patients", again(5), 422, "business-rule", "Bundle.entry[16].resource"),
    Row("B-103 two tasks", again(15), 422, "business-rule", "Bundle.entry[16].resource"),
    Row("B-103 no patient", {**make_bundle(), "entry": [
        entry for n, entry in enumerate(make_bundle()["entry"]) if n != 5
    ]}, 422, "business-rule", "Bundle.entry"),
    Row("B-103 no request", without(make_bundle(), "ServiceRequest", "Task"),
        422, "business-rule", "Bundle.entry"),
    Row("B-104 2,001 entries", more(*[make_bundle()["entry"][8]] * 1_985),
        413, "too-costly", "Bundle.entry"),
    Row("B-104 a message with a wrong focus", {
        "resourceType": "Bundle", "type": "message", "entry": [{
            "fullUrl": FIRST_URL, "resource": {
                "resourceType": "MessageHeader", "eventUri": "https://a.example/e",
                "source": {"endpoint": "https://a.example"}, "focus": [NOWHERE]}}],
    }, 422, "not-supported", "Bundle.type"),
    Row("B-104 a Bundle inside", more({
        "resource": {"resourceType": "Bundle", "type": "transaction"},
        "request": {"method": "POST", "url": "Bundle"},
    }), 422, "not-supported", "Bundle.entry[16].resource"),
    Row("B-106 NPI check digit", with_("entry.0.resource.identifier.0.value", "1234567890"),
        422, "invariant", "Bundle.entry[0].resource.identifier[0].value"),
    rule("B-140 another service", f"{REQUEST}.resource.code", OTHER_SERVICE, at(REQUEST, "code")),
    rule("B-140 another performer", f"{REQUEST}.resource.performer", [ELSEWHERE],
         at(REQUEST, "performer")),
    rule("B-140 another owner", f"{TASK}.resource.owner", CLINIC, at(TASK, "owner")),
    Row("B-140 an unknown requester", with_(f"{REQUEST}.resource.requester", ELSEWHERE),
        422, "not-found", at(REQUEST, "requester.identifier")),
    rule("B-140 no number", f"{REQUEST}.resource.identifier", ..., at(REQUEST, "identifier")),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=str)
async def test_what_is_refused(rows: tuple[Office, Hub], row: Row) -> None:
    office, hub = rows
    before = await office.count("youth"), await office.count("event"), await office.count("mirror")

    answer = await send(office, hub, row)

    assert answer.status_code == row.status, answer.text
    assert (row.code, row.at) in said(answer)
    after = await office.count("youth"), await office.count("event"), await office.count("mirror")
    assert after == before


async def test_b100_a_full_url_that_names_its_resource_is_fine(rows: tuple[Office, Hub]) -> None:
    bundle = at_address("https://ehr.example/fhir/Organization/a")

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200, answer.text


async def test_b100_what_dangles_elsewhere_is_a_warning(rows: tuple[Office, Hub]) -> None:
    bundle = another_child(entry__14__resource__reasonReference=[NOWHERE])

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200
    assert ("warning", "not-found") in told(answer, 14)


async def test_b100_a_circle_of_references_is_legal(rows: tuple[Office, Hub]) -> None:
    bundle = another_child()
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    bundle["entry"][14]["resource"]["supportingInfo"] = [{"reference": urls[15]}]
    assert bundle["entry"][15]["resource"]["focus"] == {"reference": urls[14]}

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200, answer.text


async def test_b103_the_task_of_another_child_is_refused(rows: tuple[Office, Hub]) -> None:
    known = await refer(rows[1], another_child())
    about = {"reference": f"Patient/{known.youth_id}"}

    answer = await rows[1].refer(another_child(**{"entry__15__resource__for": about}))

    assert answer.status_code == 422
    assert ("business-rule", at(TASK, "for")) in said(answer)


async def test_b103_the_coverage_of_another_child_is_refused(rows: tuple[Office, Hub]) -> None:
    known = await refer(rows[1], another_child())
    beneficiary = {"reference": f"Patient/{known.youth_id}"}

    answer = await rows[1].refer(another_child(entry__7__resource__beneficiary=beneficiary))

    assert answer.status_code == 422
    assert ("business-rule", at(COVERAGE, "beneficiary")) in said(answer)


# --- B-105: a number that is known ---------------------------------------------------------------


async def test_b105_the_same_again_changes_nothing(rows: tuple[Office, Hub]) -> None:
    bundle = another_child()
    first = await rows[1].refer(bundle)
    events = await rows[0].count("event")

    second = await rows[1].refer(bundle)

    assert second.status_code == 200
    assert located(second.json(), "ServiceRequest") == located(first.json(), "ServiceRequest")
    assert await rows[0].count("event") == events


async def test_b105_other_content_is_kept_out_and_told_how_to_come(
    rows: tuple[Office, Hub],
) -> None:
    bundle = another_child()
    await rows[1].refer(bundle)
    other = with_(f"{REQUEST}.resource.priority", "urgent", bundle)
    plain = copy.deepcopy(other)
    for entry in plain["entry"]:
        entry["request"].pop("ifNoneExist", None)

    only_if_new, refused = [await rows[1].refer(sent) for sent in (other, plain)]

    assert only_if_new.status_code == 200
    assert ("warning", "conflict") in told(only_if_new, 14)
    assert (refused.status_code, said(refused)) == (
        409,
        [("conflict", at(REQUEST, "identifier"))],
    )
    assert all("PUT ServiceRequest?identifier" in answer.text for answer in (only_if_new, refused))


def updating(bundle: Bundle, **request: Any) -> Bundle:
    """The same as an amendment: its ServiceRequest is put by its number."""
    number = bundle["entry"][14]["resource"]["identifier"][0]
    url = f"ServiceRequest?identifier={number['system']}|{number['value']}"
    return with_(f"{REQUEST}.request", {"method": "PUT", "url": url, **request}, bundle)


async def test_b105_a_put_of_the_same_changes_nothing(rows: tuple[Office, Hub]) -> None:
    office, hub = rows
    bundle = another_child()
    first = await hub.refer(bundle)
    before = await office.count("event"), await office.count("mirror")

    again = await hub.refer(updating(bundle))

    assert again.status_code == 200, again.text
    assert again.json()["entry"][14]["response"]["etag"] == 'W/"1"'
    assert located(again.json(), "Task") == located(first.json(), "Task")
    assert (await office.count("event"), await office.count("mirror")) == before


async def test_b105_a_conditional_put_of_other_content_is_the_next_version_of_the_same_task(
    rows: tuple[Office, Hub],
) -> None:
    bundle = another_child()
    first = await rows[1].refer(bundle)

    amended = await rows[1].refer(updating(with_(f"{REQUEST}.resource.priority", "urgent", bundle)))

    assert amended.status_code == 200, amended.text
    assert amended.json()["entry"][14]["response"]["etag"] == 'W/"2"'
    assert located(amended.json(), "Task") == located(first.json(), "Task")


async def test_b105_a_put_on_a_stale_version_changes_nothing(rows: tuple[Office, Hub]) -> None:
    office, hub = rows
    bundle = another_child()
    await hub.refer(bundle)
    before = await office.count("event"), await office.count("mirror")
    other = with_(f"{REQUEST}.resource.priority", "urgent", bundle)

    answer = await hub.refer(updating(other, ifMatch='W/"7"'))

    assert (answer.status_code, said(answer)[0][0]) == (412, "conflict")
    assert (await office.count("event"), await office.count("mirror")) == before


async def test_b105_an_update_makes_the_next_version_of_the_same(rows: tuple[Office, Hub]) -> None:
    """Alone, by its number; with a stale If-Match it changes nothing."""
    bundle = another_child()
    first = (await rows[1].refer(bundle)).json()
    coverage = {**bundle["entry"][7]["resource"], "order": 2}
    coverage["beneficiary"] = {"reference": located(first, "Patient")}
    coverage["payor"] = [{"display": "MassHealth"}]
    path, _ = as_update(bundle, "Coverage")

    stale = await rows[1].send("PUT", path, coverage, if_match='W/"9"')
    changed = await rows[1].send("PUT", path, coverage, if_match='W/"1"')
    same = await rows[1].send("PUT", path, coverage)

    assert (stale.status_code, said(stale)[0][0]) == (412, "conflict")
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert (same.status_code, same.headers["etag"]) == (200, 'W/"2"')


# --- B-106: what is said of a hub ----------------------------------------------------------------


def ended(bundle: Bundle) -> Bundle:
    period = {"start": "2026-01-01", "end": "2026-06-30"}
    return with_("entry.12.resource.period", period, bundle)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        pytest.param(
            lambda b: without(with_("entry.11.resource.category", ..., b), "EpisodeOfCare"),
            "incomplete",
            id="B-106 nothing said",
        ),
        pytest.param(ended, "ineligible", id="B-106 ended"),
        pytest.param(
            lambda b: with_("entry.12.resource.period", {"start": "2027-01-01"}, b),
            "ineligible",
            id="B-106 not begun",
        ),
        pytest.param(
            lambda b: json.loads(
                json.dumps(without(b, "CarePlan")).replace(
                    '"code": "in-home-therapy", "display": "In-Home Therapy"',
                    '"code": "therapeutic-mentoring", "display": "Therapeutic Mentoring"',
                )
            ),
            "ineligible",
            id="B-106 TM itself",
        ),
    ],
)
async def test_b106_a_hub_service_that_does_not_hold_is_never_a_refusal(
    rows: tuple[Office, Hub], change: Any, state: str
) -> None:
    answer = await rows[1].refer(change(another_child()))

    assert answer.status_code == 200, answer.text
    assert await rows[0].state(located(answer.json(), "ServiceRequest").split("/")[1]) == state
    task = (await rows[1].read(located(answer.json(), "Task"))).json()
    shown = {"ineligible": "eligibility-problem", "incomplete": "awaiting-information"}[state]
    assert task["businessStatus"]["coding"][0]["code"] == shown


async def test_b106_an_unknown_npi_is_a_warning(rows: tuple[Office, Hub]) -> None:
    bundle = another_child()
    clinic = copy.deepcopy(bundle["entry"][0])
    clinic["fullUrl"] = NOWHERE["reference"]
    clinic["resource"]["identifier"][0]["value"] = "1000000004"
    clinic["request"].pop("ifNoneExist")
    bundle["entry"].append(clinic)

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200
    assert ("warning", "informational") in told(answer, 16)


# --- B-140, B-141 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("code", {"text": "Therapeutic Mentoring"}, id="B-140 words alone"),
        pytest.param("performer", ..., id="B-140 nobody named"),
        pytest.param("requester", ..., id="B-140 no requester"),
    ],
)
async def test_b140_what_is_not_said_is_kept(
    rows: tuple[Office, Hub], path: str, value: Any
) -> None:
    answer = await rows[1].refer(with_(f"{REQUEST}.resource.{path}", value, another_child()))

    assert answer.status_code == 200, answer.text


async def test_b140_the_address_at_which_a_hub_keeps_its_request_is_as_good_as_a_number(
    rows: tuple[Office, Hub],
) -> None:
    _, hub = rows
    bundle = another_child(entry__14__resource__identifier=...)
    urn = bundle["entry"][14]["fullUrl"]
    url = f"https://ehr.riverbend.example/fhir/ServiceRequest/{uuid4()}"
    bundle = json.loads(json.dumps(bundle).replace(urn, url))
    for entry in bundle["entry"]:
        entry["request"].pop("ifNoneExist", None)

    first, again = await hub.refer(bundle), await hub.refer(bundle)

    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert located(first.json(), "ServiceRequest") == located(again.json(), "ServiceRequest")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"status": "accepted"}, "Task.status", id="B-141 accept"),
        pytest.param({"priority": "stat"}, "Task.priority", id="B-141 priority"),
        pytest.param({"owner": {"display": "x"}}, "Task.owner", id="B-141 owner"),
    ],
)
async def test_b141_a_hub_changes_of_a_task_what_is_its_own(
    rows: tuple[Office, Hub], change: dict[str, Any], place: str
) -> None:
    known = await refer(rows[1], another_child())
    task = (await rows[1].read(f"Task/{known.task_id}")).json()
    headers = {"if_match": f'W/"{task["meta"]["versionId"]}"'}

    answer = await rows[1].send("PUT", f"/fhir/Task/{known.task_id}", task | change, **headers)

    assert answer.status_code == 422
    assert ("business-rule", place) in said(answer)


async def test_b140_the_requester_of_another_client_is_refused(rows: tuple[Office, Hub]) -> None:
    await rows[0].hub("1000000046", "Another hub")
    requester = {"identifier": {"system": NPI, "value": "1000000046"}}

    answer = await rows[1].refer(another_child(entry__14__resource__requester=requester))

    assert answer.status_code == 422
    assert ("business-rule", at(REQUEST, "requester")) in said(answer)


async def test_b141_a_note_keeps_its_digits(rows: tuple[Office, Hub]) -> None:
    known = await refer(rows[1], another_child())
    task = (await rows[1].read(f"Task/{known.task_id}")).json()
    extension = [{"url": "https://x.example/a", "valueDecimal": "NUMBER"}]
    note = [{"text": "Please call after four.", "extension": extension}]
    body = json.dumps({**task, "note": note}).replace('"NUMBER"', "1.00").encode()
    headers = {"if_match": f'W/"{task["meta"]["versionId"]}"'}

    answer = await rows[1].send("PUT", f"/fhir/Task/{known.task_id}", body, **headers)

    assert answer.status_code == 200, answer.text
