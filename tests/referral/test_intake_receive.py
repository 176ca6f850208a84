from tests.referral.rig import Hub, Rig, example


async def test_the_good_referral_is_received_with_warnings(rig: Rig, hub: Hub) -> None:
    answer = await hub.refer(example("01"))

    assert answer.status_code == 200, answer.json()
