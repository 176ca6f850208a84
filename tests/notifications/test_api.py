"""What a hub may ask of its subscriptions, and what another hub sees of them: nothing."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import PartnerKind
from tests.chassis.waiting import at_once
from tests.notifications.rig import Hub, Rig, goal_added, revoked, session, task_changed, wish

SAMPLE_21 = json.loads(Path("contracts/fhir/examples/21-subscription-r4-backport.json").read_text())


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(i["code"], i.get("expression", [""])[0]) for i in answer.json()["issue"]]


async def test_a_subscription_is_created_and_read_back_without_its_headers(rig: Rig) -> None:
    hub = rig.hub()

    made = await rig.ask(hub, "POST", "Subscription", SAMPLE_21)
    read = await rig.ask(hub, "GET", f"Subscription/{made.json()['id']}")

    assert made.status_code == 201
    assert made.headers["location"].startswith("https://waypost.example/fhir/Subscription/")
    assert made.headers["etag"] == 'W/"1"'
    assert read.json() == made.json()
    assert read.json()["status"] == "requested"
    assert "synthetic-value" not in made.text + read.text


async def test_the_same_wish_again_is_the_same_subscription(rig: Rig) -> None:
    hub = rig.hub()
    asked = wish("referral-progress", hub.endpoint)

    answers = await at_once(*[partial(rig.ask, hub, "POST", "Subscription", asked)] * 5)

    assert sorted(one.status_code for one in answers) == [200, 200, 200, 200, 201]
    assert len({one.json()["id"] for one in answers}) == 1
    await rig.work()
    assert len(hub.log()) == 1


async def test_another_wish_for_the_same_endpoint_is_a_conflict(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribe(hub, "referral-progress")

    other = wish("referral-progress", hub.endpoint, reason="Something else")
    answer = await rig.ask(hub, "POST", "Subscription", other)

    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/$status"), ("GET", "/$events")],
)
async def test_another_hubs_subscription_is_404_as_an_absent_one_is(
    rig: Rig, method: str, path: str
) -> None:
    hub, stranger = rig.hub(), rig.hub()
    id_ = await rig.subscribe(hub, "referral-progress")

    async def seen(asked: UUID) -> tuple[int, Any]:
        body = {**wish("referral-progress", stranger.endpoint), "id": str(asked)}
        answer = await rig.ask(
            stranger, method, f"Subscription/{asked}{path}", body if method == "PUT" else None
        )
        return answer.status_code, answer.json()

    assert await seen(id_) == await seen(uuid4())
    assert (await seen(id_))[0] == 404
    assert (await rig.ask(hub, "GET", f"Subscription/{id_}")).status_code == 200


async def test_another_client_of_the_same_organisation_has_subscriptions_of_its_own(
    rig: Rig,
) -> None:
    hub = rig.hub()
    sister = rig.hub(organisation_id=hub.partner.organisation_id)
    id_ = await rig.subscribe(hub, "referral-progress")

    assert (await rig.ask(sister, "GET", f"Subscription/{id_}")).status_code == 404


async def test_a_search_finds_ones_own_and_no_other(rig: Rig) -> None:
    hub, stranger = rig.hub(), rig.hub()
    await rig.subscribe(stranger, "referral-progress")
    mine = {await rig.subscribe(hub, topic) for topic in ("referral-progress", "care-progress")}

    everything = (await rig.ask(hub, "GET", "Subscription")).json()
    active = (await rig.ask(hub, "GET", "Subscription?status=active")).json()
    page = (await rig.ask(hub, "GET", "Subscription?_count=1")).json()

    assert {UUID(entry["resource"]["id"]) for entry in everything["entry"]} == mine
    assert "entry" not in active
    [link] = [one["url"] for one in page["link"] if one["relation"] == "next"]
    rest = await rig.ask(hub, "GET", link.removeprefix("https://waypost.example/fhir/"))
    both = page["entry"] + rest.json()["entry"]
    assert {UUID(entry["resource"]["id"]) for entry in both} == mine


async def test_a_payer_cannot_subscribe_and_finds_nothing(rig: Rig) -> None:
    payer = rig.hub(kind=PartnerKind.PAYER)

    made = await rig.ask(payer, "POST", "Subscription", wish("care-progress", payer.endpoint))
    read = await rig.ask(payer, "GET", f"Subscription/{uuid4()}")

    assert (made.status_code, read.status_code) == (403, 404)


async def test_a_narrow_token_opens_no_write(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribe(hub, "care-progress")
    narrow = frozenset({"system/Subscription.rs"})
    rig.partners[hub.name] = replace(hub.partner, scopes=narrow)

    asked = wish("referral-progress", hub.endpoint)
    answers = [
        await rig.ask(hub, "POST", "Subscription", asked),
        await rig.ask(hub, "PUT", f"Subscription/{id_}", {**asked, "id": str(id_)}),
        await rig.ask(hub, "DELETE", f"Subscription/{id_}"),
        await rig.ask(hub, "GET", f"Subscription/{id_}"),
    ]

    assert [one.status_code for one in answers] == [403, 403, 403, 200]


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("https://10.0.0.8/hook", "security"),
        ("https://good.example@evil.example/hook", "security"),
        ("http://ehr.riverbend.example/hook", "security"),
        ("adfdf", "business-rule"),
        ("javascript:alert(1)", "business-rule"),
    ],
)
async def test_an_endpoint_that_we_must_not_call_is_refused_without_an_echo(
    rig: Rig, endpoint: str, code: str
) -> None:
    hub = rig.hub()

    answer = await rig.ask(hub, "POST", "Subscription", wish("care-progress", endpoint))

    assert answer.status_code == 422
    assert codes(answer) == [(code, "Subscription.channel.endpoint")]
    assert endpoint not in answer.text
    assert await rig.pool.fetchval("SELECT count(*) FROM subscription") == 0


async def test_a_name_that_leads_inside_is_refused_when_it_is_named(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["10.0.0.8"]

    monkeypatch.setattr("services.notifications.partners.hooks.resolve", inside)
    hub = rig.hub()

    asked = wish("care-progress", "https://ehr.riverbend.example/hook")
    answer = await rig.ask(hub, "POST", "Subscription", asked)

    assert answer.status_code == 422
    assert codes(answer) == [("security", "Subscription.channel.endpoint")]


async def test_loopback_is_refused_where_no_setting_allows_it(rig: Rig) -> None:
    rig.settings.allow_loopback_endpoints = False
    hub = rig.hub()

    answer = await rig.ask(hub, "POST", "Subscription", wish("care-progress", hub.endpoint))

    assert codes(answer) == [("security", "Subscription.channel.endpoint")]


async def test_what_is_no_subscription_is_refused_by_the_guard(rig: Rig) -> None:
    hub = rig.hub()

    other = await rig.ask(hub, "POST", "Subscription", {"resourceType": "Patient"})
    empty = await rig.ask(hub, "POST", "Subscription", {"resourceType": "Subscription"})

    assert (other.status_code, empty.status_code) == (400, 400)
    assert ("required", "Subscription.channel") in codes(empty)


async def put(rig: Rig, hub: Hub, id_: UUID, asked: dict[str, Any], **headers: str) -> Any:
    return await rig.ask(hub, "PUT", f"Subscription/{id_}", {**asked, "id": str(id_)}, **headers)


async def test_a_change_is_greeted_anew_and_the_numbers_go_on(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    await rig.hear(task_changed(child, 1))
    await rig.work()

    changed = wish("referral-progress", hub.endpoint, reason="Another")
    answer = await put(rig, hub, id_, changed)
    await rig.hear(task_changed(child, 2))
    await rig.work()

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("requested", "Another")
    assert [one["type"] for one in hub.log()] == ["handshake", "event-notification"] * 2
    assert hub.numbers() == [1, 2]


async def test_a_change_that_would_say_the_same_twice_is_a_conflict(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    id_ = await rig.subscribed(hub, "care-progress")

    answer = await put(rig, hub, id_, wish("referral-progress", hub.endpoint))

    assert answer.status_code == 409


async def test_changes_at_once_are_taken_one_after_the_other(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "care-progress")
    asked = wish("care-progress", hub.endpoint, reason="Another")

    answers = await at_once(*[partial(put, rig, hub, id_, asked)] * 4)

    assert [one.status_code for one in answers] == [200] * 4
    assert sorted(one.json()["meta"]["versionId"] for one in answers) == ["3", "4", "5", "6"]


async def test_a_change_to_a_version_that_has_passed_is_412(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    asked = wish("referral-progress", hub.endpoint, reason="Another")

    stale = await put(rig, hub, id_, asked, **{"If-Match": 'W/"1"'})
    broken = await put(rig, hub, id_, asked, **{"If-Match": 'W/"x'})
    fresh = await put(rig, hub, id_, asked, **{"If-Match": 'W/"2"'})

    assert [one.status_code for one in (stale, broken, fresh)] == [412, 400, 200]


async def test_a_subscription_switched_off_hears_nothing_more_and_can_be_asked_anew(
    rig: Rig,
) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)

    off = await put(rig, hub, id_, wish("referral-progress", hub.endpoint, status="off"))
    await rig.hear(task_changed(child))
    await rig.work()
    again = await put(rig, hub, id_, wish("referral-progress", hub.endpoint))
    await rig.hear(task_changed(child, 2))
    await rig.work()

    assert (off.json()["status"], again.json()["status"]) == ("off", "requested")
    assert hub.numbers() == [1]


async def test_a_removed_subscription_is_gone_and_hears_nothing_more(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    await rig.hear(task_changed(child))

    gone = await rig.ask(hub, "DELETE", f"Subscription/{id_}")
    await rig.work()

    assert gone.status_code == 204
    assert (await rig.ask(hub, "GET", f"Subscription/{id_}")).status_code == 404
    assert "entry" not in (await rig.ask(hub, "GET", "Subscription")).json()
    assert hub.told() == []


async def test_an_id_in_the_body_that_is_not_the_addresss_is_refused(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribe(hub, "referral-progress")

    other = {**wish("referral-progress", hub.endpoint), "id": str(uuid4())}
    answer = await rig.ask(hub, "PUT", f"Subscription/{id_}", other)

    assert codes(answer) == [("business-rule", "Subscription.id")]


async def test_events_are_listed_from_the_log_by_number(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)
    await rig.hear(session(child), goal_added(child), session(child))
    await rig.work()

    async def numbers(query: str) -> list[int]:
        answer = await rig.ask(hub, "GET", f"Subscription/{id_}/$events{query}")
        parameters = answer.json()["entry"][0]["resource"]["parameter"]
        events = [one["part"] for one in parameters if one["name"] == "notification-event"]
        return [int(part[0]["valueString"]) for part in events]

    assert await numbers("") == [1, 2, 3, 4]
    assert await numbers("?eventsSinceNumber=4") == [4]
    assert await numbers("?eventsSinceNumber=2&eventsUntilNumber=3") == [2, 3]


async def test_events_of_a_youth_whom_the_hub_may_not_read_any_more_are_numbers_alone(
    rig: Rig,
) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "care-progress")
    one, two = await rig.child(hub), await rig.child(hub)
    await rig.hear(session(one), session(two))
    await rig.work()

    await rig.hear(revoked(one))
    bundle = (await rig.ask(hub, "GET", f"Subscription/{id_}/$events")).json()

    parameters = bundle["entry"][0]["resource"]["parameter"]
    parts = [p["part"] for p in parameters if p["name"] == "notification-event"]
    assert sorted(len(part) for part in parts) == [2, 3]
    assert {part[0]["valueString"] for part in parts} == {"1", "2"}
    assert len(bundle["entry"]) == 2


async def test_status_says_how_far_a_subscription_is(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    await rig.subscribe(hub, "care-progress")
    await rig.hear(task_changed(await rig.child(hub)))
    await rig.work()

    one = (await rig.ask(hub, "GET", f"Subscription/{id_}/$status")).json()
    all_ = (await rig.ask(hub, "GET", "Subscription/$status")).json()

    said = {p["name"]: p for p in one["entry"][0]["resource"]["parameter"]}
    assert said["status"]["valueCode"] == "active"
    assert said["events-since-subscription-start"]["valueString"] == "1"
    assert all_["total"] == 2


@pytest.mark.parametrize(
    "path",
    [
        "Subscription?bogus=1",
        "Subscription/$status?bogus=1",
        "Subscription/{id}/$events?eventsSinceNumber=x",
        "Subscription/{id}/$events?content=full-resource",
    ],
)
async def test_an_unknown_parameter_or_a_bad_one_is_400(rig: Rig, path: str) -> None:
    hub = rig.hub()
    id_ = await rig.subscribe(hub, "care-progress")

    answer = await rig.ask(hub, "GET", path.replace("{id}", str(id_)))

    assert answer.status_code == 400


async def test_nobody_without_a_token_gets_in(rig: Rig) -> None:
    answer = await rig.http.get("/fhir/Subscription")

    assert answer.status_code == 401
    assert answer.json()["issue"][0]["code"] == "login"


async def test_each_access_leaves_one_record(rig: Rig) -> None:
    hub, stranger = rig.hub(), rig.hub()
    id_ = await rig.subscribe(hub, "referral-progress")
    await rig.ask(hub, "GET", f"Subscription/{id_}")
    await rig.ask(stranger, "GET", f"Subscription/{id_}")
    await rig.ask(hub, "GET", f"Subscription/{id_}/$status")
    await rig.ask(hub, "DELETE", f"Subscription/{id_}")

    rows = await rig.pool.fetch("SELECT principal, status FROM audit ORDER BY at")

    assert [(row["principal"] == hub.name, row["status"]) for row in rows] == [
        *((True, 201), (True, 200), (False, 404), (True, 200), (True, 204))
    ]
