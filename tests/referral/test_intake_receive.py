"""A first receipt: what is answered, told and kept."""

import asyncio
import hashlib
import json
from uuid import UUID

from contracts.events import (
    HubEngaged,
    HubPlanUpdated,
    ReferralReceived,
    ReferralStatusChanged,
)
from tests.referral.bundles import alone, entry_of, make_bundle, of, reexported, without
from tests.referral.rig import Hub, Rig, example, issues, located


async def test_the_good_referral_is_answered_as_sample_27(rig: Rig, hub: Hub) -> None:
    answer = await hub.refer(example("01"))

    assert answer.status_code == 200
    assert normalised(answer.json()) == normalised(example("27"))


def normalised(bundle: dict[str, object]) -> dict[str, object]:
    """The same with ids by place in the Bundle, and without times."""
    again: dict[str, object] = json.loads(json.dumps(bundle))
    for n, entry in enumerate(again["entry"]):  # type: ignore[arg-type,var-annotated]
        response = entry["response"]
        type_, id_, *version = response["location"].split("/")
        kind = "h-" if id_.startswith("h-") else ""
        response["location"] = "/".join([type_, f"{kind}{n}", *version])
        response["lastModified"] = "some time"
    return again


async def test_a_receipt_tells_of_the_referral_its_hub_and_its_plan(rig: Rig, hub: Hub) -> None:
    answer = await hub.refer(make_bundle())

    received, engaged, plan, task = await rig.told()
    assert isinstance(received, ReferralReceived)
    assert f"ServiceRequest/{received.referral_id}" == located(answer.json(), "ServiceRequest")
    assert f"Patient/{received.youth_id}" == located(answer.json(), "Patient")
    assert received.languages == ("es", "en")
    assert received.area == "holyoke"
    assert not received.gaps
    assert isinstance(engaged, HubEngaged)
    assert engaged.organisation_id == hub.organisation_id
    assert isinstance(plan, HubPlanUpdated)
    assert [goal.tm_assigned for goal in plan.goals] == [True, True]
    assert isinstance(task, ReferralStatusChanged)
    assert f"Task/{task.task_id}" == located(answer.json(), "Task")


async def test_the_received_bytes_are_the_record(rig: Rig, hub: Hub) -> None:
    body = json.dumps(make_bundle(), indent=3).encode()

    await hub.refer(body)

    row = await rig.pool.fetchrow("SELECT bytes, sha256, version FROM submission")
    assert row is not None
    assert (row["bytes"], row["sha256"]) == (body, hashlib.sha256(body).digest())
    assert row["version"] == 1


async def test_fifty_identical_requests_at_once_make_one_referral(rig: Rig, hub: Hub) -> None:
    answers = await asyncio.gather(*(hub.insist(make_bundle()) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    places = {located(answer.json(), "ServiceRequest") for answer in answers}
    assert len(places) == 1
    statuses = [entry_status(answer.json(), "ServiceRequest") for answer in answers]
    assert sorted(statuses) == ["200 OK"] * 49 + ["201 Created"]
    assert len(await rig.told(ReferralReceived)) == 1
    assert await rig.count("youth") == 1


def entry_status(bundle: dict[str, object], type_: str) -> str:
    place = located(bundle, type_)
    for entry in bundle["entry"]:  # type: ignore[attr-defined]
        if entry["response"].get("location", "").startswith(place):
            status: str = entry["response"]["status"]
            return status
    raise AssertionError(type_)


async def test_two_referrals_of_one_new_child_at_once_make_one_youth(rig: Rig, hub: Hub) -> None:
    bundles = [make_bundle(number=f"REF-{n}") for n in range(6)]

    answers = await asyncio.gather(*map(hub.insist, bundles))

    assert {answer.status_code for answer in answers} == {200}
    assert len({located(answer.json(), "Patient") for answer in answers}) == 1
    assert (await rig.count("youth"), await rig.count("referral")) == (1, 6)


async def test_first_referrals_at_once_make_one_mirror_of_the_clinician_whom_all_name(
    rig: Rig, hub: Hub
) -> None:
    """Two mirrors of one number would refuse every later referral: which is meant? (412)."""
    bundles = [make_bundle(number=f"REF-{n}", mrn=f"MRN-{n}") for n in range(6)]

    answers = await asyncio.gather(*map(hub.insist, bundles))
    later = await hub.refer(make_bundle(number="REF-9", mrn="MRN-9"))

    assert {answer.status_code for answer in (*answers, later)} == {200}
    assert await rig.count("mirror WHERE type = 'Practitioner'") == 1


async def test_the_same_content_exported_anew_changes_nothing(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle(only_if_new=False)
    first = await hub.refer(bundle)
    told = await rig.told()

    again = await hub.refer(reexported(bundle))

    assert again.status_code == 200, again.json()
    assert {e["response"]["status"] for e in again.json()["entry"]} == {"200 OK"}
    for type_ in ("ServiceRequest", "Patient", "Task", "CarePlan", "Condition"):
        assert located(again.json(), type_) == located(first.json(), type_)
    assert await rig.told() == told
    assert await rig.count("submission") == 1


async def test_a_repeat_is_known_though_a_sibling_brought_a_newer_clinician(
    rig: Rig, hub: Hub
) -> None:
    first = make_bundle(only_if_new=False)
    sibling = make_bundle(number="REF-2", mrn="RB-2", member="100000000002", only_if_new=False)
    of(sibling, "Practitioner")["telecom"][0]["value"] = "+1-413-555-0999"
    await hub.refer(first)
    await hub.refer(sibling)

    again = await hub.refer(first)

    assert again.status_code == 200, again.json()


async def test_known_with_other_content_is_a_conflict_that_names_the_put(
    rig: Rig, hub: Hub
) -> None:
    bundle = make_bundle(only_if_new=False)
    await hub.refer(bundle)
    told = await rig.told()
    of(bundle, "ServiceRequest")["priority"] = "urgent"

    answer = await hub.refer(bundle)

    assert answer.status_code == 409
    (sent,) = answer.json()["issue"]
    (sample,) = example("34")["issue"]
    assert sent == {**sample, "expression": ["Bundle.entry[14].resource.identifier"]}
    assert await rig.told() == told


async def test_known_with_other_content_and_if_none_exist_is_left_with_a_warning(
    rig: Rig, hub: Hub
) -> None:
    bundle = make_bundle()
    await hub.refer(bundle)
    told = await rig.told()
    of(bundle, "CarePlan")["title"] = "Another plan"

    answer = await hub.refer(bundle)

    assert answer.status_code == 200
    warned = [n for n, e in enumerate(answer.json()["entry"]) if has_warning(e["response"])]
    assert warned == [bundle["entry"].index(entry_of(bundle, "CarePlan"))]
    assert await rig.told() == told


def has_warning(response: dict[str, object]) -> bool:
    outcome = response.get("outcome", {"issue": []})
    return any(i["severity"] == "warning" for i in outcome["issue"])  # type: ignore[index]


async def test_two_hubs_may_use_the_same_numbers(rig: Rig, hub: Hub) -> None:
    other = await rig.hub("1000000491", "Lakeside")

    mine = await hub.refer(make_bundle())
    theirs = await other.refer(make_bundle(npi="1000000491"))

    assert theirs.status_code == 200, theirs.json()
    assert located(mine.json(), "Patient") != located(theirs.json(), "Patient")
    assert await rig.count("referral") == 2


async def test_a_request_alone_brings_its_child_contained(rig: Rig, hub: Hub) -> None:
    answer = await hub.send("POST", "/fhir/ServiceRequest", alone(make_bundle()))

    assert answer.status_code == 201, answer.json()
    shown = answer.json()
    assert shown["subject"]["reference"].startswith("Patient/")
    assert (await hub.read(shown["subject"]["reference"])).status_code == 200
    (received,) = await rig.told(ReferralReceived)
    assert not received.gaps
    assert answer.headers["location"].endswith(f"ServiceRequest/{received.referral_id}/_history/1")
    assert await rig.count("task") == 1


async def test_a_request_alone_names_a_known_child_by_its_number(rig: Rig, hub: Hub) -> None:
    await hub.refer(make_bundle())
    request = of(without(make_bundle(number="REF-2"), "Patient"), "ServiceRequest")
    bare = {k: v for k, v in request.items() if k in ("resourceType", "status", "intent", "code")}
    numbers = {"identifier": request["identifier"]}
    mrn = {"system": "https://ehr.riverbend.example/ids/mrn", "value": "RB-204417"}

    answer = await hub.send(
        "POST", "/fhir/ServiceRequest", bare | numbers | {"subject": {"identifier": mrn}}
    )

    assert answer.status_code == 201, answer.json()
    assert await rig.count("youth") == 1


async def test_a_child_that_only_another_hub_knows_is_unknown(rig: Rig, hub: Hub) -> None:
    other = await rig.hub("1000000491", "Lakeside")
    await hub.refer(make_bundle())
    request = of(without(make_bundle(), "Patient"), "ServiceRequest")
    bare = {k: v for k, v in request.items() if k in ("resourceType", "status", "intent", "code")}
    mrn = {"system": "https://ehr.riverbend.example/ids/mrn", "value": "RB-204417"}
    body = bare | {"identifier": request["identifier"], "subject": {"identifier": mrn}}

    answer = await other.send("POST", "/fhir/ServiceRequest", body)

    assert answer.status_code == 422
    assert issues(answer)[0] == ("error", "not-found", "ServiceRequest.subject.identifier")


async def test_refused_input_leaves_its_bytes_and_nothing_else(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    of(bundle, "ServiceRequest")["status"] = "draft"
    body = json.dumps(bundle).encode() + b" " * 70_000

    answer = await hub.refer(body)

    assert answer.status_code == 422
    row = await rig.pool.fetchrow("SELECT * FROM intake_reject")
    assert row is not None
    assert (row["status"], row["size"]) == (422, len(body))
    assert row["sha256"] == hashlib.sha256(body).digest()
    assert row["bytes"] == body[:65_536]
    for table in ("youth", "referral", "mirror", "event", "submission"):
        assert await rig.count(table) == 0


async def test_what_is_not_json_is_kept_as_a_reject(rig: Rig, hub: Hub) -> None:
    answer = await hub.refer(b'{"resourceType": "Bundle",')

    assert answer.status_code == 400
    assert await rig.count("intake_reject") == 1


async def test_an_unknown_hub_organisation_is_a_mirror_and_no_directory_entry(
    rig: Rig, hub: Hub
) -> None:
    bundle = make_bundle()
    resource = json.loads(json.dumps(of(bundle, "Organization")))
    resource["identifier"][0]["value"] = "1000000004"
    bundle["entry"].append(
        {
            "fullUrl": "urn:uuid:5b1c9b6e-0000-4000-8000-000000000001",
            "resource": resource,
            "request": {"method": "POST", "url": "Organization"},
        }
    )

    answer = await hub.refer(bundle)

    last = answer.json()["entry"][-1]["response"]
    assert last["location"].startswith("Organization/h-")
    assert [i["severity"] for i in last["outcome"]["issue"]] == ["warning"]
    assert await rig.count("partner_organisation") == 3


async def test_each_entry_needs_its_own_right(rig: Rig, hub: Hub) -> None:
    hub.scope = "system/ServiceRequest.cruds system/Patient.cruds"

    answer = await hub.refer(make_bundle())

    assert answer.status_code == 403
    assert await rig.count("referral") == 0


async def test_events_carry_no_number_name_or_date_of_the_sender(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()

    await hub.refer(bundle)

    told = " ".join(event.model_dump_json() for event in await rig.told())
    for secret in ("Okafor", "Jordan", "2013-03-09", "RB-204417", "1000234", "REF-2026", "G-881"):
        assert secret not in told
    assert UUID(str((await rig.told())[0].youth_id))
