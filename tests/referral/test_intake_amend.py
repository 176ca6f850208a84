"""Amendments: the table of FHIR §7.1."""

import json
from typing import Any

import pytest

from contracts.codes import Gap
from contracts.events import (
    HubDisengaged,
    HubPlanUpdated,
    ReferralAmended,
    ReferralReceived,
    ReferralWithdrawn,
)
from tests.referral.bundles import (
    Resource,
    as_update,
    entry_of,
    make_bundle,
    of,
    without,
)
from tests.referral.rig import Hub, Rig, example, issues, located

REQUEST = (
    "/fhir/ServiceRequest?identifier=https://ehr.riverbend.example/ids/referral|REF-2026-11-0042"
)


async def request_of(hub: Hub, bundle: dict[str, Any]) -> Resource:
    """The ServiceRequest as its hub reads it, which is what it may send back."""
    found: Resource = (await hub.read(located(bundle, "ServiceRequest"))).json()
    return found


async def test_the_amendment_of_sample_28_drops_a_goal_and_brings_papers(
    rig: Rig, hub: Hub
) -> None:
    first = await hub.refer(example("01"))
    (before,) = await rig.told(HubPlanUpdated)

    answer = await hub.refer(example("28"))

    assert answer.status_code == 200, answer.json()
    assert [e["response"]["status"] for e in answer.json()["entry"]] == [
        *("200 OK", "201 Created", "201 Created", "200 OK")
    ]
    assert located(answer.json(), "ServiceRequest") == located(first.json(), "ServiceRequest")
    (amended,) = await rig.told(ReferralAmended)
    assert amended.version == 2
    assert set(amended.changed_fields) == {"plan", "documents"}
    after = (await rig.told(HubPlanUpdated))[1]
    assert after.version == 2
    assert [goal.goal_id for goal in after.goals] == [before.goals[0].goal_id]
    assert await rig.count("task") == 1
    remaining = await rig.pool.fetchval("SELECT open_items FROM referral")
    assert remaining == ["consent-treatment", "consent-roi-hub"]


async def test_an_amendment_sent_twice_changes_nothing_the_second_time(rig: Rig, hub: Hub) -> None:
    await hub.refer(example("01"))
    await hub.refer(example("28"))
    told = await rig.told()

    again = await hub.refer(example("28"))

    assert [e["response"]["status"] for e in again.json()["entry"]] == ["200 OK"] * 4
    assert await rig.told() == told
    assert await rig.count("submission") == 2


async def test_the_first_content_posted_after_an_amendment_is_other_content(
    rig: Rig, hub: Hub
) -> None:
    bundle = make_bundle(only_if_new=False)
    await hub.refer(bundle)
    await hub.refer(example("28"))

    assert (await hub.refer(bundle)).status_code == 409


async def test_a_missing_goal_comes_by_put_and_the_day_of_receipt_stays(rig: Rig, hub: Hub) -> None:
    """S3 up to gate 1's question to the payer."""
    bundle = make_bundle()
    assigned = of(bundle, "ServiceRequest").pop("extension")
    first = await hub.refer(bundle)
    (received,) = await rig.told(ReferralReceived)
    assert received.gaps == (Gap.TM_GOAL,)
    goal = located(first.json(), "Goal")
    request = await request_of(hub, first.json())
    request["extension"] = [{**assigned[0], "valueReference": {"reference": goal}}]
    rig.clock.at = rig.clock.at.replace(day=12)

    answer = await hub.send("PUT", REQUEST, request)

    assert answer.status_code == 200, answer.json()
    assert answer.headers["etag"] == 'W/"2"'
    (amended,) = await rig.told(ReferralAmended)
    assert (amended.gaps, amended.received_on) == ((), received.received_on)
    assert await rig.pool.fetchval("SELECT state FROM referral") == "pending_eligibility"


async def test_a_put_of_an_unknown_referral_is_a_first_receipt(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    entry_of(bundle, "ServiceRequest")["request"] = {
        "method": "PUT",
        "url": REQUEST.removeprefix("/fhir/"),
    }

    answer = await hub.refer(bundle)

    assert answer.json()["entry"][14]["response"]["status"] == "201 Created"
    assert len(await rig.told(ReferralReceived)) == 1


@pytest.mark.parametrize(
    ("type_", "changes", "field"),
    [
        ("CarePlan", {"title": "Another title"}, "plan"),
        ("Goal", {"description": {"text": "Other words"}}, "plan"),
        ("EpisodeOfCare", {"status": "active", "period": {"start": "2026-09-01"}}, "hubs"),
        ("Coverage", {"subscriberId": "100023456788"}, "coverages"),
        ("Patient", {"birthDate": "2013-03-10"}, "youth"),
    ],
)
async def test_what_belongs_to_a_referral_is_amended_alone(
    rig: Rig, hub: Hub, type_: str, changes: dict[str, Any], field: str
) -> None:
    first = await hub.refer(make_bundle())
    resource = (await hub.read(located(first.json(), type_))).json() | changes
    path, _ = as_update(make_bundle(), type_)

    answer = await hub.send("PUT", path, resource)

    assert answer.status_code == 200, answer.json()
    (amended,) = await rig.told(ReferralAmended)
    assert amended.changed_fields == (field,)
    assert len(await rig.told(HubPlanUpdated)) == (2 if field == "plan" else 1)
    shown = (await hub.read(located(first.json(), type_))).json()
    assert shown["meta"]["versionId"] == "2"
    assert all(shown[name] == value for name, value in changes.items())


async def test_the_same_resource_put_alone_changes_nothing(rig: Rig, hub: Hub) -> None:
    first = await hub.refer(make_bundle())
    resource = (await hub.read(located(first.json(), "Goal"))).json()
    path, _ = as_update(make_bundle(), "Goal")

    answer = await hub.send("PUT", path, resource)

    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')
    assert await rig.told(ReferralAmended) == []


async def test_an_update_of_something_never_sent_is_refused(rig: Rig, hub: Hub) -> None:
    await hub.refer(make_bundle())
    other = await rig.hub("1000000491", "Lakeside")
    path, plan = as_update(make_bundle(), "CarePlan")
    plan["subject"] = {"identifier": {"system": "https://x.example", "value": "1"}}
    for name in ("goal", "author", "addresses"):
        plan.pop(name)

    answer = await other.send("PUT", path, plan)

    assert answer.status_code == 422
    assert issues(answer)[0][:2] == ("error", "not-found")


@pytest.mark.parametrize(
    ("version", "status"), [('W/"1"', 200), ('"1"', 200), ('W/"7"', 412), ('W/"x', 400)]
)
async def test_if_match_guards_against_stale_amendments(
    rig: Rig, hub: Hub, version: str, status: int
) -> None:
    first = await hub.refer(make_bundle())
    request = await request_of(hub, first.json()) | {"priority": "urgent"}

    answer = await hub.send("PUT", REQUEST, request, if_match=version)

    assert answer.status_code == status
    assert len(await rig.told(ReferralAmended)) == (1 if status == 200 else 0)
    if status == 412:
        assert issues(answer) == [("error", "conflict", "ServiceRequest.meta.versionId")]


async def test_if_match_in_a_transaction_rolls_all_of_it_back(rig: Rig, hub: Hub) -> None:
    await hub.refer(example("01"))
    bundle = example("28")
    bundle["entry"][3]["request"]["ifMatch"] = 'W/"2"'

    answer = await hub.refer(bundle)

    assert answer.status_code == 412
    assert issues(answer) == [("error", "conflict", "Bundle.entry[3].resource.meta.versionId")]
    assert await rig.told(ReferralAmended) == []


async def test_a_body_with_another_number_than_the_put_is_refused(rig: Rig, hub: Hub) -> None:
    first = await hub.refer(make_bundle())
    request = await request_of(hub, first.json())
    request["identifier"][0]["value"] = "REF-OTHER"

    answer = await hub.send("PUT", REQUEST, request)

    assert answer.status_code == 422
    assert ("error", "business-rule", "ServiceRequest.identifier") in issues(answer)


async def test_a_revoked_request_is_a_withdrawal(rig: Rig, hub: Hub) -> None:
    first = await hub.refer(make_bundle())
    request = await request_of(hub, first.json()) | {"status": "revoked"}

    answer = await hub.send("PUT", REQUEST, request)

    assert answer.status_code == 200
    assert len(await rig.told(ReferralWithdrawn)) == 1


async def test_an_amendment_of_an_ended_referral_is_kept_for_a_person(rig: Rig, hub: Hub) -> None:
    first = await hub.refer(make_bundle())
    request = await request_of(hub, first.json())
    await hub.send("PUT", REQUEST, request | {"status": "revoked"})
    told = await rig.told()

    answer = await hub.send("PUT", REQUEST, request | {"status": "revoked", "priority": "asap"})

    assert answer.status_code == 200
    assert await rig.told() == told
    assert await rig.count("submission") == 3
    assert "changed-after-end" in await kinds_of_items(rig)


async def kinds_of_items(rig: Rig) -> list[str]:
    rows = await rig.pool.fetch("SELECT kind FROM work_item WHERE closed_at IS NULL")
    return [row["kind"] for row in rows]


async def test_a_request_on_hold_is_for_a_person(rig: Rig, hub: Hub) -> None:
    first = await hub.refer(make_bundle())
    request = await request_of(hub, first.json()) | {"status": "on-hold"}

    await hub.send("PUT", REQUEST, request)

    assert "request-status-changed" in await kinds_of_items(rig)
    assert await rig.told(ReferralWithdrawn) == []


async def test_a_hub_service_that_ends_is_told_with_its_first_day_without(
    rig: Rig, hub: Hub
) -> None:
    first = await hub.refer(make_bundle())
    episode = (await hub.read(located(first.json(), "EpisodeOfCare"))).json()
    episode |= {"status": "finished", "period": {"start": "2026-08-20", "end": "2026-11-06"}}
    path, _ = as_update(make_bundle(), "EpisodeOfCare")

    await hub.send("PUT", path, episode)

    (disengaged,) = await rig.told(HubDisengaged)
    assert disengaged.effective.isoformat() == "2026-11-07"
    assert disengaged.organisation_id == hub.organisation_id


async def test_two_children_of_one_hub_are_told_apart_in_a_condition(rig: Rig, hub: Hub) -> None:
    """Goals of two children under one number: whose is meant cannot be told."""
    await hub.refer(make_bundle())
    await hub.refer(make_bundle(number="REF-2", mrn="RB-2", member="100000000002"))
    path, goal = as_update(make_bundle(), "Goal")
    goal["subject"] = {"reference": "Patient?identifier=https://ehr.riverbend.example/ids/mrn|RB-2"}
    goal.pop("expressedBy")

    answer = await hub.send("PUT", path, goal)

    assert answer.status_code == 412
    assert issues(answer)[0][:2] == ("error", "duplicate")
    assert await rig.told(ReferralAmended) == []


async def test_the_goals_of_another_child_are_never_taken_for_this_ones(rig: Rig, hub: Hub) -> None:
    one = await hub.refer(make_bundle())
    two = await hub.refer(make_bundle(number="REF-2", mrn="RB-2", member="100000000002"))

    assert located(one.json(), "Goal") != located(two.json(), "Goal")
    assert located(one.json(), "Coverage") != located(two.json(), "Coverage")
    assert located(one.json(), "Practitioner") == located(two.json(), "Practitioner")


async def test_naming_another_child_gives_no_hold_on_what_is_its(rig: Rig, hub: Hub) -> None:
    one = await hub.refer(make_bundle())
    bundle = make_bundle(number="REF-2", mrn="RB-2", member="100000000002")
    of(bundle, "Practitioner")["extension"] = [
        {
            "url": "https://ehr.riverbend.example/sibling",
            "valueReference": {"reference": located(one.json(), "Patient")},
        }
    ]

    two = await hub.refer(bundle)

    assert two.status_code == 200, two.json()
    for type_ in ("Patient", "Goal", "CarePlan", "EpisodeOfCare"):
        assert located(one.json(), type_) != located(two.json(), type_)


async def test_a_request_cannot_lean_on_another_childs_coverage(rig: Rig, hub: Hub) -> None:
    one = await hub.refer(make_bundle())
    bundle = without(make_bundle(number="REF-2", mrn="RB-2", member="100000000002"), "Coverage")
    of(bundle, "ServiceRequest")["insurance"] = [{"reference": located(one.json(), "Coverage")}]

    await hub.refer(bundle)

    assert (await rig.told(ReferralReceived))[1].gaps == (Gap.COVERAGE,)


async def test_a_condition_that_finds_a_child_of_another_number_is_a_conflict(
    rig: Rig, hub: Hub
) -> None:
    await hub.refer(make_bundle())
    bundle = make_bundle(number="REF-2", mrn="RB-2", member="100000000002")
    entry_of(bundle, "Patient")["request"]["ifNoneExist"] = (
        "identifier=https://ehr.riverbend.example/ids/mrn|RB-204417"
    )

    answer = await hub.refer(bundle)

    assert answer.status_code == 412
    assert await rig.count("referral") == 1


async def test_a_second_number_for_the_task_is_a_conflict(rig: Rig, hub: Hub) -> None:
    await hub.refer(make_bundle())
    bundle = json.loads(json.dumps(make_bundle()).replace("T-90417", "T-OTHER"))
    entry_of(bundle, "ServiceRequest")["request"] = {
        "method": "PUT",
        "url": REQUEST.removeprefix("/fhir/"),
    }

    answer = await hub.refer(bundle)

    assert answer.status_code == 409
    assert issues(answer) == [("error", "conflict", "Bundle.entry[15].resource.identifier")]


async def test_a_second_referral_of_a_child_keeps_the_child_and_brings_its_news(
    rig: Rig, hub: Hub
) -> None:
    first = await hub.refer(make_bundle())
    bundle = make_bundle(number="REF-2", only_if_new=False)
    of(bundle, "Patient")["address"][0]["city"] = "Chicopee"

    second = await hub.refer(bundle)

    assert located(first.json(), "Patient") == located(second.json(), "Patient")
    assert (await rig.told(ReferralReceived))[1].area == "chicopee"
    assert await rig.count("youth") == 1
