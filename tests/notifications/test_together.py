"""Several events in one message: what is queued goes along, and shares all that comes of it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.events import NotificationFailed
from services.chassis import telemetry
from tests.notifications.endpoints import OK, Endpoint, endpoint, in_turn, saying, status
from tests.notifications.rig import NOW, Child, Hub, Rig, filtered, session, task_changed, wish
from tests.notifications.test_schedule import hooked, sent, to

TASK = "referral-progress"


def bundles(there: Endpoint) -> list[list[int]]:
    """The event numbers of each message that arrived; of a greeting or heartbeat none."""
    return [[number for number, _ in events] for _, events in messages(there)]


def messages(there: Endpoint) -> list[tuple[str, list[tuple[int, str]]]]:
    """What arrived: the webhook-id, and number and focus of each event."""
    found = []
    for request, (id_, _) in zip(there.requests, sent(there), strict=True):
        said = json.loads(request.partition(b"\r\n\r\n")[2])["entry"][0]["resource"]["parameter"]
        events = [one["part"] for one in said if one["name"] == "notification-event"]
        told = [(int(p[0]["valueString"]), p[2]["valueReference"]["reference"]) for p in events]
        found.append((id_.removeprefix("webhook-id: "), told))
    return found


def bodies(there: Endpoint) -> set[bytes]:
    return {request.partition(b"\r\n\r\n")[2] for request in there.requests}


async def children(rig: Rig, hub: Hub, many: int) -> list[Child]:
    """So many youths, and of each an event that is queued; nothing else is due."""
    found = [await rig.child(hub) for _ in range(many)]
    for child in found:
        await rig.hear(task_changed(child))
    await rig.pool.execute("UPDATE work SET outcome = 'done' WHERE kind <> 'tell-subscriber'")
    return found


async def told(rig: Rig) -> list[tuple[str, int | None]]:
    """Each event's state and number, in the order in which they happened."""
    rows = await rig.pool.fetch(
        """
        SELECT d.state, d.first_number
          FROM work w
          JOIN delivery d ON d.delivery_id = (w.payload ->> 'delivery_id')::uuid
         WHERE d.kind = 'event-notification'
         ORDER BY w.id
        """
    )
    return [(row["state"], row["first_number"]) for row in rows]


async def open_rows(rig: Rig) -> int:
    query = "SELECT count(*) FROM work WHERE kind = 'tell-subscriber' AND outcome IS NULL"
    found: int = await rig.pool.fetchval(query)
    return found


async def delivery_of(rig: Rig, number: int) -> UUID:
    found: UUID = await rig.pool.fetchval(
        "SELECT delivery_id FROM delivery WHERE first_number = $1", number
    )
    return found


async def put(rig: Rig, hub: Hub, id_: UUID, url: str, topic: str = TASK, **wishes: int) -> None:
    asked = {**wish(topic, url, **to(url, **wishes)), "id": str(id_)}
    assert (await rig.ask(hub, "PUT", f"Subscription/{id_}", asked)).status_code == 200


# --- What goes along -----------------------------------------------------------------------------


async def test_what_is_queued_goes_along_up_to_as_many_as_wanted(rig: Rig) -> None:
    async with hooked(rig, saying(OK), max_count=3) as (hub, _, there):
        found = await children(rig, hub, 5)
        await rig.work()

        [(one, first), (two, second)] = messages(there)
        tasks = [f"https://waypost.example/fhir/Task/{child.task_id}" for child in found]
        assert first == list(zip((1, 2, 3), tasks[:3], strict=True))
        assert second == list(zip((4, 5), tasks[3:], strict=True))
        assert {one, two} == {str(await delivery_of(rig, 1)), str(await delivery_of(rig, 4))}
        said = [s["events-since-subscription-start"]["valueString"] for _, s in sent(there)]
        assert said == ["3", "5"]
        assert await told(rig) == [("delivered", number) for number in range(1, 6)]
        assert await open_rows(rig) == 0
        begun = "SELECT sum(attempts) FROM work WHERE kind = 'tell-subscriber'"
        assert await rig.pool.fetchval(begun) == 3  # the greeting and two messages


async def test_each_event_leaves_its_own_record_of_what_it_disclosed_of_whom(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(500)]), max_count=20) as (hub, _, _there):
        found = await children(rig, hub, 3)
        await rig.work()
        await rig.hurry()
        await rig.work()

        rows = await rig.pool.fetch("SELECT * FROM disclosure")
        assert sorted((row["youth_id"], row["resources"]) for row in rows) == sorted(
            (child.youth_id, [f"Task/{child.task_id}"]) for child in found
        )
        assert {row["ground"] for row in rows} == {"own-referral"}
        assert {row["organisation_id"] for row in rows} == {hub.partner.organisation_id}


async def test_an_event_with_nothing_behind_it_waits_for_nothing(rig: Rig) -> None:
    async with hooked(rig, saying(OK), max_count=20) as (hub, _, there):
        child = await rig.child(hub)
        for version in (1, 2):
            await rig.hear(task_changed(child, version))
            await rig.work()

        assert bundles(there) == [[1], [2]]


async def test_who_names_no_size_is_told_one_event_at_a_time(rig: Rig) -> None:
    async with hooked(rig, saying(OK)) as (hub, _, there):
        await children(rig, hub, 3)
        await rig.work()

        assert bundles(there) == [[1], [2], [3]]


async def test_events_of_one_task_have_a_part_each_and_one_entry(rig: Rig) -> None:
    async with hooked(rig, saying(OK), max_count=20) as (hub, _, there):
        child = await rig.child(hub)
        await rig.hear(*(task_changed(child, version) for version in (1, 2, 3)))
        await rig.work()

        assert bundles(there) == [[1, 2, 3]]
        [body] = bodies(there)
        [_, entry] = json.loads(body)["entry"]
        assert entry["fullUrl"].endswith(f"Task/{child.task_id}")
        assert entry["request"] == {"method": "POST", "url": "Task"}  # it came to be, and changed


async def test_two_subscriptions_to_one_endpoint_share_no_message(rig: Rig) -> None:
    async with hooked(rig, saying(OK), max_count=20) as (hub, _, there):
        child = await rig.child(hub)
        only = filtered("Task", child.youth_id)
        await rig.subscribed(hub, TASK, _criteria=only, **to(there.url, max_count=20))
        there.requests.clear()
        await rig.hear(task_changed(child, 1), task_changed(child, 2))
        await children(rig, hub, 2)
        await rig.work()

        by_subscription: dict[str, list[int]] = {}
        for (_, said), numbers in zip(sent(there), bundles(there), strict=True):
            about = said["subscription"]["valueReference"]["reference"]
            by_subscription.setdefault(about, []).extend(numbers)
        assert sorted(by_subscription.values()) == [[1, 2], [1, 2, 3, 4]]
        assert await open_rows(rig) == 0


async def test_a_greeting_goes_alone_and_keeps_its_place(rig: Rig) -> None:
    async with hooked(rig, saying(OK), max_count=20) as (hub, id_, there):
        await children(rig, hub, 2)
        await put(rig, hub, id_, there.url, max_count=20)
        await children(rig, hub, 2)
        await rig.work()

        assert bundles(there) == [[1, 2], [], [3, 4]]
        kinds = [said["type"]["valueCode"] for _, said in sent(there)]
        assert kinds == ["event-notification", "handshake", "event-notification"]


async def test_what_needs_a_release_goes_one_by_one_each_asked_about(rig: Rig) -> None:
    async with hooked(rig, saying(OK), "care-progress", max_count=20) as (hub, _, there):
        found = [await rig.child(hub) for _ in range(3)]
        rig.referral.revoked.add((found[1].youth_id, hub.partner.organisation_id))
        for child in found:
            await rig.hear(session(child))
        rig.referral.asked.clear()
        await rig.work()

        assert bundles(there) == [[1], [2]]
        assert await told(rig) == [("delivered", 1), ("withheld", None), ("delivered", 2)]
        asked = [path for path in rig.referral.asked if "consents" in path]
        assert asked == [f"/internal/consents/{child.youth_id}" for child in found]


# --- A repeat ------------------------------------------------------------------------------------


async def test_a_repeat_is_the_same_to_the_byte_and_what_came_since_follows_it(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(500), status(503)]), max_count=20) as (hub, _, there):
        await children(rig, hub, 3)
        await rig.work()
        await children(rig, hub, 2)
        for _ in range(2):
            assert await told(rig) == [("queued", n) for n in (1, 2, 3)] + [("queued", None)] * 2
            await rig.later(await rig.pause())
            await rig.work()

        assert bundles(there) == [[1, 2, 3]] * 3 + [[4, 5]]
        assert len(bodies(there)) == 2
        assert len({id_ for id_, _ in sent(there)}) == 2
        assert await told(rig) == [("delivered", number) for number in range(1, 6)]
        tries = "SELECT attempts FROM delivery WHERE first_number IS NOT NULL ORDER BY first_number"
        assert [row[0] for row in await rig.pool.fetch(tries)] == [3, 3, 3, 1, 1]


async def test_a_sender_killed_before_it_sends_leaves_the_same_message_to_its_successor(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hooked(rig, saying(OK), max_count=3) as (hub, _, there):
        await children(rig, hub, 5)

        async def killed(*args: Any, **facts: Any) -> Any:
            raise asyncio.CancelledError

        with monkeypatch.context() as patched:
            patched.setattr(rig.hook, "post", killed)
            with pytest.raises(asyncio.CancelledError):
                await rig.work()
        assert await told(rig) == [("queued", n) for n in (1, 2, 3)] + [("queued", None)] * 2
        assert not await rig.new_worker().run_one(now=NOW)  # none of them by itself meanwhile

        await children(rig, hub, 1)
        rig.worker = rig.new_worker()  # that has to ask for the secret again
        await rig.worker.take_back()
        await rig.work()

        assert bundles(there) == [[1, 2, 3], [4, 5, 6]]
        assert await told(rig) == [("delivered", number) for number in range(1, 7)]
        assert await rig.pool.fetchval("SELECT count(*) FROM disclosure") == 6


async def test_who_lost_the_lease_in_mid_call_and_who_took_over_send_the_same(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hooked(rig, saying(OK), max_count=3) as (hub, _, there):
        await children(rig, hub, 4)
        post, calls = rig.hook.post, list[Mapping[str, Any]]()
        goes_on = asyncio.Event()

        async def paused(*args: Any, **facts: Any) -> Any:
            calls.append(facts)
            if len(calls) == 1:
                await goes_on.wait()  # and has not sent it yet
            return await post(*args, **facts)

        monkeypatch.setattr(rig.hook, "post", paused)
        first = asyncio.create_task(rig.run_lane())
        async with asyncio.timeout(60):
            while not calls:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await rig.hurry()
        second = await rig.worker.claim_call(NOW)
        assert second
        assert await rig.worker.claim_call(NOW) is None  # what goes along is nobody else's
        await rig.worker.run_lane(second, lambda: NOW)
        goes_on.set()
        await first

        assert bundles(there) == [[1, 2, 3], [4], [1, 2, 3]]
        assert [(one["id_"], one["body"]) for one in calls].count(
            (calls[0]["id_"], calls[0]["body"])
        ) == 2
        assert await told(rig) == [("delivered", number) for number in range(1, 5)]
        assert await open_rows(rig) == 0


async def test_an_answer_after_the_lease_closes_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hooked(rig, saying(OK), max_count=3) as (hub, _, there):
        await children(rig, hub, 3)
        post = rig.hook.post

        async def and_lose_it(*args: Any, **facts: Any) -> Any:
            answer = await post(*args, **facts)
            await rig.pool.execute("UPDATE work SET lease_token = gen_random_uuid()")
            return answer

        monkeypatch.setattr(rig.hook, "post", and_lose_it)
        await rig.run_lane()

        assert bundles(there) == [[1, 2, 3]]
        assert [state for state, _ in await told(rig)] == ["queued"] * 3
        assert await open_rows(rig) == 3


async def test_it_goes_to_the_new_endpoint_as_it_is(rig: Rig) -> None:
    async with (
        hooked(rig, status(500), max_count=3) as (hub, id_, old),
        endpoint(saying(OK)) as new,
    ):
        await children(rig, hub, 4)
        await rig.work()
        await put(rig, hub, id_, new.url, max_count=3)
        await rig.later(await rig.pause())
        await rig.work()

        assert bundles(new) == [[1, 2, 3], [4], []]
        assert sent(old)[0][0] == sent(new)[0][0]
        assert await told(rig) == [("delivered", number) for number in range(1, 5)]


async def test_who_asks_anew_for_fewer_gets_each_by_itself_under_its_number(rig: Rig) -> None:
    """An endpoint that cannot take so many says so by a PUT, and is not stuck with them."""
    async with hooked(rig, in_turn([status(413)]), max_count=3) as (hub, id_, there):
        await children(rig, hub, 4)
        await rig.work()
        await put(rig, hub, id_, there.url, max_count=2)
        await rig.later(await rig.pause())
        await rig.work()

        assert bundles(there) == [[1, 2, 3], [1], [2], [3], [4], []]
        assert len({id_ for id_, _ in sent(there)}) == 5
        assert await told(rig) == [("delivered", number) for number in range(1, 5)]


async def test_where_consent_is_asked_since_each_is_asked_about_by_itself(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(500)]), max_count=3) as (hub, id_, there):
        found = await children(rig, hub, 3)
        await rig.work()
        await put(rig, hub, id_, there.url, "care-progress", max_count=3)
        for child in found[:2]:
            rig.referral.revoked.add((child.youth_id, hub.partner.organisation_id))
        await rig.later(await rig.pause())
        await rig.work()

        assert bundles(there)[1:] == [[3], []]
        assert await told(rig) == [("withheld", 1), ("withheld", 2), ("delivered", 3)]


# --- Closed meanwhile ----------------------------------------------------------------------------


async def close(rig: Rig, number: int) -> None:
    """As when it was given up with another message of its subscription."""
    await rig.pool.execute(
        "UPDATE delivery SET state = 'undeliverable' WHERE first_number = $1", number
    )


async def test_what_was_given_up_meanwhile_is_not_told_in_a_repeat(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(500)]), max_count=3) as (hub, _, there):
        await children(rig, hub, 3)
        await rig.work()
        await close(rig, 2)
        await rig.later(await rig.pause())
        await rig.work()

        assert bundles(there) == [[1, 2, 3], [1, 3]]
        assert await told(rig) == [("delivered", 1), ("undeliverable", 2), ("delivered", 3)]
        assert await open_rows(rig) == 0


async def test_what_was_given_up_in_mid_call_stays_given_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hooked(rig, saying(OK), max_count=3) as (hub, _, _there):
        await children(rig, hub, 3)
        post = rig.hook.post

        async def and_close(*args: Any, **facts: Any) -> Any:
            await close(rig, 2)
            return await post(*args, **facts)

        monkeypatch.setattr(rig.hook, "post", and_close)
        await rig.work()

        assert await told(rig) == [("delivered", 1), ("undeliverable", 2), ("delivered", 3)]
        assert await open_rows(rig) == 0


async def test_what_went_along_with_a_message_that_was_given_up_goes_on_by_itself(
    rig: Rig,
) -> None:
    async with hooked(rig, in_turn([status(500)]), max_count=3) as (hub, _, there):
        await children(rig, hub, 3)
        await rig.work()
        await close(rig, 1)
        await rig.later(await rig.pause())
        await rig.work()

        assert bundles(there) == [[1, 2, 3], [2], [3]]
        assert await told(rig) == [("undeliverable", 1), ("delivered", 2), ("delivered", 3)]
        own = "SELECT count(*) FROM delivery WHERE state = 'delivered' AND sent_with IS NOT NULL"
        assert await rig.pool.fetchval(own) == 0


async def test_all_of_it_is_given_up_with_an_endpoint_that_is_gone(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(410)]), max_count=3) as (hub, id_, there):
        found = await children(rig, hub, 4)
        await rig.work()

        assert bundles(there) == [[1, 2, 3]]
        assert await rig.status(id_) == ("off", "endpoint-gone")
        assert await told(rig) == [("undeliverable", number) for number in range(1, 5)]
        await is_reported(rig, id_, found)


async def test_all_of_it_is_given_up_after_75_hours(rig: Rig) -> None:
    async with hooked(rig, status(500), max_count=3) as (hub, id_, there):
        found = await children(rig, hub, 4)
        await rig.work()
        await rig.later(timedelta(hours=75, minutes=36))
        await rig.work()

        assert bundles(there) == [[1, 2, 3]] * 2
        assert await rig.status(id_) == ("off", "undeliverable")
        assert await told(rig) == [("undeliverable", number) for number in range(1, 5)]
        await is_reported(rig, id_, found)


async def test_of_more_than_is_given_up_at_once_what_went_along_is_the_first(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.commands.telling.MOST_AT_ONCE", 3)
    async with hooked(rig, in_turn([status(410)]), max_count=3) as (hub, id_, _there):
        found = await children(rig, hub, 3)
        # One of the same subscription that happened before, and is heard of later.
        rig.clock.moment -= timedelta(hours=1)
        found += await children(rig, hub, 2)
        rig.clock.moment += timedelta(hours=1)
        await rig.work()

        assert sorted(await told(rig)) == [("undeliverable", number) for number in range(1, 6)]
        await is_reported(rig, id_, found)


async def is_reported(rig: Rig, id_: UUID, found: Sequence[Child]) -> None:
    """Each youth once, each event counted, nothing left to do."""
    failed = await rig.published(NotificationFailed)
    assert sorted(e.youth_id for e in failed) == sorted(child.youth_id for child in found)
    given_up = "SELECT undeliverable FROM subscription WHERE subscription_id = $1"
    assert await rig.pool.fetchval(given_up, id_) == len(found)
    assert await open_rows(rig) == 0


@pytest.mark.parametrize("how", ["deleted", "past its end"])
async def test_all_of_it_is_closed_with_a_subscription_that_is_over(rig: Rig, how: str) -> None:
    async with hooked(rig, in_turn([status(500)]), max_count=3) as (hub, id_, there):
        await children(rig, hub, 4)
        await rig.work()
        if how == "deleted":
            await rig.ask(hub, "DELETE", f"Subscription/{id_}")
        else:
            await rig.pool.execute("UPDATE subscription SET ends_at = $1", NOW)
        await rig.later(await rig.pause())
        await rig.work()

        assert bundles(there) == [[1, 2, 3]]
        closed = [("undeliverable", 1), ("undeliverable", 2), ("undeliverable", 3)]
        assert await told(rig) == [*closed, ("undeliverable", None)]
        given_up = "SELECT undeliverable FROM subscription WHERE subscription_id = $1"
        assert await rig.pool.fetchval(given_up, id_) == 4
        assert await rig.published(NotificationFailed) == []
        assert await open_rows(rig) == 0


async def test_an_answer_is_noted_for_each_event(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(500)]), max_count=3) as (hub, _, _there):
        await children(rig, hub, 3)
        noted = "SELECT DISTINCT answered FROM delivery WHERE event_id IS NOT NULL"
        await rig.work()
        assert [row["answered"] for row in await rig.pool.fetch(noted)] == [500]
        await rig.hurry()
        await rig.work()

        assert [row["answered"] for row in await rig.pool.fetch(noted)] == [200]


async def test_an_endpoint_that_failed_is_well_again_with_a_message_of_several(rig: Rig) -> None:
    async with hooked(rig, in_turn([status(500)] * 3), max_count=3) as (hub, id_, _there):
        await children(rig, hub, 3)
        for _ in range(3):
            await rig.work()
            await rig.hurry()
        assert await rig.status(id_) == ("error", "endpoint-fails")
        await rig.work()

        assert await rig.status(id_) == ("active", None)


async def test_events_gives_each_under_its_number_again(rig: Rig) -> None:
    async with hooked(rig, saying(OK), max_count=3) as (hub, id_, _there):
        await children(rig, hub, 5)
        await rig.work()

        log = await rig.ask(hub, "GET", f"Subscription/{id_}/$events?eventsSinceNumber=2")

        said = log.json()["entry"][0]["resource"]["parameter"]
        events = [one["part"] for one in said if one["name"] == "notification-event"]
        assert [part[0]["valueString"] for part in events] == ["2", "3", "4", "5"]


async def test_each_event_is_found_from_the_trace_of_its_cause(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the first one's trace; the others are named beside it, in a repeat too."""
    async with hooked(rig, in_turn([status(500)]), max_count=3) as (hub, _, _there):
        await children(rig, hub, 4)
        for n in range(1, 5):
            trace = {"traceparent": f"00-{n:032x}-{n:016x}-01"}
            row = "SELECT id FROM work WHERE outcome IS NULL ORDER BY id OFFSET $1 LIMIT 1"
            update = f"UPDATE work SET headers = $2 WHERE id = ({row})"  # noqa: S608
            await rig.pool.execute(update, n - 1, trace)
        asking, causes = telemetry.asking, list[list[str]]()

        def noted(*names: str, also: Sequence[Mapping[str, str]] = ()) -> Any:
            traces = [telemetry.trace_id(), *(telemetry.trace_of(headers) for headers in also)]
            causes.append([(trace or "").lstrip("0") for trace in traces])
            return asking(*names, also=also)

        monkeypatch.setattr(telemetry, "asking", noted)
        await rig.work()
        await rig.hurry()
        await rig.work()

        assert causes == [["1", "2", "3"], ["1", "2", "3"], ["4"]]
