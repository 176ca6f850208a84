"""A mentor is offered first: accepted, declined or expired, the day of receipt counts."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from contracts import rules
from contracts.codes import Priority
from services.chassis.db import Pool
from services.scheduling.domain import policy
from services.scheduling.domain.offers import OfferRules, last_day
from tests.scheduling.builders import MENTOR, TODAY, Child, make_mentor, register
from tests.scheduling.door import Door, work_off
from tests.scheduling.test_leaving import leave

SCHEDULER, COORDINATOR = "scheduler:sam", "coordinator:cleo"
OTHER = UUID(int=78)


async def offer(door: Door, child: Child, mentor_id: UUID = MENTOR, **more: Any) -> httpx.Response:
    body = {"referral_id": str(child.referral_id), "mentor_id": str(mentor_id), **more}
    return await door.post("/offers", body, by=SCHEDULER)


async def answer(door: Door, offer_id: str, said: str, body: Any = None) -> httpx.Response:
    return await door.post(f"/offers/{offer_id}/{said}", body or {}, by=COORDINATOR)


async def listed(door: Door, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await door.get(f"/waitlist?state={state}", by=SCHEDULER)).json()
    return found


# --- How long ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "last"),
    [
        (date(2026, 11, 9), date(2026, 11, 17)),
        (date(2026, 11, 13), date(2026, 11, 20)),
        (date(2026, 11, 14), date(2026, 11, 20)),
        (date(2026, 11, 22), date(2026, 11, 30)),
    ],
    ids=["veterans-day", "friday", "saturday", "thanksgiving"],
)
def test_an_offer_stands_for_five_business_days(offered: date, last: date) -> None:
    assert last_day(offered, policy.offer_rules(rules.load(), on=offered)) == last


def test_the_day_of_the_offer_does_not_count() -> None:
    assert last_day(date(2026, 11, 23), OfferRules(1, frozenset())) == date(2026, 11, 24)


# --- Offered -------------------------------------------------------------------------------------


async def test_an_offer_is_told_and_keeps_the_mentors_hours(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=2))
    child, other = Child(pool), Child(pool)
    await child.wait()
    await other.wait()

    made = await offer(door, child)
    again = await offer(door, child)
    matches = await door.get(f"/waitlist/{other.referral_id}/matches", by=SCHEDULER)

    assert (made.status_code, made.json()["state"]) == (201, "open")
    assert again.json() == made.json()
    told = await child.body("MentorProposed")
    assert (told["assignment_id"], told["expires_on"]) == (made.json()["offer_id"], "2026-11-30")
    assert [one["code"] for one in matches.json()[0]["excluded"]] == ["capacity"]
    assert [one["referral_id"] for one in await listed(door, "offered")] == [str(child.referral_id)]
    assert (await child.told()).count("MentorProposed") == 1


async def test_an_accepted_offer_becomes_the_assignment_of_its_id(door: Door, child: Child) -> None:
    await child.wait()
    offer_id = (await offer(door, child)).json()["offer_id"]

    for _ in range(2):
        accepted = await answer(door, offer_id, "accept")
    declined = await answer(door, offer_id, "decline", {"by": "family"})

    assert accepted.json()["assignment_id"] == offer_id
    assert (declined.status_code, declined.json()["code"]) == (409, "offer-over")
    assert await child.told() == ["ReferralWaitlisted", "MentorProposed", "MentorAssigned"]


async def test_an_assignment_of_the_offered_mentor_accepts_the_offer(
    door: Door, child: Child
) -> None:
    await child.wait()
    offer_id = (await offer(door, child)).json()["offer_id"]

    assigned = await child.assign()

    assert str(assigned.assignment.assignment_id) == offer_id


async def test_while_one_mentor_is_offered_no_other_is(
    door: Door, child: Child, pool: Pool
) -> None:
    await register(pool, make_mentor(mentor_id=OTHER))
    await child.wait()
    await offer(door, child)

    other = await offer(door, child, OTHER)
    body = {"referral_id": str(child.referral_id), "mentor_id": str(OTHER)}
    assigned = await door.post("/assignments", body, by=SCHEDULER)

    assert (other.status_code, other.json()["code"]) == (409, "offered")
    assert (assigned.status_code, assigned.json()["code"]) == (409, "offered")


async def test_nobody_is_offered_to_who_does_not_wait(door: Door, child: Child) -> None:
    await child.admit()

    refused = await offer(door, child)

    assert (refused.status_code, refused.json()["code"]) == (409, "not-waiting")


# --- Declined ------------------------------------------------------------------------------------


async def test_who_declines_waits_on_from_the_day_of_receipt(door: Door, child: Child) -> None:
    await child.wait()
    for count in (1, 2, 3):
        offer_id = (await offer(door, child)).json()["offer_id"]
        for _ in range(2):
            declined = await answer(door, offer_id, "decline", {"by": "family"})
        assert (await child.body("MentorDeclined"))["declines"] == count

    assert declined.json()["state"] == "declined"
    assert [one["wait_started"] for one in await listed(door, "waiting")] == ["2026-11-10"]
    assert (await child.told()).count("MentorDeclined") == 3
    late = await answer(door, offer_id, "accept")
    assert (late.status_code, late.json()["code"]) == (409, "offer-over")


async def test_an_offer_that_we_take_back_is_no_decline_of_the_family(
    door: Door, child: Child
) -> None:
    await child.wait()
    offer_id = (await offer(door, child)).json()["offer_id"]

    await answer(door, offer_id, "decline", {"by": "agency"})

    told = await child.body("MentorDeclined")
    assert (told["reason"], told["declines"]) == ("agency", 0)


async def test_an_offer_expires_after_its_last_day(door: Door, child: Child) -> None:
    await child.wait()
    await offer(door, child)

    await work_off(child.pool, days=8)
    before = await listed(door, "offered")
    await work_off(child.pool, days=9)

    assert len(before) == 1
    assert (await child.body("MentorDeclined"))["reason"] == "expired"
    assert len(await listed(door, "waiting")) == 1


async def test_an_answered_offer_does_not_expire(door: Door, child: Child) -> None:
    await child.wait()
    offer_id = (await offer(door, child)).json()["offer_id"]
    await answer(door, offer_id, "accept")

    await work_off(child.pool, days=30)

    assert "MentorDeclined" not in await child.told()


async def test_gate_one_that_falls_takes_the_offer_back(door: Door, child: Child) -> None:
    await child.wait()
    await offer(door, child)

    await child.hear(child.denied())

    assert (await child.body("MentorDeclined"))["reason"] == "agency"
    assert len(await listed(door, "held")) == 1


async def test_a_mentor_who_leaves_is_offered_no_more(door: Door, child: Child) -> None:
    await child.wait()
    await offer(door, child)

    await leave(door)
    await work_off(child.pool)

    assert (await child.body("MentorDeclined"))["reason"] == "mentor"
    assert len(await listed(door, "waiting")) == 1


async def test_who_lost_a_mentor_declines_another_and_stays_on_that_list(
    door: Door, child: Child, pool: Pool
) -> None:
    await child.admit()
    await register(pool, make_mentor(mentor_id=OTHER, max_hours=60))
    await leave(door)
    await work_off(pool)
    offer_id = (await offer(door, child, OTHER)).json()["offer_id"]

    await answer(door, offer_id, "decline", {"by": "youth"})

    assert len(await listed(door, "reassign")) == 1


async def test_an_offer_that_nobody_made_is_not_found(door: Door) -> None:
    assert (await answer(door, str(uuid4()), "accept")).status_code == 404


# --- Passed over ---------------------------------------------------------------------------------


async def test_who_waits_longer_is_passed_over_for_a_reason_only(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    longer, later = Child(pool), Child(pool)
    await longer.wait(received_on=TODAY - timedelta(days=20))
    await later.wait()

    bare = await offer(door, later)
    reasoned = await offer(door, later, passed_reason="lives next door")
    accepted = await answer(door, reasoned.json()["offer_id"], "accept")

    assert (bare.status_code, bare.json()["code"]) == (422, "passed-over-unexplained")
    assert "1 referral that waits longer could have this mentor" in bare.json()["message"]
    assert accepted.json()["passed"] == [
        {"referral_id": str(longer.referral_id), "days_waiting": 20}
    ]


async def test_who_could_not_have_that_mentor_is_not_passed_over(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60, languages=("es",)))
    longer, later = Child(pool), Child(pool)
    await longer.wait(
        received_on=TODAY - timedelta(days=20), languages=("ht",), interpreter_needed=True
    )
    await later.wait()

    assert (await offer(door, later)).status_code == 201


async def test_who_lost_a_mentor_passes_nobody(door: Door, child: Child, pool: Pool) -> None:
    await child.admit()
    await register(pool, make_mentor(mentor_id=OTHER, max_hours=60))
    longer = Child(pool)
    await longer.wait(received_on=TODAY - timedelta(days=90), priority=Priority.URGENT)
    await leave(door)
    await work_off(pool)

    assert (await child.assign(OTHER)).passed_over == ()


async def test_who_was_passed_over_is_listed_for_an_audit_of_fairness(
    door: Door, pool: Pool
) -> None:
    await register(pool, make_mentor(max_hours=60))
    longer = Child(pool)
    await longer.wait(received_on=TODAY - timedelta(days=20), languages=("es",), area="holyoke")
    for reason in ("lives next door", "knows the school"):
        later = Child(pool)
        await later.wait()
        await later.assign(passed_reason=reason)

    found = await door.get("/waitlist/passed-over", by="supervisor:sue")
    refused = await door.get("/waitlist/passed-over", by="mentor:mia")

    assert found.json() == [
        {
            "referral_id": str(longer.referral_id),
            "times": 2,
            "days_waiting": 20,
            "reasons": ["knows the school", "lives next door"],
            "languages": ["es"],
            "area": "holyoke",
            "still_waiting": True,
        }
    ]
    assert refused.status_code == 403


# --- Explained -----------------------------------------------------------------------------------


async def test_an_assignment_says_why_this_mentor_and_why_not_the_others(
    door: Door, pool: Pool
) -> None:
    await register(pool, make_mentor(max_hours=60))
    await register(pool, make_mentor(mentor_id=OTHER, languages=("en",), max_hours=1))
    child = Child(pool)
    await child.wait()
    made = await child.assign()
    await register(pool, make_mentor(mentor_id=OTHER, languages=("es",), max_hours=60))

    told = (
        await door.get(f"/assignments/{made.assignment.assignment_id}", by="supervisor:sue")
    ).json()

    assert told["mentor_id"] == str(MENTOR)
    this, other = told["considered"]
    assert (this["mentor_id"], this["excluded"]) == (str(MENTOR), [])
    assert this["points"]["language"] == 35.0
    assert (other["mentor_id"], other["excluded"]) == (str(OTHER), ["capacity"])
    assert other["points"]["language"] < 35.0
    assert other["name"] == "Devon Pierre"


async def test_a_place_on_the_list_is_explained(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    await Child(pool).wait(priority=Priority.URGENT, received_on=date(2026, 11, 20))
    for _ in range(2):
        await Child(pool).wait()

    whys = [one["because"] for one in await listed(door, "waiting")]

    tie = "Received on 2026-11-10, as 1 more: of equals who can be served best comes first."
    assert whys == ["Urgent, so before all who are not; received on 2026-11-20.", tie, tie]
