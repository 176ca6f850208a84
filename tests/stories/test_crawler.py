"""From a finished referral's Task along every reference: each resolves, and none is foreign."""

import asyncio
from pathlib import Path

import pytest

from deploy.demo.actors import World, until
from deploy.demo.cast import Cast, arrive
from deploy.demo.journey import Journey
from tests.stories.crawling import ABSENT, Crawl, children_in, crawl, payer_of, shape

FOR_EVERYBODY = {"Organization", "Location", "Practitioner", "PractitionerRole"}
FOR_PAYERS = {"Patient", "Encounter", "Organization", "Location"}


@pytest.fixture
async def journeys(cast: Cast) -> list[Journey]:
    """Children of both hubs, all the way to what their hubs read."""
    journeys = cast.journeys(2)
    await asyncio.gather(*map(arrive, journeys))
    await cast.serve(journeys)
    return journeys


async def test_every_reference_resolves_for_its_reader_and_for_nobody_else(
    cast: Cast, world: World, journeys: list[Journey], tmp_path: Path
) -> None:
    crawls = [await crawl(world, journey) for journey in journeys]

    for journey, found in zip(journeys, crawls, strict=True):
        assert found.missing == []
        assert children_in([*found.found.values(), *found.bundles]) == {
            f"Patient/{journey.youth_id}"
        }
        for type_ in ("Task", "ServiceRequest", "Patient", "CarePlan", "Goal", "Encounter"):
            assert found.of(type_), type_
        await nothing_for_the_other_hub(cast, world, journey, found)
    await only_members_for_the_payer(world, journeys, crawls, tmp_path)


async def nothing_for_the_other_hub(
    cast: Cast, world: World, journey: Journey, found: Crawl
) -> None:
    """What is another's is answered in the very bytes of what is not there at all."""
    other = next(name for name in cast.hub_names if name != journey.hub)
    for address in found.found:
        type_, _, id_ = address.partition("/")
        if type_ in FOR_EVERYBODY and not id_.startswith("h-"):
            continue
        absent = f"{type_}/h-{ABSENT}" if id_.startswith("h-") else f"{type_}/{ABSENT}"
        answers = [await world.hub(other, "read", {"path": path}) for path in (address, absent)]
        assert [shape(a)[0] for a in answers] == [404, 404], address
        assert answers[0].body == answers[1].body, address


async def only_members_for_the_payer(
    world: World, journeys: list[Journey], crawls: list[Crawl], tmp_path: Path
) -> None:
    payer = payer_of(world, tmp_path)
    for journey, found in zip(journeys, crawls, strict=True):

        async def sees_the_child(journey: Journey = journey) -> object:
            answer = await payer.ask("GET", f"Patient/{journey.youth_id}")
            return answer if answer.status == 200 else None

        await until("the payer sees its member", sees_the_child, seconds=20)
        for address in found.found:
            type_, _, id_ = address.partition("/")
            answer = await payer.ask("GET", address)
            readable = type_ in FOR_PAYERS and not id_.startswith("h-")
            assert answer.status == (200 if readable else 404), address
        for encounter in found.of("Encounter"):
            shown = (await payer.ask("GET", f"Encounter/{encounter['id']}")).body
            assert not shown.keys() & {"participant", "basedOn", "reasonReference"}
