"""Was the service valid on day D, and why: as staff ask it of one referral (DOMAIN.md §1, S7)."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.referral.desk import Desk, Office, Referred, refer
from tests.referral.rig import Hub
from tests.referral.test_coverage_changes import EDGE, ask_again, until
from tests.referral.test_following import Story


@pytest.fixture
async def served(office: Office, riverbend: Hub) -> Referred:
    """A child in service, with all that gate 2 asks for."""
    found = await refer(riverbend)
    await office.work_until_done()
    for kind in ("documents", "consent-treatment", "consent-roi-hub", "medical-necessity"):
        roles = "supervisor" if kind == "medical-necessity" else "coordinator"
        path = f"/api/referral/referrals/{found.referral_id}/attestations"
        body = {"kind": kind, "given_on": "2026-11-09"}
        assert (await office.as_staff("POST", path, body, roles=roles)).status_code == 201
    story = Story(found)
    await office.hear(story.assigned(), story.opened())
    await office.work_until_done()
    return found


async def ask(office: Office, referred: Referred, on: date | str, **more: Any) -> Any:
    path = f"/api/referral/referrals/{referred.referral_id}/service-validity?on={on}"
    return await office.as_staff("GET", path, **more)


async def answer(office: Office, referred: Referred, on: date) -> Any:
    return (await ask(office, referred, on)).json()


def holds(found: Any) -> dict[str, bool | None]:
    return {finding["question"]: finding["holds"] for finding in found["findings"]}


async def test_a_day_in_service_is_valid_and_each_check_names_its_proof(
    office: Office, served: Referred, riverbend: Hub
) -> None:
    found = await answer(office, served, date(2026, 11, 19))

    assert (found["valid"], set(holds(found).values())) == (True, {True})
    assert all(finding["evidence_id"] for finding in found["findings"])
    rules = {f["question"]: f["rule"]["key"] for f in found["findings"] if f["rule"]}
    assert rules == {
        "age": "age.max_exclusive",
        "coverage": "coverage.masshealth.types_full",
        "hub-active": "hub.required",
        "plan-names-tm": "hub.plan_names_tm",
    }
    assert found["hub"]["organisation_id"] == str(riverbend.organisation_id)
    assert found["coverage"]["product"] == "masshealth-standard"
    assert [(c["kind"], c["stands"]) for c in found["consents"]] == [
        *(("roi_hub", True), ("treatment", True)),
    ]
    assert found["rule_pack_version"]


async def test_the_day_before_receipt_was_not(office: Office, served: Referred) -> None:
    found = await answer(office, served, date(2026, 11, 8))

    assert found["valid"] is False
    assert holds(found)["referral-open"] is False
    assert holds(found)["coverage"] is True


async def test_a_lapse_that_was_found_late_counts_from_its_own_day_until_it_is_taken_back(
    office: Office, desk: Desk, served: Referred
) -> None:
    """S7: the session of the 5th was valid, then it was not, then it was again."""
    await desk.teach(period=until(EDGE))
    await ask_again(office, served, on=date(2026, 12, 7))
    lapsed = [await answer(office, served, EDGE + timedelta(days=n)) for n in (-1, 0)]
    await desk.teach()
    await ask_again(office, served, on=date(2026, 12, 22))
    back = await answer(office, served, EDGE)

    assert [found["valid"] for found in (*lapsed, back)] == [True, False, True]
    assert holds(lapsed[1])["coverage"] is False


async def test_what_the_hub_and_the_family_end_counts_from_its_day(
    office: Office, served: Referred
) -> None:
    path = f"/api/referral/referrals/{served.referral_id}"
    ended = {"hub": {"hub_service": "in-home-therapy", "ends": "2026-11-08"}}
    await office.as_staff("POST", f"{path}/facts", ended)
    office.clock.at += timedelta(days=2)
    body = {"kind": "consent-treatment", "stands": False}
    await office.as_staff("POST", f"{path}/attestations", body)

    before = await answer(office, served, date(2026, 11, 10))
    after = await answer(office, served, date(2026, 11, 11))

    assert (holds(before)["hub-active"], holds(before)["consent-treatment"]) == (False, True)
    assert (holds(after)["hub-active"], holds(after)["consent-treatment"]) == (False, False)


async def test_what_nobody_has_answered_is_unknown_and_no_no(
    office: Office, desk: Desk, riverbend: Hub
) -> None:
    await desk.behave("503")
    referred = await refer(riverbend)
    await office.worker.run_one(now=office.clock.now())

    found = await answer(office, referred, date(2026, 11, 9))

    assert holds(found)["coverage"] is None
    assert "ask it" in next(f["why"] for f in found["findings"] if f["question"] == "coverage")


async def test_after_its_end_it_was_not_and_once_reopened_it_is(
    office: Office, riverbend: Hub
) -> None:
    referred = await refer(riverbend)
    path = f"/api/referral/referrals/{referred.referral_id}"
    await office.as_staff("POST", f"{path}/close", {"reason": "no_response"})
    office.clock.at += timedelta(days=10)
    await office.as_staff("POST", f"{path}/reopen")

    days = {n: date(2026, 11, 9) + timedelta(days=n) for n in (0, 1, 9, 10)}
    found = {n: holds(await answer(office, referred, day)) for n, day in days.items()}

    assert {n: one["referral-open"] for n, one in found.items()} == {
        **{0: True, 1: False},
        **{9: False, 10: True},
    }


async def test_who_asks_and_what_is_no_question(office: Office, served: Referred) -> None:
    billing = await ask(office, served, "2026-11-19", roles="billing")
    mentor = await ask(office, served, "2026-11-19", roles="mentor")
    unknown = Referred("00000000-0000-4000-8000-000000000404", "", "")

    assert (billing.status_code, mentor.status_code) == (200, 403)
    assert (await ask(office, served, "yesterday")).status_code == 422
    assert (await ask(office, unknown, "2026-11-19")).status_code == 404
