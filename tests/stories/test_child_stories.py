"""Stories S14 and S15 (DOMAIN.md §11): who is whom.

Of S14 a person's "another child" is told here: the referral goes on. Joining two referrals into
one comes later.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from deploy.demo.actors import World
from deploy.demo.cast import Cast
from deploy.demo.children import same_child, twins
from deploy.demo.journey import COORDINATOR, SCHEDULER, Journey
from deploy.local.stack import Addresses
from tests.stories import records
from tests.stories.scenes import afternoon, in_service, pass_day, settle, write_up


@pytest.mark.parametrize("alike", ["name and birth date", "member number"])
async def test_s14_a_second_hubs_referral_waits_until_a_person_has_looked(
    alike: str, cast: Cast, addresses: Addresses
) -> None:
    first, second = cast.journeys(2)
    own, same = second.child, same_child(first.child, second.child)
    if alike == "member number":
        second.child = replace(same, given=own.given, family=own.family)
    else:
        second.child = replace(same, member_id=own.member_id)
    await first.refer()
    await first.be_accepted()

    await second.refer()

    assert await records.state_of(addresses, second) == "duplicate_review"
    assert await records.work_items(addresses, second) == {"duplicate-review"}
    suspected = await records.bodies(addresses, "referral", second, "ReferralDuplicateSuspected.v1")
    assert [one["candidates"] for one in suspected] == [[first.referral_id]]
    assert await records.outcomes(addresses, second) == []
    assert (await second.task())["status"] == "requested"
    await first.attest()
    await first.be_matched()  # the first goes on
    await neither_hub_knows_of_the_other(first, second)

    await is_another_child(second)
    await second.be_accepted()

    assert await records.work_items(addresses, second) == set()
    assert await records.determined(addresses, second) == ["confirmed"]
    assert first.youth_id != second.youth_id


async def test_s14_of_two_hubs_at_once_exactly_one_goes_on(
    cast: Cast, addresses: Addresses
) -> None:
    journeys = cast.journeys(2)
    journeys[1].child = same_child(journeys[0].child, journeys[1].child)

    await asyncio.gather(*(journey.refer() for journey in journeys))

    reviewed = [
        j for j in journeys if await records.work_items(addresses, j) == {"duplicate-review"}
    ]
    assert len(reviewed) == 1
    (free,) = [journey for journey in journeys if journey not in reviewed]
    await free.be_accepted()
    assert await records.state_of(addresses, reviewed[0]) == "duplicate_review"
    await is_another_child(reviewed[0])
    await reviewed[0].be_accepted()


async def test_s15_twins_are_two_children(cast: Cast, addresses: Addresses) -> None:
    pair = twin_journeys(cast)

    await asyncio.gather(*(journey.refer() for journey in pair))
    await asyncio.gather(*(journey.be_accepted() for journey in pair))

    assert len({journey.youth_id for journey in pair}) == 2
    for journey in pair:
        told = await records.told(addresses, "referral", journey)
        assert told.count("ReferralReceived.v1") == 1
        assert "ReferralDuplicateSuspected.v1" not in told
        assert await records.work_items(addresses, journey) == set()


async def test_s15_one_mentor_sees_twins_one_after_the_other_but_never_at_once(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    pair = twin_journeys(cast)
    first, second = pair
    mentor = await in_service(cast, pair)
    start, minutes = afternoon(world, draw), draw.randrange(30, 90)
    then = start + timedelta(minutes=minutes)

    await first.book([start], minutes)
    await second.book([then], minutes)
    inside = start + timedelta(minutes=draw.randrange(1, minutes))
    refused = await ask_to_book(second, inside, minutes)

    assert (refused.status, refused.body["code"]) == (409, "mentor-busy")
    assert await booked(addresses, first) == [(start, then)]
    assert await booked(addresses, second) == [(then, then + timedelta(minutes=minutes))]

    pass_day(world, start)
    for journey, begin in ((first, start), (second, then)):
        await settle(journey, mentor, await write_up(journey, mentor, begin, minutes))
    early = (then - inside) / timedelta(minutes=1)  # it ends as the second's own begins
    overlapping = await write_up(second, mentor, inside, early)
    answer = await second.sign(mentor, overlapping, refused_ok=True)

    assert (answer.status, answer.body["code"]) == (409, "mentor-sessions-overlap")
    assert (await records.note(addresses, overlapping["session_id"]))["state"] == "draft"
    for journey in pair:
        final = [n for n in await records.notes(addresses, journey) if n["state"] == "final"]
        assert len(final) == 1


def twin_journeys(cast: Cast) -> list[Journey]:
    (journey,) = cast.journeys(1)
    return [replace(journey, child=child, appointments=[]) for child in twins(journey.child)]


async def is_another_child(journey: Journey) -> None:
    path = f"/api/referral/referrals/{journey.referral_id}/duplicate-review"
    await journey.world.staff(COORDINATOR, "POST", path, {"distinct": True})


async def neither_hub_knows_of_the_other(*journeys: Journey) -> None:
    for journey in journeys:
        (other,) = [one for one in journeys if one is not journey]
        for path in (f"Task/{other.task_id}", f"Patient/{other.youth_id}"):
            answer = await journey.world.hub(journey.hub, "read", {"path": path})
            assert answer.status == 404, path


async def ask_to_book(journey: Journey, start: Any, minutes: int) -> Any:
    body = {
        "episode_id": journey.episode_id,
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=minutes)).isoformat(),
        "place_of_service": "99",
        "modality": "in-person",
    }
    return await journey.world.staff(
        SCHEDULER, "POST", "/api/scheduling/appointments", body, refused_ok=True
    )


async def booked(addresses: Addresses, journey: Journey) -> list[tuple[Any, Any]]:
    query = """
        SELECT lower(during) AS starts_at, upper(during) AS ends_at FROM appointment
         WHERE youth_id = $1::uuid AND state = 'booked' ORDER BY booked_at
    """
    rows = await records.fetch(addresses, "scheduling", query, journey.youth_id)
    return [(row["starts_at"], row["ends_at"]) for row in rows]
