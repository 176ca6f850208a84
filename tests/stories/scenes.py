"""What several stories begin with, and what they end with: the lines for claims."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from deploy.demo.actors import Json, Refusal, World, until
from deploy.demo.cast import Cast, arrive
from deploy.demo.journey import AGENCY_ZONE, Journey
from tests.stories.records import fetch, state_of

BILLING = "bela.billing"


async def becomes(what: str, read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Read until it is as wanted; where it never is, say what it is instead."""
    found = None

    async def right() -> bool | None:
        nonlocal found
        found = await read()
        return True if found == wanted else None

    try:
        await until(what, right)
    except Refusal:
        assert found == wanted, f"{what}: {found} is not {wanted}"


async def in_service(cast: Cast, journeys: Sequence[Journey]) -> str:
    """These children are admitted, all with one mentor; gives the name under which she signs in."""
    await asyncio.gather(*map(arrive, journeys))
    await asyncio.gather(*(journey.be_accepted() for journey in journeys))
    await asyncio.gather(*(journey.attest() for journey in journeys))
    mentor = None
    for journey in journeys:
        await journey.be_matched(mentor)
        mentor = journey.mentor
    for journey in journeys:
        await until(f"{journey.child.placer}: in service", lambda j=journey: admitted(j))
    names = await cast.subs_by_staff_id()
    return names[journeys[0].mentor]


async def admitted(journey: Journey) -> bool | None:
    """True once those who look after the Task and the notes know the episode; else None."""
    at, episode = journey.world.at, journey.episode_id
    known = await fetch(
        at, "documentation", "SELECT FROM episode WHERE episode_id = $1::uuid", episode
    )
    return True if known and await state_of(at, journey) == "admitted" else None


def afternoon(world: World, draw: random.Random) -> datetime:
    """A time tomorrow after one o'clock; that day is no other story's, for the clock goes on."""
    tomorrow = world.now().astimezone(AGENCY_ZONE) + timedelta(days=1)
    begin = tomorrow.replace(hour=13, minute=0, second=0, microsecond=0)
    return begin + timedelta(minutes=draw.randrange(60))


def pass_day(world: World, day: datetime) -> None:
    """Business time goes on to that evening."""
    world.skip_to(day.replace(hour=22, minute=0))


async def write_up(
    journey: Journey, mentor: str, start: datetime, minutes: float, *, billable: bool = True
) -> Json:
    """The mentor's draft about a session, with every goal of its day."""
    goals = await journey.goals(mentor, start.isoformat())
    body = journey.note(start, start + timedelta(minutes=minutes), goals)
    return await journey.draft(mentor, body | {"billable": billable})


async def settle(journey: Journey, mentor: str, note: Json) -> None:
    """The mentor signs, her supervisor co-signs: the session is told."""
    await journey.sign(mentor, note)
    await journey.cosign(note)


async def lines(journey: Journey, day: datetime) -> list[Any]:
    on = day.date().isoformat()
    query = f"from={on}&to={on}&youth_id={journey.youth_id}"
    answer = await journey.world.staff(BILLING, "GET", f"/api/documentation/claim-lines?{query}")
    found: list[Any] = answer.body["lines"]
    return found


def held(journey: Journey, day: datetime) -> Callable[[], Awaitable[list[Any]]]:
    async def reasons() -> list[Any]:
        return [line["held"] for line in await lines(journey, day)]

    return reasons
