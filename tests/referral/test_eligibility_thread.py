"""From a hub's referral to the accepted Task, with a payer on a real socket."""

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
