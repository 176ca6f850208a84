"""Stories S7, S8 and S15, the payer's part (DOMAIN.md §11): no answer is never a "no"."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from deploy.demo.actors import World, until
from deploy.demo.cast import Cast
from deploy.demo.children import member_of, twins
from deploy.demo.journey import COORDINATOR, Journey
from deploy.local.stack import Addresses
from tests.stories import records
from tests.stories.scenes import (
    afternoon,
    becomes,
    held,
    in_service,
    pass_day,
    settle,
    write_up,
)

ATTEMPTS_BEFORE_A_PERSON_LOOKS = 3


async def test_s7_coverage_that_lapses_in_service_holds_the_line_until_it_is_back(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    """The payer was sure on the day before; the session stays valid, and a person looks."""
    (journey,) = cast.journeys(1)
    mentor = await in_service(cast, [journey])
    start = afternoon(world, draw)
    next_week = start + timedelta(days=7)
    await journey.book([start, next_week], 60)
    day_before = next_week.replace(hour=0, minute=0) - timedelta(days=1)
    await becomes("all that is due is asked", questions(addresses, journey), [day_before])
    pass_day(world, start)
    note = await write_up(journey, mentor, start, 60)
    await settle(journey, mentor, note)
    await becomes("the line is free", held(journey, start), [[]])

    last_day = (start - timedelta(days=1)).date()
    await world.payer("members", member_of(replace(journey.child, covered_to=last_day), last_day))
    world.skip_to(day_before)

    since = [(start.date().isoformat(), True)]
    await becomes("told", coverage(addresses, journey, "CoverageLapsed.v1"), since)
    await becomes("the line waits", held(journey, start), [["no_coverage_dos"]])
    assert await records.work_items(addresses, journey) == {"coverage-lapsed"}
    assert await records.state_of(addresses, journey) == "admitted"
    assert (await records.note(addresses, note["session_id"]))["state"] == "final"

    await world.payer("members", member_of(journey.child, last_day))
    path = f"/api/referral/referrals/{journey.referral_id}/facts"
    await world.staff(COORDINATOR, "POST", path, {})

    await becomes("told", coverage(addresses, journey, "CoverageReinstated.v1"), since)
    await becomes("the line is free", held(journey, start), [[]])
    assert await records.work_items(addresses, journey) == set()
    assert await records.determined(addresses, journey) == ["confirmed", "confirmed"]


@pytest.mark.parametrize("mode", ["silent", "aaa42", "503"])
async def test_s8_a_payer_that_gives_no_answer_denies_nobody(
    mode: str, cast: Cast, world: World, addresses: Addresses
) -> None:
    waits, other = cast.journeys(2)
    await behave(world, waits, mode)
    # A silent payer costs twenty seconds a question: once is enough to see.
    enough = 1 if mode == "silent" else ATTEMPTS_BEFORE_A_PERSON_LOOKS

    await waits.refer()
    await other.refer()
    await other.be_accepted()  # one payer's silence about one child holds up nobody else

    async def asked() -> Any:
        return len(await records.outcomes(addresses, waits)) >= enough or None

    await until("the payer was asked", asked)
    assert set(await records.outcomes(addresses, waits)) == {"payer_unavailable"}
    assert await records.state_of(addresses, waits) == "pending_eligibility"
    assert (await waits.task())["status"] == "requested"
    if enough == ATTEMPTS_BEFORE_A_PERSON_LOOKS:
        assert "payer-unavailable" in await records.work_items(addresses, waits)

    await behave(world, waits, "normal")
    await waits.be_accepted()

    assert (await records.outcomes(addresses, waits))[-1] == "active"
    assert await records.determined(addresses, waits) == ["confirmed"]
    assert "EligibilityDenied.v1" not in await records.told(addresses, "referral", waits)
    shown = await records.bodies(addresses, "referral", waits, "ReferralStatusChanged.v1")
    assert {one["status"] for one in shown} <= {"received", "requested", "accepted"}
    assert "payer-unavailable" not in await records.work_items(addresses, waits)
    assert await pauses_double(addresses, waits)


async def test_s8_a_payer_that_is_away_stops_no_session_of_a_child_in_service(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journey = cast.journeys(1)[0]
    mentor = await in_service(cast, [journey])
    decided = await records.determined(addresses, journey)
    start = afternoon(world, draw)
    await behave(world, journey, "aaa42")

    await journey.book([start], 60)  # the day before a session the payer is asked again

    async def last() -> str:
        return (await records.outcomes(addresses, journey))[-1]

    await becomes("the payer is away", last, "payer_unavailable")
    pass_day(world, start)
    await settle(journey, mentor, await write_up(journey, mentor, start, 60))

    assert [row["state"] for row in await records.notes(addresses, journey)] == ["final"]
    assert await records.determined(addresses, journey) == decided
    assert await records.state_of(addresses, journey) == "admitted"
    told = await records.told(addresses, "referral", journey)
    assert not {"EligibilityDenied.v1", "CoverageLapsed.v1"} & set(told)
    await behave(world, journey, "normal")


@pytest.mark.parametrize("mistake", ["name", "birth date"])
async def test_s15_a_payer_that_means_the_twin_calls_a_person(
    mistake: str, cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journey = cast.journeys(1)[0]
    child, twin = twins(journey.child)
    sibling = replace(journey, child=twin, appointments=[])
    born = child.birth_date - timedelta(days=draw.randint(1, 300))
    journey.child = child
    journey.known = replace(
        child, **({"given": twin.given} if mistake == "name" else {"birth_date": born})
    )
    item = {"name": "identity-review", "birth date": "payer-rejects-identity"}[mistake]

    await journey.refer()
    await sibling.refer()
    await sibling.be_accepted()

    async def outcomes() -> list[str]:
        return await records.outcomes(addresses, journey)

    await becomes("the payer means another child", outcomes, ["rejected_request"])
    assert await records.work_items(addresses, journey) == {item}
    assert await records.state_of(addresses, journey) == "pending_eligibility"
    assert await records.determined(addresses, journey) == []
    assert (await journey.task())["status"] == "requested"

    await world.payer("members", member_of(child, world.now().date()))
    await world.staff(
        COORDINATOR, "POST", f"/api/referral/referrals/{journey.referral_id}/facts", {}
    )
    await journey.be_accepted()

    assert await records.determined(addresses, journey) == ["confirmed"]
    assert await records.work_items(addresses, journey) == set()


async def behave(world: World, journey: Journey, mode: str) -> None:
    """How the payer answers about this child from now on."""
    await world.payer("behaviour", {"mode": mode, "member_id": journey.child.member_id})


def questions(addresses: Addresses, journey: Journey) -> Callable[[], Awaitable[list[datetime]]]:
    """When the payer is still to be asked about a child."""
    query = """
        SELECT due_at FROM work
         WHERE kind IN ('recheck', 'ask-payer') AND payload ->> 'referral_id' = $1
           AND outcome IS NULL ORDER BY due_at
    """

    async def due() -> list[datetime]:
        found = await records.fetch(addresses, "referral", query, journey.referral_id)
        return [row["due_at"] for row in found]

    return due


def coverage(addresses: Addresses, journey: Journey, type_: str) -> Callable[[], Awaitable[Any]]:
    """From which day each event of a type counts, and whether that was known late."""

    async def told() -> list[tuple[str, bool]]:
        found = await records.bodies(addresses, "referral", journey, type_)
        return [(one["effective"], one["retro"]) for one in found]

    return told


async def pauses_double(addresses: Addresses, journey: Journey) -> bool:
    """True when each question came at least 2, 4, 8 … seconds after the last one's failure."""
    query = """
        SELECT asked_at, answered_at FROM eligibility_inquiry
         WHERE referral_id = $1::uuid ORDER BY number
    """
    asked = await records.fetch(addresses, "referral", query, journey.referral_id)
    return all(
        after["asked_at"] - before["answered_at"] >= timedelta(seconds=2**attempt)
        for attempt, (before, after) in enumerate(pairwise(asked), start=1)
    )
