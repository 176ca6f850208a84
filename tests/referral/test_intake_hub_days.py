"""A hub service begins and ends on the days that were sent with it, without another message."""

from datetime import timedelta

from contracts.events import HubDisengaged, HubEngaged
from services.chassis.work import Worker
from services.referral.work import hub_day
from tests.referral.bundles import make_bundle, of
from tests.referral.rig import Hub, Rig


async def work(rig: Rig) -> None:
    worker = Worker(rig.pool)
    worker.inside = {"hub-day": hub_day(rig.clock)}
    while await worker.run_one(now=rig.clock.now()):
        pass


async def test_a_hub_service_ends_by_itself_on_its_last_day(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    of(bundle, "EpisodeOfCare")["period"]["end"] = "2026-11-11"
    await hub.refer(bundle)

    rig.clock.at += timedelta(days=2)  # the 11th: its last good day
    await work(rig)
    assert await rig.told(HubDisengaged) == []
    rig.clock.at += timedelta(days=1)
    await work(rig)
    await work(rig)

    (ended,) = await rig.told(HubDisengaged)
    assert ended.effective.isoformat() == "2026-11-12"
    assert await rig.pool.fetchval("SELECT state FROM referral") == "ineligible"


async def test_a_hub_service_that_is_to_begin_is_told_on_its_day(rig: Rig, hub: Hub) -> None:
    bundle = make_bundle()
    of(bundle, "EpisodeOfCare")["period"] = {"start": "2026-11-11"}
    await hub.refer(bundle)
    assert await rig.told(HubEngaged) == []
    assert await rig.pool.fetchval("SELECT state FROM referral") == "ineligible"

    rig.clock.at += timedelta(days=2)
    await work(rig)

    (engaged,) = await rig.told(HubEngaged)
    assert engaged.effective.isoformat() == "2026-11-11"
    assert await rig.pool.fetchval("SELECT state FROM referral") == "pending_eligibility"
