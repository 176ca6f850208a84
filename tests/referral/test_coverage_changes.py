"""Coverage lapses, comes back and changes while the referral goes on, and gate 1 ends by its date.

Stories S7, S9 and S11 of DOMAIN.md, as far as referral goes.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.events import (
    CoverageChanged,
    CoverageLapsed,
    CoverageReinstated,
    EligibilityConfirmed,
    EligibilityDenied,
    HubDisengaged,
    HubEngaged,
)
from tests.referral.bundles import make_bundle, of
from tests.referral.desk import Desk, Office, Referred, enrol_payer, refer
from tests.referral.rig import Hub
from tests.referral.test_following import START, Story

EDGE = date(2026, 11, 18)  # the first day without, in most of these tests


@pytest.fixture
async def served(office: Office, riverbend: Hub) -> Referred:
    """A child in service."""
    found = await refer(riverbend)
    await office.work_until_done()
    story = Story(found)
    await office.hear(story.assigned(), story.opened())
    await office.work_until_done()
    return found


async def ask_again(office: Office, served: Referred, *, on: date) -> None:
    """The check on the day before a session (T8)."""
    await office.hear(Story(served).booked(START + (on + timedelta(days=1) - START.date())))
    office.clock.at = START + (on - START.date())
    await office.work_until_done()


def until(day: date) -> dict[str, str]:
    return {"start": "2026-01-01", "end": (day - timedelta(days=1)).isoformat()}


async def test_a_lapse_that_is_found_late_is_told_from_its_own_day(
    office: Office, desk: Desk, served: Referred
) -> None:
    """S7: active on the 4th, on the 20th the payer says that it has ended before."""
    await desk.teach(period=until(EDGE))
    await ask_again(office, served, on=date(2026, 12, 7))

    (lapsed,) = await office.told(CoverageLapsed)

    assert (lapsed.effective, lapsed.retro) == (EDGE, True)
    assert await office.state(served.referral_id) == "admitted"


async def test_a_lapse_that_goes_on_is_told_once(
    office: Office, desk: Desk, served: Referred
) -> None:
    await desk.teach(period=until(EDGE))
    for day in (date(2026, 12, 7), date(2026, 12, 14)):
        await ask_again(office, served, on=day)

    assert len(await office.told(CoverageLapsed)) == 1


@pytest.mark.parametrize(
    ("begins", "effective", "valid_from"),
    [
        pytest.param("2026-01-01", EDGE, date(2026, 11, 9), id="without a gap"),
        pytest.param("2026-12-01", date(2026, 12, 1), date(2026, 12, 1), id="with a gap"),
    ],
)
async def test_coverage_that_comes_back_is_told_from_the_day_on_which_it_stands_again(
    office: Office, desk: Desk, served: Referred, begins: str, effective: date, valid_from: date
) -> None:
    await desk.teach(period=until(EDGE))
    await ask_again(office, served, on=date(2026, 12, 7))
    await desk.teach(period={"start": begins})
    await ask_again(office, served, on=date(2026, 12, 22))
    await ask_again(office, served, on=date(2026, 12, 29))

    (back,) = await office.told(CoverageReinstated)

    assert (back.effective, back.retro) == (effective, True)
    confirmed = await office.told(EligibilityConfirmed)
    assert [c.valid_from for c in confirmed] == [date(2026, 11, 9), valid_from]
    assert await office.items(served.referral_id) == set()
    assert await office.told(CoverageChanged) == []


async def test_who_looks_into_a_lapse_lets_the_payer_be_asked_at_once(
    office: Office, desk: Desk, served: Referred
) -> None:
    """Nothing is booked meanwhile, so that no day before a session would ask."""
    await desk.teach(period=until(EDGE))
    await ask_again(office, served, on=date(2026, 12, 7))
    await desk.teach()
    path = f"/api/referral/referrals/{served.referral_id}/facts"

    await office.as_staff("POST", path, {})
    await office.work_until_done()

    (back,) = await office.told(CoverageReinstated)
    assert (back.effective, back.retro) == (EDGE, True)
    assert await office.items(served.referral_id) == set()


async def test_who_is_served_and_covered_is_not_asked_about_for_each_fact(
    office: Office, desk: Desk, served: Referred
) -> None:
    """E19: the payer is asked about who is served, not about everybody who is known."""
    asked = len(desk.asked)

    await office.as_staff("POST", f"/api/referral/referrals/{served.referral_id}/facts", {})
    await office.work_until_done()

    assert len(desk.asked) == asked


async def test_it_can_lapse_a_second_time(office: Office, desk: Desk, served: Referred) -> None:
    for last in (EDGE, None, date(2026, 12, 20)):
        await desk.teach(period=until(last) if last else {"start": "2026-01-01"})
        await ask_again(office, served, on=(last or EDGE) + timedelta(days=7))

    lapsed = await office.told(CoverageLapsed)

    assert [event.effective for event in lapsed] == [EDGE, date(2026, 12, 20)]


async def test_an_administrator_that_changes_is_told_and_the_days_go_on(
    office: Office, desk: Desk, served: Referred
) -> None:
    """S9: another administrator of behavioural health from a day on."""
    await desk.teach(bh_admin="WellSense")
    await ask_again(office, served, on=EDGE)

    (changed,) = await office.told(CoverageChanged)

    before, now = await office.told(EligibilityConfirmed)
    assert changed.payer == changed.new_payer == before.payer
    assert (changed.effective, changed.retro, changed.bh_admin) == (EDGE, False, now.bh_admin)
    assert before.bh_admin != now.bh_admin
    assert now.valid_from == before.valid_from


async def test_another_payer_stands_from_its_own_first_day(
    office: Office, desk: Desk, served: Referred
) -> None:
    second = await enrol_payer(office.pool, desk.url, "commercial-one")
    await desk.teach(period=until(EDGE))
    await desk.teach(member_id="C-900", product="BHCA", period={"start": EDGE.isoformat()})
    body = {"coverage": {"payer_id": str(second), "member_id": "C-900", "rank": 1}}
    await office.as_staff("POST", f"/api/referral/referrals/{served.referral_id}/facts", body)
    await ask_again(office, served, on=date(2026, 12, 7))

    (changed,) = await office.told(CoverageChanged)

    assert (changed.new_payer, changed.effective, changed.retro) == (second, EDGE, True)
    assert await office.told(CoverageLapsed) == []
    last = (await office.told(EligibilityConfirmed))[-1]
    assert (last.payer, last.valid_from) == (second, EDGE)


async def test_who_waits_is_held_on_the_first_day_that_was_not_promised(
    office: Office, desk: Desk, riverbend: Hub
) -> None:
    """By a date that is known already, and nobody had to look (T8)."""
    await desk.teach(period=until(EDGE))
    waiting = await refer(riverbend)
    await office.work_until_done()
    office.clock.at = START + (EDGE - START.date()) - timedelta(days=1)
    await office.work_until_done()
    before = await office.state(waiting.referral_id)
    office.clock.at += timedelta(days=1)

    await office.work_until_done()

    assert (before, await office.state(waiting.referral_id)) == ("eligible", "on_hold")
    (denied,) = await office.told(EligibilityDenied)
    assert [reason.code for reason in denied.reasons] == ["coverage-not-active"]


async def test_coverage_that_was_prolonged_meanwhile_goes_on_in_silence(
    office: Office, desk: Desk, riverbend: Hub
) -> None:
    await desk.teach(period=until(EDGE))
    waiting = await refer(riverbend)
    await office.work_until_done()
    await desk.teach(period={"start": "2026-01-01"})
    office.clock.at = START + (EDGE - START.date())

    await office.work_until_done()

    assert await office.state(waiting.referral_id) == "eligible"
    assert await office.told(EligibilityDenied) == []
    first, second = await office.told(EligibilityConfirmed)
    assert (first.valid_to, second.valid_to) == (EDGE - timedelta(days=1), date(2034, 3, 8))


async def test_who_turns_21_while_waiting_is_held_on_the_birthday(
    office: Office, desk: Desk, riverbend: Hub
) -> None:
    bundle: Any = make_bundle()
    of(bundle, "Patient")["birthDate"] = "2005-11-19"
    await desk.teach(birth_date="2005-11-19")
    waiting = await refer(riverbend, bundle)
    await office.work_until_done()
    before = await office.state(waiting.referral_id)
    office.clock.at = START  # 19 November

    await office.work_until_done()

    assert (before, await office.state(waiting.referral_id)) == ("eligible", "on_hold")
    (denied,) = await office.told(EligibilityDenied)
    assert [reason.code for reason in denied.reasons] == ["age-limit"]


async def test_a_hub_that_ended_by_telephone_and_its_successor(
    office: Office, served: Referred
) -> None:
    """S11: staff say that the hub's service is over, and later which hub follows."""
    elm = await office.hub(name="Elm Outpatient", npi="1194723301")
    path = f"/api/referral/referrals/{served.referral_id}/facts"
    ended = {"hub_service": "in-home-therapy", "ends": "2026-11-08"}
    await office.as_staff("POST", path, {"hub": ended})
    office.clock.at += timedelta(days=12)
    follows = {
        "hub_service": "outpatient-therapy",
        "organisation_id": str(elm.organisation_id),
        "begins": "2026-11-21",
    }
    answer = await office.as_staff("POST", path, {"hub": follows})

    assert answer.status_code == 200
    (gone,) = await office.told(HubDisengaged)
    assert gone.effective == date(2026, 11, 9)
    first, second = await office.told(HubEngaged)
    assert (second.organisation_id, second.effective) == (
        elm.organisation_id,
        date(2026, 11, 21),
    )
    assert first.youth_id == second.youth_id == UUID(served.youth_id)
