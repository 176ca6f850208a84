"""Notifications and subscriptions as the samples show them, judged by R4 models too."""

import json
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.subscription import Subscription as SubscriptionModel

from services.chassis.fhir.outcome import FhirRefused
from services.notifications.domain.subscriptions import (
    Delivery,
    Focus,
    Kind,
    State,
    Status,
    Subscription,
    Topic,
    Wanted,
)
from services.notifications.mapping.notifications import notification_bundle, status_bundle
from services.notifications.mapping.subscriptions import (
    subscription_resource,
    wanted_from_subscription,
)
from tests.notifications.rig import BASE, NOW, wish

SAMPLES = Path("contracts/fhir/examples")
YOUTH = UUID("3f0b8c52-7d4e-4a19-8b6c-90e2d7a50042")


def sample(number: int) -> dict[str, Any]:
    [file] = SAMPLES.glob(f"{number}-*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def wanted(number: int) -> Wanted:
    return wanted_from_subscription(sample(number), now=NOW, loopback=False)


def subscription(number: int, id_: str, **changes: Any) -> Subscription:
    stands = {
        "status": Status.ACTIVE,
        "fault": None,
        "last_number": 0,
        "version": 2,
        "updated_at": NOW,
    }
    return Subscription(UUID(id_), "riverbend", UUID(int=7), wanted(number), **(stands | changes))


def delivery(id_: UUID, number: int, at: str, *focus: Focus) -> Delivery:
    return Delivery(
        id=id_,
        subscription_id=UUID(int=1),
        kind=Kind.EVENT,
        youth_id=YOUTH,
        occurred_at=datetime.fromisoformat(at),
        focus=focus,
        state=State.QUEUED,
        first_number=number,
        first_sent_at=None,
        attempts=1,
    )


def valid(resource: dict[str, Any]) -> dict[str, Any]:
    """Judged by the R4 models; gives it back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        {"Bundle": Bundle, "Subscription": SubscriptionModel}[resource["resourceType"]](**resource)
    return resource


def named_as_ours(expected: dict[str, Any]) -> dict[str, Any]:
    """The sample, with the id that we give its Parameters."""
    id_ = str(uuid5(UUID(expected["id"]), "status"))
    expected["entry"][0]["fullUrl"] = f"urn:uuid:{id_}"
    expected["entry"][0]["resource"]["id"] = id_
    return expected


def test_a_notification_of_a_task_is_sample_22() -> None:
    stands = subscription(21, "d5f1b7e9-2a60-4c83-9e4d-71b8c0a30001")
    task = Focus("Task", UUID("6e2d91b4-0c7f-4d35-8a58-1f4b9c260042"))
    id_ = UUID("5c8cbe17-6c0d-4a40-9f4c-0e7a5b1d0001")
    sent = delivery(id_, 2, "2026-11-09T15:20:12.911-05:00", task)

    bundle = notification_bundle(
        stands,
        [sent],
        id_=id_,
        kind=Kind.EVENT,
        base_url=BASE,
        at=datetime.fromisoformat("2026-11-09T20:20:13.120Z"),
    )

    assert valid(bundle) == named_as_ours(sample(22))


def test_a_notification_of_care_is_sample_31() -> None:
    stands = subscription(30, "d5f1b7e9-2a60-4c83-9e4d-71b8c0a30002")
    encounter = Focus("Encounter", UUID("c7a90e14-3b62-4d8f-b1f5-20e94d610001"), created=True)
    goal = Focus("Goal", UUID("e4b71a90-6d3c-4852-9bf1-08d5c7e20881"))
    plan = Focus("CarePlan", UUID("97f02c5b-a3e8-4d16-8c74-b1e60d390042"))
    id_, at = UUID("5c8cbe17-6c0d-4a40-9f4c-0e7a5b1d0003"), "2026-11-20T09:05:00.310-05:00"

    bundle = notification_bundle(
        stands,
        [delivery(id_, 1, at, encounter), delivery(id_, 2, at, goal, plan)],
        id_=id_,
        kind=Kind.EVENT,
        base_url=f"{BASE}/",
        at=datetime(2026, 11, 20, 14, 5, 1, 480_000, tzinfo=UTC),
    )

    assert valid(bundle) == named_as_ours(sample(31))


def test_a_repeat_is_the_same_to_the_byte() -> None:
    id_ = UUID(int=9)
    sent = delivery(id_, 1, "2026-11-20T14:05:00Z", Focus("Task", UUID(int=2)))
    before = subscription(21, str(UUID(int=1)), last_number=1)
    later = subscription(21, str(UUID(int=1)), last_number=8, status=Status.ERROR, version=5)

    first, again = (
        notification_bundle(one, [sent], id_=id_, kind=Kind.EVENT, base_url=BASE, at=NOW)
        for one in (before, later)
    )

    assert json.dumps(first) == json.dumps(again)


def test_a_greeting_carries_no_event() -> None:
    stands = subscription(21, str(UUID(int=1)), status=Status.REQUESTED)
    greeting = Delivery(
        UUID(int=3), stands.id, Kind.HANDSHAKE, None, NOW, (), State.QUEUED, None, None, 1
    )

    bundle = notification_bundle(
        stands, [greeting], id_=greeting.id, kind=Kind.HANDSHAKE, base_url=BASE, at=NOW
    )

    [entry] = valid(bundle)["entry"]
    said = {one["name"]: one for one in entry["resource"]["parameter"]}
    assert said["type"]["valueCode"] == "handshake"
    assert said["status"]["valueCode"] == "requested"
    assert said["events-since-subscription-start"]["valueString"] == "0"
    assert "notification-event" not in said


def test_status_names_each_subscription_and_its_last_number() -> None:
    stands = subscription(21, str(UUID(int=1)), last_number=7)

    bundle = status_bundle([stands], id_=UUID(int=5), base_url=BASE, at=NOW)

    [entry] = valid(bundle)["entry"]
    said = {one["name"]: one for one in entry["resource"]["parameter"]}
    assert said["type"]["valueCode"] == "query-status"
    assert said["events-since-subscription-start"]["valueString"] == "7"


@pytest.mark.parametrize("number", [21, 30])
def test_a_subscription_reads_back_as_it_was_sent_but_for_its_headers(number: int) -> None:
    stands = subscription(number, str(UUID(int=1)))

    resource = valid(subscription_resource(stands))

    sent = sample(number)
    del sent["channel"]["header"]
    meta = resource.pop("meta")
    assert (resource.pop("id"), resource.pop("status")) == (str(UUID(int=1)), "active")
    assert meta["versionId"] == "2"
    assert meta["profile"] == sent.pop("meta")["profile"]
    del sent["status"]
    assert timeout_in(resource) == 20
    sent["channel"]["extension"][1]["valueUnsignedInt"] = 20  # what counts is what is shown
    assert resource == sent
    assert "synthetic-value" not in json.dumps(subscription_resource(stands))


def timeout_in(resource: dict[str, Any]) -> int:
    return int(resource["channel"]["extension"][1]["valueUnsignedInt"])


def test_samples_21_and_30_are_understood() -> None:
    assert (wanted(21).topic, wanted(21).youth_id) == (Topic.REFERRAL_PROGRESS, None)
    assert (wanted(30).topic, wanted(30).youth_id) == (Topic.CARE_PROGRESS, YOUTH)
    assert wanted(21).channel.headers == (
        "Authorization: Bearer synthetic-value-of-the-subscriber",
    )
    assert wanted(21).channel.timeout_seconds == 20  # 30 were asked for
    assert wanted(21).channel.heartbeat_seconds == 3600
    assert wanted(21).channel.most_events == 20


def test_why_it_is_off_is_said_in_words() -> None:
    stands = subscription(21, str(UUID(int=1)), status=Status.OFF, fault="endpoint-gone")

    assert subscription_resource(stands)["error"] == "The endpoint answered 410 Gone."


def test_why_it_fails_stands_in_its_status_too() -> None:
    fails = subscription(21, str(UUID(int=1)), status=Status.ERROR, fault="endpoint-fails")
    well = subscription(21, str(UUID(int=2)))

    bundle = valid(status_bundle([fails, well], id_=UUID(int=5), base_url=BASE, at=NOW))

    one, two = (entry["resource"]["parameter"] for entry in bundle["entry"])
    assert [p["valueCodeableConcept"]["text"] for p in one if p["name"] == "error"] == [
        "The endpoint does not accept what is sent; it is tried again."
    ]
    assert [p["name"] for p in two if p["name"] == "error"] == []


HOOK = "https://ehr.riverbend.example/hook"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"


def channel(**changes: Any) -> dict[str, Any]:
    return {"channel": {**wish("x", HOOK)["channel"], **changes}}


def criteria(text: str, url: str = f"{BACKPORT}/backport-filter-criteria") -> dict[str, Any]:
    return {"_criteria": {"extension": [{"url": url, "valueString": text}]}}


def wishing(name: str, value: int) -> dict[str, Any]:
    url = f"{BACKPORT}/backport-{name}"
    return channel(extension=[{"url": url, "valueUnsignedInt": value}])


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"criteria": "Task?status=requested"}, "not-supported", "criteria"),
        ({"criteria": "care-progress"}, "not-supported", "criteria"),
        (criteria("Encounter?status=finished"), "not-supported", "criteria.extension[0]"),
        (criteria(f"Encounter?patient=Patient/{YOUTH}", "x:y"), "not-supported", None),
        ({"status": "active"}, "business-rule", "status"),
        ({"end": "2026-11-22T03:29:59Z"}, "business-rule", "end"),
        (channel(type="websocket"), "not-supported", "channel.type"),
        (channel(payload="application/fhir+xml"), "not-supported", "channel.payload"),
        (channel(endpoint="http://127.0.0.1/"), "security", "channel.endpoint"),
        (channel(endpoint="adfdf"), "business-rule", "channel.endpoint"),
        (channel(header=["A: b", "x\r\nHost: y"]), "business-rule", "channel.header[1]"),
        (channel(header=["A: b"] * 11), "business-rule", "channel.header"),
        (wishing("timeout", 0), "business-rule", "channel"),
        (wishing("heartbeat-period", 59), "business-rule", "channel"),
        (wishing("heartbeat-period", 30 * 86_400 + 1), "business-rule", "channel"),
    ],
)
def test_what_cannot_be_served_is_refused_at_its_place(
    changes: dict[str, Any], code: str, place: str | None
) -> None:
    asked = wish("care-progress", HOOK, **changes)

    with pytest.raises(FhirRefused) as refused:
        wanted_from_subscription(asked, now=NOW, loopback=False)

    [issue] = refused.value.issues
    assert refused.value.status == 422
    assert issue.code == code
    assert place is None or issue.expression == f"Subscription.{place}"


def test_full_resources_are_never_pushed() -> None:
    full = {"url": f"{BACKPORT}/backport-payload-content", "valueCode": "full-resource"}
    asked = wish("care-progress", HOOK, **channel(_payload={"extension": [full]}))

    with pytest.raises(FhirRefused) as refused:
        wanted_from_subscription(asked, now=NOW, loopback=False)

    assert refused.value.status == 403


@pytest.mark.parametrize("content", ["empty", "something"])
def test_other_content_than_ids_is_not_served(content: str) -> None:
    extension = {"url": f"{BACKPORT}/backport-payload-content", "valueCode": content}
    asked = wish("care-progress", HOOK, **channel(_payload={"extension": [extension]}))

    with pytest.raises(FhirRefused) as refused:
        wanted_from_subscription(asked, now=NOW, loopback=False)

    assert [(issue.code, issue.expression) for issue in refused.value.issues] == [
        ("not-supported", "Subscription.channel.payload")
    ]


def test_what_is_left_open_is_ids_within_twenty_seconds() -> None:
    other = {"url": "https://ehr.riverbend.example/extension", "valueString": "x"}
    bare = {"type": "rest-hook", "endpoint": HOOK}
    asked = wish("care-progress", HOOK, channel={**bare, "_payload": {"extension": [other]}})

    found = wanted_from_subscription(asked, now=NOW, loopback=False)

    assert found.channel.timeout_seconds == 20
    assert found.channel.headers == ()


def test_all_that_is_wrong_is_said_at_once() -> None:
    asked = wish("weather", "adfdf", status="off", **{})

    with pytest.raises(FhirRefused) as refused:
        wanted_from_subscription(asked, now=NOW, loopback=False)

    assert [issue.expression for issue in refused.value.issues] == [
        "Subscription.criteria",
        "Subscription.channel.endpoint",
        "Subscription.status",
    ]


def test_filters_of_two_patients_are_refused() -> None:
    url = f"{BACKPORT}/backport-filter-criteria"
    texts = [f"Goal?patient=Patient/{id_}" for id_ in (YOUTH, UUID(int=YOUTH.int + 1))]
    both = {"extension": [{"url": url, "valueString": text} for text in texts]}

    with pytest.raises(FhirRefused):
        wanted_from_subscription(
            wish("care-progress", HOOK, _criteria=both), now=NOW, loopback=False
        )
