"""How long and how often a hub is tried, in virtual time; and whom its silence concerns."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from contracts.events import NotificationFailed
from services.chassis import loops
from services.chassis.health import Health
from services.notifications.app import MOST_CALLS
from services.notifications.commands.asking import MOST_ENDPOINTS
from services.notifications.domain.attempts import TRIED_FOR
from tests.notifications.endpoints import (
    OK,
    Answer,
    Endpoint,
    drip,
    drip_head,
    endpoint,
    in_turn,
    late,
    never,
    reset,
    saying,
    status,
    without_end,
)
from tests.notifications.rig import Hub, Rig, goal_added, session, task_changed, wish

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
STANDARD_TRIES = 10  # of Standard Webhooks, over 75 hours and 35 minutes
SOON = timedelta(seconds=30)


def extension(name: str, value: int) -> dict[str, Any]:
    return {"url": f"{BACKPORT}/backport-{name}", "valueUnsignedInt": value}


def to(endpoint_url: str, **numbers: int) -> dict[str, Any]:
    """A channel with these wishes; who is silent in a test is given less time."""
    wishes = {"timeout": 20} | {name.replace("_", "-"): value for name, value in numbers.items()}
    asked = wish("x", endpoint_url)["channel"]
    return {"channel": asked | {"extension": [extension(*one) for one in wishes.items()]}}


def sent(there: Endpoint) -> list[tuple[str, Mapping[str, Any]]]:
    """What arrived: the webhook-id of each message, and what its Parameters say."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for request in there.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        [id_] = [x for x in head.decode().split("\r\n") if x.startswith("webhook-id: ")]
        parameters = json.loads(body)["entry"][0]["resource"]["parameter"]
        found.append((id_, {one["name"]: one for one in parameters}))
    return found


def numbers(there: Endpoint) -> list[str]:
    """The event numbers that arrived, one for each message that carried one."""
    events = [said.get("notification-event") for _, said in sent(there)]
    return [event["part"][0]["valueString"] for event in events if event]


@asynccontextmanager
async def hooked(
    rig: Rig, answer: Answer, topic: str = "referral-progress", **wishes: int
) -> AsyncIterator[tuple[Hub, UUID, Endpoint]]:
    """A hub whose greeted endpoint answers by a script from then on."""
    hub = rig.hub()
    async with endpoint(in_turn([saying(OK)])) as there:
        id_ = await rig.subscribed(hub, topic, **to(there.url, **wishes))
        assert await rig.status(id_) == ("active", None)
        there.answer = answer
        there.requests.clear()
        yield hub, id_, there


# --- The schedule --------------------------------------------------------------------------------


async def test_an_endpoint_that_never_accepts_is_tried_for_days_and_then_given_up(rig: Rig) -> None:
    """At least as often, and as long, as Standard Webhooks asks for; nothing of it in silence."""
    async with hooked(rig, status(500)) as (hub, id_, there):
        child, other = await rig.child(hub), await rig.child(hub)
        await rig.hear(task_changed(child), task_changed(other), task_changed(child, 2))
        began, pauses = rig.clock.now(), list[timedelta]()

        await rig.work()
        while (await rig.status(id_))[0] != "off":
            pauses.append(await rig.pause())
            await rig.later(pauses[-1])
            await rig.work()

        tried_for = rig.clock.now() - began
        assert TRIED_FOR <= tried_for < TRIED_FOR + timedelta(hours=1, minutes=15)
        assert len(there.requests) == len(pauses) + 1 >= STANDARD_TRIES
        assert max(pauses) <= timedelta(hours=1, minutes=15)
        assert len({id_ for id_, _ in sent(there)}) == 1  # the others waited behind it
        assert set(numbers(there)) == {"1"}
        assert [state for state, *_ in await rig.deliveries()] == ["undeliverable"] * 3
        assert await rig.status(id_) == ("off", "undeliverable")
        failed = await rig.published(NotificationFailed)
        assert {event.youth_id for event in failed} == {child.youth_id, other.youth_id}
        assert {event.organisation_id for event in failed} == {hub.partner.organisation_id}
        assert {event.subscription_id for event in failed} == {id_}
        assert {event.since for event in failed} == {began}


async def test_whatever_an_endpoint_does_to_a_message_it_gets_the_same_one_in_the_end(
    rig: Rig,
) -> None:
    script: Sequence[Answer] = [
        *(status(500), status(502), status(503), status(504), status(429, "Retry-After: 7")),
        *(status(302, "Location: http://169.254.169.254/"), status(400), status(401)),
        *(reset, never, late(2.5), drip_head, saying(b"SSH-2.0-OpenSSH_9\r\n"), saying(b"")),
    ]
    async with hooked(rig, in_turn(script), timeout=2) as (hub, id_, there):
        child = await rig.child(hub)
        await rig.hear(task_changed(child, 1), task_changed(child, 2))

        await rig.work()
        for _ in script:
            assert await rig.deliveries() == [
                ("queued", 1, len(there.requests)),
                ("queued", None, 0),
            ]
            await rig.later(await rig.pause())
            await rig.work()

        assert numbers(there) == ["1"] * (len(script) + 1) + ["2"]
        assert len({id_ for id_, _ in sent(there)[:-1]}) == 1
        assert await rig.status(id_) == ("active", None)
        states = [(state, number) for state, number, _ in await rig.deliveries()]
        assert states == [("delivered", 1), ("delivered", 2)]


@pytest.mark.parametrize(
    "answer", [drip, in_turn([without_end])], ids=["dripping body", "endless body"]
)
async def test_an_accepted_message_is_told_once_whatever_body_follows(
    rig: Rig, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.partners.hooks.BODY_SECONDS", 0.2)
    async with hooked(rig, answer) as (hub, _, there):
        await rig.hear(task_changed(await rig.child(hub)))

        await rig.work()
        await rig.hurry()
        await rig.work()

        assert numbers(there) == ["1"]


@pytest.mark.parametrize(
    ("header", "shortest", "longest"),
    [
        ("Retry-After: 7200", timedelta(hours=2), timedelta(hours=2.5)),
        ("Retry-After: 0", timedelta(0), timedelta(seconds=3)),
        ("Retry-After: 99999999", timedelta(hours=24), timedelta(hours=30)),
    ],
)
async def test_an_endpoint_that_asks_for_time_gets_it(
    rig: Rig, header: str, shortest: timedelta, longest: timedelta
) -> None:
    async with hooked(rig, status(503, header)) as (hub, _, _there):
        await rig.hear(task_changed(await rig.child(hub)))

        await rig.work()

        assert shortest - SOON < await rig.pause() <= longest


async def test_what_was_given_up_is_a_gap_that_events_fills(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(410)])) as (hub, id_, there):
        child = await rig.child(hub)
        await rig.hear(*(task_changed(child, version) for version in (1, 2, 3)))
        await rig.work()
        assert await rig.status(id_) == ("off", "endpoint-gone")

        asked = {**wish("referral-progress", there.url, **to(there.url)), "id": str(id_)}
        assert (await rig.ask(hub, "PUT", f"Subscription/{id_}", asked)).status_code == 200
        await rig.hear(task_changed(child, 4))
        await rig.work()

        assert numbers(there) == ["1", "4"]  # 2 and 3 were never sent
        log = await rig.ask(hub, "GET", f"Subscription/{id_}/$events?eventsSinceNumber=2")
        parameters = log.json()["entry"][0]["resource"]["parameter"]
        events = [one["part"] for one in parameters if one["name"] == "notification-event"]
        assert [part[0]["valueString"] for part in events] == ["2", "3", "4"]


async def test_a_hub_that_ends_a_subscription_itself_is_not_reported_as_unreached(rig: Rig) -> None:
    async with hooked(rig, status(500)) as (hub, id_, _):
        await rig.hear(task_changed(await rig.child(hub)))
        await rig.work()

        await rig.ask(hub, "DELETE", f"Subscription/{id_}")
        await rig.hurry()
        await rig.work()

        assert [state for state, *_ in await rig.deliveries()] == ["undeliverable"]
        assert await rig.published(NotificationFailed) == []


async def test_more_than_is_given_up_at_once_is_reported_in_turns(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.commands.telling.MOST_AT_ONCE", 2)
    async with hooked(rig, status(410)) as (hub, _, there):
        children = [await rig.child(hub) for _ in range(5)]
        await rig.hear(*(task_changed(child) for child in children))

        await rig.work()

        assert len(there.requests) == 1
        failed = await rig.published(NotificationFailed)
        assert sorted(e.youth_id for e in failed) == sorted(c.youth_id for c in children)
        assert [number for _, number, _ in await rig.deliveries()] == [1, 2, 3, 4, 5]


# --- Whom a silent endpoint concerns -------------------------------------------------------------


async def test_forty_slow_endpoints_do_not_delay_another(rig: Rig) -> None:
    slow, well = [rig.hub() for _ in range(40)], rig.hub()
    async with endpoint(saying(OK)) as there, endpoint(saying(OK)) as fast:
        for hub in slow:
            url = there.url + hub.name
            await rig.subscribe(hub, "referral-progress", **to(url))
        await rig.subscribe(well, "referral-progress", **to(fast.url))
        await rig.work()
        there.answer = never
        there.requests.clear()
        fast.requests.clear()
        for hub in slow:
            await rig.hear(task_changed(await rig.child(hub)))

        group = loops.Group(Health(), loops.work_parts(rig.worker, rig.clock, MOST_CALLS))
        try:
            await until(lambda: len(there.requests) == len(slow))
            await rig.hear(task_changed(await rig.child(well)))
            await until(lambda: bool(fast.requests))
            in_hand = await rig.pool.fetchval(
                "SELECT count(*) FROM work WHERE lease_token IS NOT NULL AND outcome IS NULL"
            )
        finally:
            await group.stop()

        assert in_hand >= len(slow)  # none of the others has come to its end
        assert len(there.requests) == len(slow)


async def test_an_endpoint_has_one_message_in_hand_however_many_subscriptions_lead_to_it(
    rig: Rig,
) -> None:
    hub = rig.hub()
    async with endpoint(saying(OK)) as there:
        await rig.subscribed(hub, "referral-progress", **to(there.url, timeout=1))
        await rig.subscribed(hub, "care-progress", **to(there.url, timeout=1))
        there.answer = never
        there.requests.clear()
        child = await rig.child(hub)
        await rig.hear(task_changed(child), session(child))

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(rig.worker.run_call(rig.clock.now()))

        assert len(there.requests) == 1


async def test_what_is_queued_goes_to_the_new_endpoint_in_order(rig: Rig) -> None:
    async with hooked(rig, status(500)) as (hub, id_, old), endpoint(saying(OK)) as new:
        child = await rig.child(hub)
        await rig.hear(task_changed(child, 1), task_changed(child, 2))
        await rig.work()

        asked = {**wish("referral-progress", new.url, **to(new.url)), "id": str(id_)}
        assert (await rig.ask(hub, "PUT", f"Subscription/{id_}", asked)).status_code == 200
        await rig.hear(task_changed(child, 3))
        await rig.work()
        assert new.requests == []  # behind what is still backing off
        await rig.later(await rig.pause())
        await rig.work()

        assert numbers(new) == ["1", "2", "3"]
        assert len(old.requests) == 1


async def test_a_client_has_so_many_endpoints_and_no_more(rig: Rig) -> None:
    hub = rig.hub()
    for number in range(MOST_ENDPOINTS):
        await rig.subscribe(hub, "referral-progress", **to(f"{hub.endpoint}/{number}"))

    asked = wish("referral-progress", f"{hub.endpoint}/more")
    refused = await rig.ask(hub, "POST", "Subscription", asked)
    again = await rig.ask(hub, "POST", "Subscription", wish("care-progress", f"{hub.endpoint}/1"))

    assert refused.status_code == 422
    assert "at most 20 endpoints" in refused.text
    assert again.status_code == 201


async def test_of_a_thousand_queued_none_is_sent_after_consent_is_revoked(rig: Rig) -> None:
    """P18, with the sender killed between two of them."""
    async with hooked(rig, saying(OK), "care-progress") as (hub, _, there):
        child = await rig.child(hub)
        await rig.hear(*(session(child) for _ in range(1000)))
        while len(there.requests) < 10:
            assert await rig.worker.run_call(rig.clock.now())
        assert numbers(there) == [str(number) for number in range(1, 11)]

        rig.worker = rig.new_worker()
        rig.referral.revoked.add((child.youth_id, hub.partner.organisation_id))
        await rig.work()

        assert len(there.requests) == 10
        states = [state for state, *_ in await rig.deliveries()]
        assert (states.count("delivered"), states.count("withheld")) == (10, 990)
        assert await rig.pool.fetchval("SELECT count(*) FROM disclosure") == 10


# --- Heartbeats ----------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


async def test_a_silence_of_its_period_is_broken_by_a_heartbeat_with_the_last_number(
    rig: Rig,
) -> None:
    async with hooked(rig, saying(OK), heartbeat_period=3600) as (hub, id_, there):
        await rig.hear(task_changed(await rig.child(hub)))
        await rig.work()
        await rig.later(HOUR - SOON)
        await rig.work()
        assert len(there.requests) == 1

        await rig.later(SOON)
        await rig.work()
        await rig.later(HOUR)
        await rig.work()

        said = [one for _, one in sent(there)[1:]]
        assert [one["type"]["valueCode"] for one in said] == ["heartbeat"] * 2
        assert [one["events-since-subscription-start"]["valueString"] for one in said] == ["1", "1"]
        assert all("notification-event" not in one for one in said)
        assert len({id_ for id_, _ in sent(there)}) == 3
        assert await rig.status(id_) == ("active", None)


async def test_a_message_puts_the_heartbeat_off(rig: Rig) -> None:
    async with hooked(rig, saying(OK), heartbeat_period=3600) as (hub, _, there):
        child = await rig.child(hub)
        await rig.later(timedelta(minutes=40))
        await rig.hear(task_changed(child))
        await rig.work()

        await rig.later(timedelta(minutes=59))
        await rig.work()
        assert numbers(there) == ["1"]
        assert len(there.requests) == 1
        await rig.later(timedelta(minutes=1))
        await rig.work()

        assert [said["type"]["valueCode"] for _, said in sent(there)][1:] == ["heartbeat"]


async def test_weeks_that_pass_at_once_bring_one_heartbeat(rig: Rig) -> None:
    async with hooked(rig, saying(OK), heartbeat_period=60) as (_, _, there):
        await rig.later(timedelta(weeks=10))
        await rig.work()

        assert len(there.requests) == 1


async def test_an_endpoint_that_fails_is_asked_by_no_heartbeat_on_top(rig: Rig) -> None:
    async with hooked(rig, status(500), heartbeat_period=60) as (_, _, there):
        await rig.later(timedelta(seconds=60))
        await rig.work()
        for _ in range(3):
            await rig.later(timedelta(minutes=2))
            await rig.work()

        assert len({id_ for id_, _ in sent(there)}) == 1
        assert await rig.pool.fetchval("SELECT count(*) FROM delivery") == 2  # and the handshake


@pytest.mark.parametrize("change", ["off", "gone", "none wanted", "another period"])
async def test_a_heartbeat_ends_with_the_wish_for_it(rig: Rig, change: str) -> None:
    async with hooked(rig, saying(OK), heartbeat_period=60) as (hub, id_, there):
        wishes = {"another period": {"heartbeat_period": 600}}.get(change, {})
        asked = {**wish("referral-progress", there.url, **to(there.url, **wishes)), "id": str(id_)}
        if change == "gone":
            await rig.ask(hub, "DELETE", f"Subscription/{id_}")
        else:
            asked |= {"status": "off"} if change == "off" else {}
            await rig.ask(hub, "PUT", f"Subscription/{id_}", asked)
        await rig.work()
        there.requests.clear()

        await rig.later(timedelta(seconds=61))
        await rig.work()

        assert there.requests == []
        timers = "SELECT count(*) FROM work WHERE kind = 'heartbeat' AND outcome IS NULL"
        assert await rig.pool.fetchval(timers) == (1 if change == "another period" else 0)


async def test_nobody_who_has_not_answered_the_greeting_gets_a_heartbeat(rig: Rig) -> None:
    hub = rig.hub()
    async with endpoint(status(500)) as there:
        await rig.subscribed(hub, "referral-progress", **to(there.url, heartbeat_period=60))
        await rig.pool.execute("UPDATE delivery SET state = 'withheld'")

        await rig.later(timedelta(minutes=5))
        await rig.work()

        assert len(there.requests) == 1


# --- As many events as wanted --------------------------------------------------------------------


async def test_a_message_carries_no_more_events_than_wanted(rig: Rig) -> None:
    async with hooked(rig, saying(OK), "care-progress", max_count=1) as (hub, _, there):
        child = await rig.child(hub)
        told = await rig.hear(goal_added(child))
        await rig.inbox.receive(rig.pool, told)
        await rig.work()

        focus = [s["notification-event"]["part"][2]["valueReference"] for _, s in sent(there)]
        assert [one["reference"].split("/")[-2] for one in focus] == ["Goal", "CarePlan"]
        assert numbers(there) == ["1", "2"]
        assert len({id_ for id_, _ in sent(there)}) == 2


async def until(holds: Any, *, seconds: float = 60) -> None:
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)
