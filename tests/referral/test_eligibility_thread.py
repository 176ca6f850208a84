"""From a hub's referral to the accepted Task, with a payer on a real socket."""

from datetime import timedelta

from contracts.events import EligibilityConfirmed, ReferralStatusChanged
from tests.referral.desk import Desk, Office, refer
from tests.referral.rig import Hub


async def test_a_good_referral_is_accepted_once_the_payer_says_yes(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    referred = await refer(riverbend)

    before = (await riverbend.read(f"Task/{referred.task_id}")).json()
    await office.work_until_done()
    after = (await riverbend.read(f"Task/{referred.task_id}")).json()

    assert before["status"] == "requested"
    assert before["meta"]["versionId"] == "1"
    assert after["status"] == "accepted"
    assert after["businessStatus"]["coding"][0]["code"] == "3.0"
    (confirmed,) = await office.told(EligibilityConfirmed)
    assert all(check.passed and check.evidence_id for check in confirmed.checks)
    shown = await office.told(ReferralStatusChanged)
    assert [event.version for event in shown] == [1, 2]
    assert len(desk.asked) == 1


async def test_who_asks_anew_waits_for_no_pause_after_an_older_question(
    office: Office, riverbend: Hub, desk: Desk
) -> None:
    """The payer was away for long; it is back, and staff say so."""
    await desk.behave("503")
    referred = await refer(riverbend)
    for _ in range(3):
        await office.work_until_done()
        office.clock.at += timedelta(hours=1)
    await office.work_until_done()
    await desk.behave("normal")

    await office.as_staff("POST", f"/api/referral/referrals/{referred.referral_id}/facts", {})
    await office.work_until_done()

    assert await office.state(referred.referral_id) == "eligible"
    assert len(await office.told(EligibilityConfirmed)) == 1
