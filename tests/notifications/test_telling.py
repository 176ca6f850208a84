"""From an event to a hub's log: order, numbers, repeats, consent, and who is never told."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.events import BillingImpact, SessionNoteAmended, SessionVoided
from services.chassis.db import transaction
from services.notifications.commands import telling
from services.notifications.domain.attempts import HOLD, Answered, Nothing
from services.notifications.work import measures
from tests.notifications.rig import (
    NOW,
    Child,
    Rig,
    engaged,
    filtered,
    goal_added,
    goal_retired,
    granted,
    progress,
    received,
    revoked,
    session,
    task_changed,
)


async def test_an_endpoint_is_greeted_and_then_the_subscription_is_active(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribe(hub, "referral-progress")
    assert await rig.status(id_) == ("requested", None)

    await rig.work()

    [greeting] = hub.log()
    assert (greeting["type"], greeting["since_start"]) == ("handshake", "0")
    assert greeting["verified"]
    assert greeting["authorised"]
    assert await rig.status(id_) == ("active", None)


async def test_a_hub_hears_of_its_own_task_in_order_without_any_release(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub, released=False)

    for version in (1, 2, 3):
        await rig.hear(task_changed(child, version))
    await rig.work()

    assert hub.numbers() == [1, 2, 3]
    assert {event["focus"] for one in hub.told() for event in one["events"]} == {
        f"https://waypost.example/fhir/Task/{child.task_id}"
    }
    assert not any("consents" in path for path in rig.referral.asked)


async def test_a_released_hub_hears_of_sessions_goals_and_plan(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)

    await rig.hear(goal_added(child), session(child), progress(child), goal_retired(child))
    await rig.work()

    types = [[event["focus"].split("/")[-2] for event in one["events"]] for one in hub.told()]
    assert types == [
        ["Goal", "CarePlan"],
        ["Encounter"],
        ["Goal", "CarePlan"],
        ["Goal", "CarePlan"],
    ]
    assert hub.numbers() == [1, 2, 3, 4, 5, 6, 7]
    assert [one["since_start"] for one in hub.told()] == ["2", "3", "5", "7"]


async def test_a_hub_hears_that_a_session_was_corrected_or_none(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)
    told = session(child)
    facts = told.model_dump() | {"version": 2, "supersedes": 1, "reason": "time"}
    impact = BillingImpact(units_before=4, units_after=0)
    ids = {name: facts[name] for name in ("youth_id", "session_id", "referral_id", "episode_id")}
    goal = goal_retired(child)

    await rig.hear(
        told,
        SessionNoteAmended(**facts, billing_impact=impact),
        SessionVoided(
            **ids,
            version=3,
            supersedes=2,
            reason="wrong_youth",
            billing_impact=impact,
            goal_ids=(goal.goal_id,),
            care_plan_id=goal.care_plan_id,
        ),
    )
    await rig.work()

    found = [[event["focus"].split("/")[-2] for event in one["events"]] for one in hub.told()]
    assert found == [["Encounter"], ["Encounter"], ["Encounter", "Goal", "CarePlan"]]


async def test_other_hubs_are_told_nothing(rig: Rig) -> None:
    hub, other = rig.hub(), rig.hub()
    for topic in ("referral-progress", "care-progress"):
        await rig.subscribed(hub, topic)
        await rig.subscribed(other, topic)
    child = await rig.child(hub)

    await rig.hear(task_changed(child), session(child))
    await rig.work()

    assert len(hub.told()) == 2
    assert other.told() == []


async def test_a_filter_narrows_a_subscription_to_one_youth(rig: Rig) -> None:
    hub = rig.hub()
    one, two = await rig.child(hub), await rig.child(hub)
    only = filtered("Encounter", one.youth_id)
    await rig.subscribed(hub, "care-progress", _criteria=only)

    await rig.hear(session(one), session(two), goal_added(one))
    await rig.work()

    assert len(hub.told()) == 2


async def test_a_session_heard_before_its_release_is_told_all_the_same(rig: Rig) -> None:
    """Streams are not ordered against each other: after a kill the release may come later."""
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub, released=False)

    await rig.hear(session(child))
    await rig.work()

    assert await rig.deliveries() == [("delivered", 1, 1)]


async def test_a_session_heard_before_its_hub_is_told_once_the_hub_is_known(rig: Rig) -> None:
    """The same of the hub itself: whoever comes first, the hub is told, and once."""
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = Child(hub)

    await rig.hear(session(child))
    await rig.hear(received(child), engaged(child), granted(child.youth_id, child.organisation_id))
    await rig.hear(engaged(child), session(child))
    await rig.work()

    assert await rig.deliveries() == [("delivered", 1, 1), ("delivered", 2, 1)]


async def test_a_hub_is_told_nothing_of_the_days_before_it(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = Child(hub)

    await rig.hear(session(child))
    await rig.hear(received(child), engaged(child, effective=date(2026, 11, 22)))
    await rig.work()

    assert await rig.deliveries() == []  # the session was on the 21st


async def test_a_hub_that_subscribes_later_is_told_nothing_of_before(rig: Rig) -> None:
    hub = rig.hub()
    child = await rig.child(hub)
    await rig.hear(session(child))

    await rig.subscribed(hub, "care-progress")
    await rig.hear(engaged(child))
    await rig.work()

    assert await rig.deliveries() == []


@pytest.mark.parametrize("mode", ["500", "429", "302", "silent"])
async def test_a_failed_message_comes_again_under_its_id_and_number(rig: Rig, mode: str) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    hub.behave(mode, times=1)

    await rig.hear(task_changed(child, 1), task_changed(child, 2))
    await rig.work()
    assert hub.told() == []  # the second waits behind the first
    await rig.hurry()
    await rig.work()

    sent = [one for one in hub.log() if one["type"] == "event-notification"]
    assert [one["events"][0]["number"] for one in sent] == [1, 1, 2]
    assert sent[0]["webhook_id"] == sent[1]["webhook_id"] != sent[2]["webhook_id"]
    assert await rig.deliveries() == [("delivered", 1, 2), ("delivered", 2, 1)]


async def test_a_sender_killed_in_mid_call_repeats_itself_and_skips_no_number(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    told, _ = await rig.hear(task_changed(child, 1), task_changed(child, 2))
    first: UUID = await rig.pool.fetchval(
        "SELECT delivery_id FROM delivery WHERE event_id = $1", told.event_id
    )

    async with transaction(rig.pool) as conn:  # numbered, perhaps sent, and then no more
        await telling.begin_attempt(conn, first, release=None, now=NOW)
    rig.worker = rig.new_worker()
    await rig.work()

    assert hub.numbers() == [1, 2]
    assert hub.told()[0]["webhook_id"] == str(first)


async def test_a_sender_killed_in_the_middle_of_a_lane_repeats_one_message_and_skips_no_number(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next is numbered with the answer to the one before it, and may never leave."""
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child, post = await rig.child(hub), rig.hook.post
    await rig.hear(*(task_changed(child, version) for version in (1, 2, 3)))

    async def once_and_no_more(*args: Any, **facts: Any) -> Any:
        if hub.told():
            raise asyncio.CancelledError
        return await post(*args, **facts)

    with monkeypatch.context() as patched:
        patched.setattr(rig.hook, "post", once_and_no_more)
        with pytest.raises(asyncio.CancelledError):
            await rig.work()
    assert await rig.deliveries() == [("delivered", 1, 1), ("queued", 2, 1), ("queued", None, 0)]

    rig.worker = rig.new_worker()
    await rig.worker.take_back()
    await rig.work()

    assert hub.numbers() == [1, 2, 3]
    assert [attempts for *_, attempts in await rig.deliveries()] == [1, 2, 1]
    assert await rig.pool.fetchval("SELECT count(*) FROM disclosure") == 3


async def test_consent_is_asked_anew_before_each_message_of_a_lane(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child, post = await rig.child(hub), rig.hook.post
    await rig.hear(session(child), session(child))

    async def and_revoke(*args: Any, **facts: Any) -> Any:
        rig.referral.revoked.add((child.youth_id, child.organisation_id))
        return await post(*args, **facts)

    monkeypatch.setattr(rig.hook, "post", and_revoke)
    await rig.work()

    assert hub.numbers() == [1]
    assert await rig.deliveries() == [("delivered", 1, 1), ("withheld", None, 0)]


async def test_a_lane_ends_where_its_subscription_does(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child, post = await rig.child(hub), rig.hook.post
    await rig.hear(task_changed(child, 1), task_changed(child, 2))

    async def and_end(*args: Any, **facts: Any) -> Any:
        await rig.pool.execute("UPDATE subscription SET status = 'off'")
        return await post(*args, **facts)

    monkeypatch.setattr(rig.hook, "post", and_end)
    await rig.work()

    assert hub.numbers() == [1]
    assert [state for state, _, _ in await rig.deliveries()] == ["delivered", "undeliverable"]
    last = "SELECT last_number FROM subscription WHERE subscription_id = $1"
    assert await rig.pool.fetchval(last, id_) == 1


async def test_a_message_that_another_has_delivered_meanwhile_is_not_sent_again(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    [told] = await rig.hear(task_changed(await rig.child(hub)))
    find = "SELECT delivery_id FROM delivery WHERE event_id = $1"
    id_: UUID = await rig.pool.fetchval(find, told.event_id)

    await rig.work()
    async with transaction(rig.pool) as conn:
        attempt = await telling.begin_attempt(conn, id_, release=None, now=NOW)
        pause = await telling.record_outcome(conn, id_, Answered(500), now=NOW, jitter=0)

    assert (attempt, pause) == (None, None)
    assert await rig.deliveries() == [("delivered", 1, 1)]


async def test_what_was_given_up_meanwhile_stays_given_up(rig: Rig) -> None:
    """Its gap was reported, and a person calls the hub: a late yes does not take that back."""
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    [told] = await rig.hear(task_changed(await rig.child(hub)))
    await rig.pool.execute("UPDATE delivery SET state = 'undeliverable' WHERE event_id NOTNULL")
    find = "SELECT delivery_id FROM delivery WHERE event_id = $1"
    id_: UUID = await rig.pool.fetchval(find, told.event_id)

    async with transaction(rig.pool) as conn:
        await telling.record_delivered(conn, id_, Answered(200), now=NOW)

    assert await rig.deliveries() == [("undeliverable", None, 0)]


async def test_a_message_found_over_and_asked_for_anew_since_stays_queued(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    [told] = await rig.hear(task_changed(await rig.child(hub)))
    find = "SELECT delivery_id FROM delivery WHERE event_id = $1"
    id_: UUID = await rig.pool.fetchval(find, told.event_id)

    async with transaction(rig.pool) as conn:
        pause = await telling.record_outcome(conn, id_, Nothing(), now=NOW, jitter=0)

    assert pause == HOLD
    assert await rig.deliveries() == [("queued", None, 0)]


async def test_only_a_greeting_makes_a_subscription_active(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    await rig.hear(task_changed(await rig.child(hub)))

    await rig.pool.execute("UPDATE subscription SET status = 'requested'")
    await rig.work()

    assert hub.numbers() == [1]
    assert await rig.status(id_) == ("requested", None)


async def test_what_is_revoked_before_it_is_sent_stays_unsent_and_unnumbered(rig: Rig) -> None:
    """S26: queued at 14:00, revoked at 14:02, due at 14:05."""
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    one, two = await rig.child(hub), await rig.child(hub)
    await rig.hear(session(one), session(two))

    rig.referral.revoked.add((one.youth_id, hub.partner.organisation_id))
    await rig.work()

    assert hub.numbers() == [1]
    assert sorted(await rig.deliveries(), key=str) == [("delivered", 1, 1), ("withheld", None, 0)]
    assert await rig.pool.fetch("SELECT FROM disclosure WHERE youth_id = $1", one.youth_id) == []


async def test_a_hub_that_has_ended_is_not_told(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)
    await rig.hear(session(child))

    rig.referral.disengaged.add((child.youth_id, hub.partner.organisation_id))
    await rig.work()

    assert hub.told() == []


async def test_after_a_revocation_nothing_more_is_sent(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)

    rig.referral.revoked.add((child.youth_id, hub.partner.organisation_id))
    await rig.hear(revoked(child))
    await rig.hear(session(child))
    await rig.work()

    assert [state for state, _, _ in await rig.deliveries()] == ["withheld"]


async def test_no_answer_about_consent_holds_the_lane_and_sends_nothing(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)
    rig.referral.away = True

    await rig.hear(session(child), progress(child))
    for _ in range(3):
        await rig.work()
        await rig.hurry()

    assert hub.told() == []
    assert await rig.deliveries() == [("queued", None, 0)] * 2

    rig.referral.away = False
    await rig.work()

    assert hub.numbers() == [1, 2, 3]


async def test_no_secret_holds_the_lane_too(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribe(hub, "referral-progress")
    rig.referral.secrets_away = True

    await rig.work()

    assert hub.log() == []


async def test_a_client_that_nobody_knows_is_told_nothing_for_now(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribe(hub, "referral-progress")
    secret = rig.referral.clients.pop(hub.name)

    await rig.work()
    assert hub.log() == []
    assert await rig.status(id_) == ("requested", None)
    rig.referral.clients[hub.name] = secret
    await rig.hurry()
    await rig.work()

    assert await rig.status(id_) == ("active", None)


async def test_a_dead_endpoint_delays_no_other(rig: Rig) -> None:
    dead, well = rig.hub(), rig.hub()
    await rig.subscribed(dead, "referral-progress")
    await rig.subscribed(well, "referral-progress")
    dead.behave("500")
    lost, child = await rig.child(dead), await rig.child(well)

    await rig.hear(task_changed(lost), task_changed(child, 1), task_changed(child, 2))
    await rig.work()

    assert well.numbers() == [1, 2]
    assert dead.told() == []


async def test_an_endpoint_that_is_gone_ends_its_subscription(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    hub.behave("410", times=1)

    await rig.hear(task_changed(child, 1), task_changed(child, 2))
    await rig.work()
    await rig.hear(task_changed(child, 3))
    await rig.work()

    assert hub.told() == []
    assert await rig.status(id_) == ("off", "endpoint-gone")
    assert [state for state, *_ in await rig.deliveries()] == ["undeliverable"] * 2


async def test_an_endpoint_that_keeps_failing_shows_as_error_until_it_is_well(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    hub.behave("500", times=3)

    await rig.hear(task_changed(child))
    for _ in range(3):
        await rig.work()
        await rig.hurry()
    assert await rig.status(id_) == ("error", "endpoint-fails")
    await rig.work()

    assert await rig.status(id_) == ("active", None)
    assert hub.numbers() == [1]


async def test_after_75_hours_a_message_is_undeliverable_and_its_subscription_off(
    rig: Rig,
) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    hub.behave("500")
    await rig.hear(task_changed(child))
    await rig.work()
    assert await rig.status(id_) == ("active", None)

    await rig.pool.execute("UPDATE delivery SET tried_since = now() - interval '75 h 36 min'")
    await rig.hurry()
    await rig.work()

    assert await rig.deliveries() == [("undeliverable", 1, 2)]
    assert await rig.status(id_) == ("off", "undeliverable")


async def test_a_subscription_ends_on_its_end(rig: Rig) -> None:
    hub = rig.hub()
    id_ = await rig.subscribed(hub, "referral-progress", end="2026-11-23T00:00:00Z")
    child = await rig.child(hub)
    rig.clock.moment = NOW + timedelta(days=2)

    await rig.hear(task_changed(child))
    await rig.work()

    assert hub.told() == []
    assert await rig.status(id_) == ("off", "ended")


async def test_each_message_leaves_one_record_of_what_it_disclosed_on_what_ground(
    rig: Rig,
) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    await rig.subscribed(hub, "care-progress")
    child = await rig.child(hub)
    hub.behave("500", times=1)

    await rig.hear(task_changed(child), session(child))
    await rig.work()
    await rig.hurry()
    await rig.work()

    rows = await rig.pool.fetch("SELECT * FROM disclosure ORDER BY ground")
    assert [(row["ground"], row["resources"][0].split("/")[0]) for row in rows] == [
        ("own-referral", "Task"),
        ("roi_hub", "Encounter"),
    ]
    assert {row["organisation_id"] for row in rows} == {hub.partner.organisation_id}
    assert rows[1]["asked_at"] == NOW


async def test_an_event_heard_twice_is_told_once(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)

    told = await rig.hear(task_changed(child))
    await rig.inbox.receive(rig.pool, told)
    await rig.pool.execute("UPDATE inbox_cursor SET last_sequence = last_sequence - 1")
    await rig.inbox.receive(rig.pool, told)  # a projection that is built anew
    await rig.work()

    assert hub.numbers() == [1]


async def test_a_task_of_a_referral_not_heard_of_waits(rig: Rig) -> None:
    hub = rig.hub()
    child = await rig.child(hub)
    await rig.pool.execute("DELETE FROM referral_sender")

    await rig.hear(task_changed(child))

    assert await rig.pool.fetchval("SELECT reason FROM inbox_waiting") == "NotYet"


async def test_nothing_is_left_to_do_when_a_readers_number_is_wanted(rig: Rig) -> None:
    await rig.child(rig.hub())
    await rig.pool.execute("UPDATE work SET due_at = $1", NOW)  # it is added by the machine's time

    await rig.work()

    assert await rig.pool.fetchval("SELECT count(*) FROM work WHERE outcome IS NULL") == 0


async def test_what_was_given_up_is_measured_by_client(rig: Rig) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    hub.behave("410", times=1)

    async def measured() -> list[tuple[str, float]]:
        async with rig.pool.acquire() as conn:
            return [(metric.name, value) for metric, value, _ in await measures(conn)]

    assert ("waypost_notifications_undeliverable", 0) in await measured()
    await rig.hear(task_changed(child, 1), task_changed(child, 2))
    await rig.work()

    assert await measured() == [
        ("waypost_notifications_queued_age", 0),
        ("waypost_notifications_undeliverable", 2),
        ("waypost_mail_queued_age", 0),
        ("waypost_mail_undeliverable", 0),
    ]
