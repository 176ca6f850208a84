"""What becomes of a referral after each fact; a machine ends none (DOMAIN.md §5.1)."""

import copy
import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from contracts.codes import Gap
from contracts.events import (
    EligibilityConfirmed,
    EligibilityDenied,
    HubDisengaged,
    HubEngaged,
    ReferralAmended,
    ReferralClosed,
    ReferralDuplicateSuspected,
    ReferralInfoRequested,
    ReferralStatusChanged,
    ReferralWithdrawn,
)
from services.chassis.db import transaction
from services.referral.commands.triage import looks_like
from tests.referral.bundles import entry_of, of
from tests.referral.desk import Desk, Office, refer
from tests.referral.rig import Hub, example


def bundle(**changes: Any) -> Any:
    """Sample 01 with a change per resource type; None takes the entry out."""
    made = copy.deepcopy(example("01"))
    for type_, change in changes.items():
        entries = [e for e in made["entry"] if e["resource"]["resourceType"] == type_]
        for entry in entries:
            if change is None:
                made["entry"].remove(entry)
            else:
                change(entry["resource"])
    return made


def without_hub() -> Any:
    """Nothing says a hub service: no episode, and a plan without a coded category."""

    def uncoded(plan: Any) -> None:
        plan["category"] = [one for one in plan["category"] if "cbhi-service" not in str(one)]

    return bundle(EpisodeOfCare=None, CarePlan=uncoded)


async def test_a_referral_without_a_hub_waits_for_its_sender(
    office: Office, riverbend: Hub
) -> None:
    """S2."""
    referred = await refer(riverbend, without_hub())
    await office.work_until_done()

    task = (await riverbend.read(f"Task/{referred.task_id}")).json()
    (asked,) = await office.told(ReferralInfoRequested)

    assert await office.state(referred.referral_id) == "incomplete"
    assert asked.items == (Gap.HUB_SERVICE,)
    assert task["status"] == "requested"
    assert task["businessStatus"]["coding"][0]["code"] == "awaiting-information"
    assert task["statusReason"]["coding"][0]["code"] == "hub-service"
    assert await office.told(EligibilityConfirmed) == []


async def test_reminders_come_on_day_5_and_10_and_a_work_item_on_day_14(
    office: Office, riverbend: Hub
) -> None:
    """T13: nothing closes by itself."""
    referred = await refer(riverbend, without_hub())
    found = []

    for _ in range(15):
        await office.work_until_done()
        found.append(await office.items(referred.referral_id))
        office.clock.at += timedelta(days=1)

    first = next(i for i, items in enumerate(found) if "information-reminder" in items)
    overdue = next(i for i, items in enumerate(found) if "information-overdue" in items)
    assert (first, overdue) == (5, 14)
    assert await office.state(referred.referral_id) == "incomplete"


async def test_a_failure_wins_over_a_gap_and_both_are_listed(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    def ended(episode: Any) -> None:
        episode["period"] = {"start": "2026-01-01", "end": "2026-10-31"}

    referred = await refer(riverbend, bundle(EpisodeOfCare=ended, Coverage=None))
    await office.work_until_done()

    task = (await riverbend.read(f"Task/{referred.task_id}")).json()
    (denied,) = await office.told(EligibilityDenied)

    assert await office.state(referred.referral_id) == "ineligible"
    assert [reason.code for reason in denied.reasons] == ["no-active-hub-service"]
    assert denied.rule_pack_version
    assert task["status"] == "requested"
    assert "coverage" in task["statusReason"]["text"]
    assert desk.asked == []
    assert await office.items(referred.referral_id) >= {"eligibility-problem"}


async def test_a_silent_payer_is_asked_again_and_denies_nobody(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    """S8: retries whose pause grows, a work item, then the answer confirms."""
    await desk.behave("503")
    referred = await refer(riverbend)
    for _ in range(4):
        await office.work_until_done()
        office.clock.at += timedelta(minutes=1)

    waiting = await office.state(referred.referral_id)
    items = await office.items(referred.referral_id)
    await desk.behave("normal")
    office.clock.at += timedelta(hours=1)
    await office.work_until_done()

    assert waiting == "pending_eligibility"
    assert items == {"payer-unavailable"}
    assert len(desk.asked) >= 4
    assert await office.state(referred.referral_id) == "eligible"
    assert await office.items(referred.referral_id) == set()
    assert await office.told(EligibilityDenied) == []
    statuses = [event.status for event in await office.told(ReferralStatusChanged)]
    assert statuses == ["requested", "accepted"]


async def test_a_payer_that_cannot_respond_is_asked_again(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    await desk.behave("aaa42")
    referred = await refer(riverbend)
    await office.work_until_done()
    await desk.behave("normal")
    office.clock.at += timedelta(seconds=3)
    await office.work_until_done()

    assert await office.state(referred.referral_id) == "eligible"
    outcomes = await office.pool.fetch("SELECT outcome FROM eligibility_inquiry ORDER BY number")
    assert [row["outcome"] for row in outcomes] == ["payer_unavailable", "active"]


@pytest.mark.parametrize(
    ("member", "item"),
    [
        ({"birth_date": "2013-03-10"}, "payer-rejects-identity"),
        ({"first_name": "Jaylen"}, "identity-review"),
        ({"member_id": "100023456780"}, "payer-knows-no-such-member"),
        ({"product": "A plan of the year 2031"}, "product-unknown"),
    ],
    ids=["birth-date", "twin", "unknown-member", "unknown-plan"],
)
async def test_a_question_that_needs_a_person_keeps_the_referral_pending(
    office: Office, riverbend: Hub, desk: Desk, member: dict[str, str], item: str
) -> None:
    desk.payer.members.keep({})
    await desk.teach(**member)

    referred = await refer(riverbend)
    await office.work_until_done()

    assert await office.state(referred.referral_id) == "pending_eligibility"
    assert await office.items(referred.referral_id) == {item}
    assert await office.told(EligibilityDenied) == []


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ({"product": "MassHealth Family Assistance"}, "coverage-type"),
        ({"period": {"start": "2026-01-01", "end": "2026-10-31"}}, "coverage-not-active"),
    ],
    ids=["excluded-type", "inactive"],
)
async def test_a_payers_no_is_for_a_person_to_see_and_ends_nothing(
    office: Office, riverbend: Hub, desk: Desk, member: dict[str, Any], code: str
) -> None:
    await desk.teach(**member)

    referred = await refer(riverbend)
    await office.work_until_done()

    task = (await riverbend.read(f"Task/{referred.task_id}")).json()
    (denied,) = await office.told(EligibilityDenied)
    assert await office.state(referred.referral_id) == "ineligible"
    assert [reason.code for reason in denied.reasons] == [code]
    assert task["status"] == "requested"
    assert task["businessStatus"]["coding"][0]["code"] == "eligibility-problem"
    assert task["statusReason"]["coding"][0]["code"] == code


async def test_a_payer_that_refuses_us_is_our_own_problem(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    desk.payer.token = "another"  # noqa: S105
    referred = await refer(riverbend)
    for _ in range(4):
        await office.work_until_done()
        office.clock.at += timedelta(minutes=1)

    assert await office.state(referred.referral_id) == "pending_eligibility"
    assert await office.items(referred.referral_id) == {"payer-setup"}


async def test_a_payer_without_a_desk_is_asked_by_a_person(office: Office, riverbend: Hub) -> None:
    await office.pool.execute("UPDATE partner_organisation SET eligibility_url = NULL")

    referred = await refer(riverbend)
    await office.work_until_done()

    assert await office.state(referred.referral_id) == "pending_eligibility"
    assert await office.items(referred.referral_id) == {"payer-answer-wanted"}


async def test_no_question_is_put_while_a_transaction_is_open(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    await refer(riverbend)
    open_at_call: list[int] = []
    ask = office.worker.calls["ask-payer"]
    original = ask.call

    async def watched(facts: Any) -> Any:
        open_at_call.append(office.pool.get_size() - office.pool.get_idle_size())
        return await original(facts)

    office.worker.calls["ask-payer"] = type(ask)(ask.read, watched, ask.record)
    await office.work_until_done()

    assert open_at_call == [0]


@pytest.mark.parametrize(
    ("act", "body", "state"),
    [
        ("close", {"reason": "declined"}, "closed"),
        ("facts", {"hub": {"hub_service": "in-home-therapy"}}, "pending_eligibility"),
    ],
    ids=["ended", "asked-afresh"],
)
async def test_an_answer_that_nobody_waits_for_any_more_is_dropped(
    office: Office, riverbend: Hub, act: str, body: Any, state: str
) -> None:
    """Something happens while the payer thinks."""
    referred = await refer(riverbend)
    ask = office.worker.calls["ask-payer"]

    async def meanwhile(facts: Any) -> Any:
        path = f"/api/referral/referrals/{referred.referral_id}/{act}"
        await office.as_staff("POST", path, body)
        return await ask.call(facts)

    office.worker.calls["ask-payer"] = type(ask)(ask.read, meanwhile, ask.record)
    await office.worker.run_one(now=office.clock.now())

    assert await office.state(referred.referral_id) == state
    assert await office.told(EligibilityConfirmed) == []
    assert await office.count("eligibility_inquiry") == 0


# --- Duplicates ---------------------------------------------------------------------------------


def sent_again_by_another(name: str | None = None, number: str | None = None) -> Any:
    """Sample 01 under other numbers, from another hub; the child may differ."""

    def other(patient: Any) -> None:
        for identifier in patient["identifier"]:
            if number and identifier["type"]["coding"][0]["code"] == "MA":
                identifier["value"] = number
        if name:
            patient["name"][0]["given"] = [name]

    def member(coverage: Any) -> None:
        if number:
            coverage["subscriberId"] = number
            coverage["identifier"][0]["value"] = number

    def renumbered(resource: Any) -> None:
        resource["identifier"][0]["value"] += "-X"

    made = bundle(Patient=other, Coverage=member, ServiceRequest=renumbered, Task=renumbered)
    return json.loads(json.dumps(made).replace("1234567893", "1992738454"))


async def second_hub(office: Office) -> Hub:
    return await office.hub(npi="1992738454", name="Second Hub")


async def test_the_second_of_two_that_look_alike_waits_for_a_person(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    """S14, first part: the first goes on; the hub sees no more than a review."""
    first = await refer(riverbend)
    other = await second_hub(office)
    second = await refer(other, sent_again_by_another())
    await office.work_until_done()

    (suspected,) = await office.told(ReferralDuplicateSuspected)
    task = (await other.read(f"Task/{second.task_id}")).json()

    assert await office.state(first.referral_id) == "eligible"
    assert await office.state(second.referral_id) == "duplicate_review"
    assert suspected.candidates == (UUID(first.referral_id),)
    assert task["businessStatus"]["coding"][0]["code"] == "eligibility-review"
    assert await office.items(second.referral_id) == {"duplicate-review"}
    assert len(desk.asked) == 1


async def test_of_two_that_come_at_once_the_later_waits_for_the_first(
    office: Office, riverbend: Hub
) -> None:
    """Neither would see the other's row before it is committed."""
    one = await refer(riverbend)
    two = await refer(await second_hub(office), sent_again_by_another())

    async with transaction(office.pool) as first, transaction(office.pool) as second:
        await looks_like(first, UUID(one.referral_id))
        await second.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await looks_like(second, UUID(two.referral_id))


async def test_a_person_says_that_it_is_another_child(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    await refer(riverbend)
    second = await refer(await second_hub(office), sent_again_by_another())
    path = f"/api/referral/referrals/{second.referral_id}/duplicate-review"

    answer = await office.as_staff("POST", path, {"distinct": True})
    await office.work_until_done()

    assert answer.json()["state"] == "pending_eligibility"
    assert await office.state(second.referral_id) == "eligible"
    again = await office.as_staff("POST", path, {"distinct": True})
    assert again.status_code == 409


async def test_twins_are_two_children(office: Office, riverbend: Hub, desk: Desk) -> None:
    """S15: same surname, birth date and address, another first name and a neighbouring number."""
    await desk.teach(member_id="100023456790", first_name="Jaylen")
    first = await refer(riverbend)
    second = await refer(await second_hub(office), sent_again_by_another("Jaylen", "100023456790"))
    await office.work_until_done()

    assert await office.told(ReferralDuplicateSuspected) == []
    assert await office.state(first.referral_id) == "eligible"
    assert await office.state(second.referral_id) == "eligible"


# --- What staff learn ---------------------------------------------------------------------------


async def test_a_hub_service_learned_by_telephone_lets_the_referral_go_on(
    office: Office, riverbend: Hub
) -> None:
    referred = await refer(riverbend, without_hub())
    path = f"/api/referral/referrals/{referred.referral_id}/facts"
    fact = {"hub": {"hub_service": "in-home-therapy", "begins": "2026-08-20"}}

    answer = await office.as_staff("POST", path, fact)
    await office.work_until_done()

    assert answer.json()["state"] == "pending_eligibility"
    (amended,) = await office.told(ReferralAmended)
    (confirmed,) = await office.told(EligibilityConfirmed)
    assert (amended.version, amended.changed_fields) == (2, ("hub",))
    assert amended.gaps == ()
    assert confirmed.hub_service == "in-home-therapy"
    assert await office.state(referred.referral_id) == "eligible"


async def test_an_amendment_neither_ends_nor_begins_a_hub_that_staff_named(
    office: Office, riverbend: Hub
) -> None:
    """To begin anew would hold the episode and close the hub's reads for nothing."""
    sent = without_hub()
    referred = await refer(riverbend, sent)
    path = f"/api/referral/referrals/{referred.referral_id}/facts"
    fact = {"hub": {"hub_service": "in-home-therapy", "begins": "2026-08-20"}}
    await office.as_staff("POST", path, fact)
    of(sent, "ServiceRequest")["priority"] = "urgent"
    number = of(sent, "ServiceRequest")["identifier"][0]
    url = f"ServiceRequest?identifier={number['system']}|{number['value']}"
    entry_of(sent, "ServiceRequest")["request"] = {"method": "PUT", "url": url}

    answer = await riverbend.refer(sent)

    assert answer.status_code == 200, answer.text
    assert len(await office.told(HubEngaged)) == 1
    assert await office.told(HubDisengaged) == []
    assert await office.state(referred.referral_id) == "pending_eligibility"


async def test_a_hub_that_ended_by_telephone_is_told_as_ended_and_may_begin_again(
    office: Office, riverbend: Hub
) -> None:
    referred = await refer(riverbend)
    path = f"/api/referral/referrals/{referred.referral_id}/facts"
    over = {"hub_service": "in-home-therapy", "ends": "2026-11-08"}
    again = {"hub_service": "in-home-therapy", "begins": "2026-11-09"}

    for _ in range(2):
        assert (await office.as_staff("POST", path, {"hub": over})).status_code == 200
    (ended,) = await office.told(HubDisengaged)
    assert (await office.as_staff("POST", path, {"hub": again})).status_code == 200

    assert ended.effective == date(2026, 11, 9)
    assert ended.organisation_id == riverbend.organisation_id
    assert [event.effective for event in await office.told(HubEngaged)] == [
        *(date(2026, 8, 20), date(2026, 11, 9)),
    ]


async def test_a_hub_that_is_to_end_by_telephone_ends_on_its_day(
    office: Office, riverbend: Hub
) -> None:
    referred = await refer(riverbend)
    path = f"/api/referral/referrals/{referred.referral_id}/facts"
    over = {"hub_service": "in-home-therapy", "ends": "2026-11-11"}

    await office.as_staff("POST", path, {"hub": over})
    await office.work_until_done()
    assert await office.told(HubDisengaged) == []
    office.clock.at += timedelta(days=3)
    await office.work_until_done()

    (ended,) = await office.told(HubDisengaged)
    assert ended.effective == date(2026, 11, 12)


async def test_an_answer_that_a_payer_gave_a_person_counts(office: Office, riverbend: Hub) -> None:
    await office.pool.execute("UPDATE partner_organisation SET eligibility_url = NULL")
    referred = await refer(riverbend)
    await office.work_until_done()
    coverage = await office.pool.fetchval("SELECT coverage_id::text FROM coverage")
    path = f"/api/referral/referrals/{referred.referral_id}/facts"
    fact = {"coverage_id": coverage, "is_active": True, "product": "masshealth-commonhealth"}

    answer = await office.as_staff("POST", path, {"payer_answer": fact})

    (confirmed,) = await office.told(EligibilityConfirmed)
    assert answer.json()["state"] == "eligible"
    assert confirmed.product == "masshealth-commonhealth"


# --- Ends ---------------------------------------------------------------------------------------


async def test_a_coordinator_declines_before_acceptance(office: Office, riverbend: Hub) -> None:
    referred = await refer(riverbend, without_hub())
    path = f"/api/referral/referrals/{referred.referral_id}/close"
    said = {"reason": "declined", "text": "Declined after two reminders: no hub service."}

    for _ in range(2):
        answer = await office.as_staff("POST", path, said)
    task = (await riverbend.read(f"Task/{referred.task_id}")).json()

    assert answer.json()["state"] == "closed"
    assert task["status"] == "rejected"
    assert task["statusReason"]["text"] == said["text"]
    (closed,) = await office.told(ReferralClosed)
    assert closed.reason == "declined"


async def test_an_eligible_referral_that_ends_has_failed(office: Office, riverbend: Hub) -> None:
    referred = await refer(riverbend)
    await office.work_until_done()
    path = f"/api/referral/referrals/{referred.referral_id}/close"

    await office.as_staff("POST", path, {"reason": "no_response"})
    task = (await riverbend.read(f"Task/{referred.task_id}")).json()

    assert task["status"] == "failed"


async def test_a_revoked_request_is_withdrawn(office: Office, riverbend: Hub) -> None:
    referred = await refer(riverbend)
    await office.work_until_done()
    request = (await riverbend.read(f"ServiceRequest/{referred.referral_id}")).json()
    number = request["identifier"][0]
    query = f"identifier={number['system']}|{number['value']}"

    answer = await riverbend.send(
        "PUT", f"/fhir/ServiceRequest?{query}", request | {"status": "revoked"}
    )
    task = (await riverbend.read(f"Task/{referred.task_id}")).json()

    assert answer.status_code == 200, answer.json()
    assert task["status"] == "cancelled"
    assert task["businessStatus"]["coding"][0]["code"] == "6.0"
    assert len(await office.told(ReferralWithdrawn)) == 1


# --- Gate 1 again -------------------------------------------------------------------------------


async def test_an_eligible_referral_whose_hub_ended_is_held_and_comes_back(
    office: Office, riverbend: Hub
) -> None:
    referred = await refer(riverbend)
    await office.work_until_done()
    episode = await office.pool.fetchval("SELECT enrolment_id FROM hub_enrolment")
    await office.pool.execute("UPDATE hub_enrolment SET ends = '2026-11-08'")
    path = f"/api/referral/referrals/{referred.referral_id}/facts"

    held = await office.as_staff("POST", path, {})
    task = (await riverbend.read(f"Task/{referred.task_id}")).json()
    await office.pool.execute(
        "UPDATE hub_enrolment SET ends = NULL WHERE enrolment_id = $1", episode
    )
    await office.as_staff("POST", path, {})
    await office.work_until_done()
    back = (await riverbend.read(f"Task/{referred.task_id}")).json()

    assert held.json()["state"] == "on_hold"
    assert task["status"] == "on-hold"
    assert task["statusReason"]["coding"][0]["code"] == "no-active-hub-service"
    assert back["status"] == "accepted"
    assert await office.state(referred.referral_id) == "eligible"
    assert len(await office.told(EligibilityDenied)) == 1
    assert len(await office.told(EligibilityConfirmed)) == 2


async def test_a_goal_taken_back_denies_without_a_reason_and_says_what_is_missing(
    office: Office, riverbend: Hub
) -> None:
    referred = await refer(riverbend)
    await office.work_until_done()
    await office.pool.execute("UPDATE hub_goal SET tm_assigned = false")
    path = f"/api/referral/referrals/{referred.referral_id}/facts"

    for _ in range(2):
        await office.as_staff("POST", path, {})
    task = (await riverbend.read(f"Task/{referred.task_id}")).json()

    (denied,) = await office.told(EligibilityDenied)
    (asked,) = await office.told(ReferralInfoRequested)
    assert (denied.reasons, asked.items) == ((), (Gap.TM_GOAL,))
    assert await office.told(ReferralAmended) == []
    assert (task["status"], await office.state(referred.referral_id)) == ("on-hold", "on_hold")
    assert "No goal is assigned" in task["statusReason"]["text"]
