"""Whatever is killed in the middle of a story, the same referrals end in the same states."""

import asyncio

import pytest

from deploy.demo import actors
from deploy.demo.account import Wrongs
from deploy.demo.cast import Cast, arrive
from deploy.demo.children import without_goals, without_hub_service
from deploy.local.stack import Stack

PACE_SECONDS = 4.0  # after it is back: time for some of what was held up to go through
CATCHING_UP_SECONDS = 300.0  # on a machine of two cores that runs everything else, too


@pytest.mark.parametrize(
    "part",
    ["referral", "scheduling", "documentation", "notifications", "kafka", "postgres", "gateway"],
)
async def test_a_part_that_is_killed_changes_nothing_but_the_time(
    part: str, cast: Cast, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What hubs and staff need is away most of the time, and work that failed pauses ever longer.
    monkeypatch.setattr(actors, "PATIENCE_SECONDS", CATCHING_UP_SECONDS)
    journeys = cast.journeys(4)
    journeys[1].sent = 3
    journeys[2].child, journeys[2].amended = without_goals(journeys[2].child), True
    journeys[3].child = without_hub_service(journeys[3].child)
    killed = 0

    async def kill_again_and_again() -> None:
        nonlocal killed
        while True:
            await asyncio.to_thread(stack.kill, part)
            killed += 1
            await asyncio.to_thread(stack.wait_for, part)
            await asyncio.sleep(PACE_SECONDS)  # not a wait for anything: the pace of the killing

    killing = asyncio.create_task(kill_again_and_again())
    await asyncio.gather(*map(arrive, journeys))
    await cast.serve(journeys[:3])
    killing.cancel()
    await asyncio.gather(killing, return_exceptions=True)
    await asyncio.to_thread(stack.wait_for, part)

    # Other stories leave children on the way: to wait until they are through would be in vain.
    mine = [journey.referral_id for journey in journeys]
    account = await cast.settled(mine, seconds=CATCHING_UP_SECONDS)

    assert killed > 0
    lines = account.lines
    assert [line.problems for line in lines] == [[], [], [], []]
    assert sorted(line.state for line in lines) == [
        "admitted",
        "admitted",
        "admitted",
        "incomplete",
    ]
    assert (account.wrongs, account.unknown) == (Wrongs(), [])
