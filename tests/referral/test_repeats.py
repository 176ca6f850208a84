"""Fifty identical requests at once, of many keys (P2): `KEYS=200` plays the promise at its size.

That is 10,000 requests and takes minutes, so every run has fewer keys, of the same fifty.
"""

import asyncio
import os

import httpx

from contracts.events import ReferralReceived
from tests.referral.bundles import Bundle, make_bundle
from tests.referral.rig import Hub, Rig, located
from tests.referral.test_intake_receive import entry_status

KEYS = int(os.environ.get("KEYS", "2"))
TIMES = 50


async def test_fifty_at_once_of_each_key_make_one_referral_each(rig: Rig, hub: Hub) -> None:
    for key in range(KEYS):
        bundle = make_bundle(number=f"REF-{key}", mrn=f"RB-{key}", member=f"1000{key:08}")

        answers = await asyncio.gather(*(insist(hub, bundle) for _ in range(TIMES)))

        assert {answer.status_code for answer in answers} == {200}
        assert len({located(answer.json(), "ServiceRequest") for answer in answers}) == 1
        statuses = [entry_status(answer.json(), "ServiceRequest") for answer in answers]
        assert sorted(statuses) == ["200 OK"] * (TIMES - 1) + ["201 Created"]
    assert len(await rig.told(ReferralReceived)) == KEYS
    assert await rig.count("youth") == KEYS


async def insist(hub: Hub, bundle: Bundle) -> httpx.Response:
    """Send until there is an answer, with a pause as Retry-After asks for one."""
    async with asyncio.timeout(300):
        while (answer := await hub.refer(bundle)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return answer
