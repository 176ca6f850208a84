"""What a finished referral leads to: every reference resolves, none is foreign, all of it is R4."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.demo.actors import World, until
from deploy.demo.cast import Cast, arrive
from deploy.demo.children import bundle, without_goals
from deploy.demo.journey import Journey
from deploy.local.stack import Addresses, Stack
from tests.judge.validator import Judge
from tests.stories.conftest import SEED
from tests.stories.crawling import ABSENT, Crawl, address_of, children_in, crawl, payer_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOR_EVERYBODY = {"Organization", "Location", "Practitioner", "PractitionerRole"}
EACH = (
    *("Task", "ServiceRequest", "Patient", "CarePlan", "Goal", "Encounter", "Observation"),
    *("DocumentReference", "Provenance"),
)
BY_ID = {
    "read": ("GET", ""),
    "vread": ("GET", "/_history/1"),
    "history-instance": ("GET", "/_history"),
    "delete": ("DELETE", ""),
    "patch": ("PATCH", ""),
}
FOR_PAYERS = {"Patient", "Encounter", "Organization", "Location"}


@dataclass
class Told:
    """One story of a child of each hub, all the way to what their hubs read."""

    world: World
    cast: Cast
    journeys: list[Journey]
    crawls: list[Crawl] = field(default_factory=list)

    def __iter__(self) -> Any:
        return zip(self.journeys, self.crawls, strict=True)

    def other(self, journey: Journey) -> str:
        return next(name for name in self.cast.hub_names if name != journey.hub)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(stack: Stack) -> AsyncIterator[Told]:
    world = World(Addresses.read(stack.home), run=f"crawler {SEED}")
    cast = Cast(world, random.Random(f"{SEED} crawler").randrange(10**5))
    await cast.subscribe()
    journeys = cast.journeys(2)
    await asyncio.gather(*map(arrive, journeys))
    await cast.serve(journeys)
    yield Told(world, cast, journeys, [await crawl(world, journey) for journey in journeys])
    await world.http.aclose()


async def test_every_reference_resolves_for_its_hub_and_names_no_other_child(told: Told) -> None:
    for journey, found in told:
        assert found.missing == []
        own = {f"Patient/{journey.youth_id}"}
        assert children_in([*found.found.values(), *found.bundles]) == own
        for type_ in EACH:
            assert found.of(type_), type_


async def test_for_the_other_hub_it_is_as_if_nothing_of_it_were_here(told: Told) -> None:
    """What is another's is answered in the very bytes of what is not there at all."""
    for journey, found in told:
        for address in found.found:
            type_, _, id_ = address.partition("/")
            if type_ in FOR_EVERYBODY and not id_.startswith("h-"):
                continue
            absent = f"{type_}/h-{ABSENT}" if id_.startswith("h-") else f"{type_}/{ABSENT}"
            foreign, none = [
                await told.world.hub(told.other(journey), "read", {"path": path})
                for path in (address, absent)
            ]
            assert (foreign.status, none.status) == (404, 404), address
            assert foreign.body == none.body, address


async def test_a_payer_sees_its_members_and_their_encounters_alone(
    told: Told, tmp_path: Path
) -> None:
    payer = payer_of(told.world, tmp_path)
    for journey, found in told:

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


async def test_each_type_is_read_by_its_id_as_claimed_and_in_no_other_way(told: Told) -> None:
    world, journey, found = told.world, told.journeys[0], told.crawls[0].found
    [rest] = (await world.read(journey.hub, "metadata"))["rest"]
    subscriptions = (await world.read(journey.hub, "Subscription"))["entry"]
    there = [address for address in found if "/h-" not in address]
    there += [f"Appointment/{journey.appointments[0]['appointment_id']}"]
    there += [f"EpisodeOfCare/{journey.episode_id}", address_of(subscriptions[0]["resource"])]
    by_type = {address.partition("/")[0]: address for address in there}
    statuses = {}

    for about in rest["resource"]:
        address, has = by_type[about["type"]], {one["code"] for one in about["interaction"]}
        for interaction, (method, rest_of_path) in BY_ID.items():
            if method == "GET" or interaction not in has:  # what exists is not taken away
                wish = {"method": method, "path": address + rest_of_path}
                answer = await world.hub(journey.hub, "send", wish)
                right = {200} if interaction in has else {404, 405}
                if answer.status not in right:
                    statuses[about["type"], interaction] = answer.status

    assert statuses == {}


async def test_the_official_validator_finds_no_error_in_what_we_emit(
    told: Told, judge: Judge, tmp_path: Path
) -> None:
    ours, others = await emitted(told, tmp_path)
    found = await asyncio.to_thread(judge.errors, others, us_core=ours)

    assert found == {}, json.dumps(found, indent=1)


async def emitted(told: Told, scratch: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything that was said: what US Core's profiles bind, and what R4 and Backport do."""
    world, journey = told.world, told.journeys[0]
    ours: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for number, (one, found) in enumerate(told):
        for address, resource in found.found.items():
            kept = others if "/h-" in address else ours
            kept[f"{number}-{address.replace('/', '-')}"] = resource
        for place, searchset in enumerate(found.bundles):
            others[f"{number}-searchset-{place}"] = searchset
        for appointment in one.appointments:
            ours[f"{number}-appointment-{appointment['start'][:10]}"] = await world.read(
                one.hub, f"Appointment/{appointment['appointment_id']}"
            )
        ours[f"{number}-episode"] = await world.read(one.hub, f"EpisodeOfCare/{one.episode_id}")
    for name, path in {
        "subscriptions": "Subscription",
        "status": "Subscription/$status",
        "metadata": "metadata",
        "roles": "PractitionerRole?practitioner=" + journey.mentor,
        "absent": f"Task/{ABSENT}",
        "unknown-filter": "Task?bogus=1",
        "unknown-type": "Flag/1",
    }.items():
        others[name] = (await world.hub(journey.hub, "read", {"path": path})).body
    for entry in others["subscriptions"]["entry"]:
        subscription = entry["resource"]
        others[f"subscription-{subscription['id']}"] = subscription
        events = {"path": f"{address_of(subscription)}/$events"}
        others[f"events-{subscription['id']}"] = (await world.hub(journey.hub, "read", events)).body
    await add_answers(told, others)
    payer = payer_of(world, scratch)
    encounter = told.crawls[0].of("Encounter")[0]
    for name in (f"Patient/{journey.youth_id}", f"Encounter/{encounter['id']}"):
        answer = await payer.ask("GET", name)
        ours[f"payer-{name.replace('/', '-')}"] = answer.body
    return ours, others


async def add_answers(told: Told, others: dict[str, Any]) -> None:
    """Answers to what hubs send: taken with warnings, sent again, refused."""
    world = told.world
    journey = Journey(
        world, told.cast.journeys(3)[2].child, told.journeys[0].agency_npi, told.journeys[0].payer
    )
    now = world.now()
    sent = bundle(
        without_goals(journey.child), agency_npi=journey.agency_npi, payer=journey.payer, now=now
    )
    for name in ("transaction-response", "replay"):
        others[name] = (await world.hub(journey.hub, "refer", sent)).body
    refused = json.loads(json.dumps(sent).replace('"T1027"', '"H2019"'))
    for entry in refused["entry"]:
        if entry["resource"]["resourceType"] == "ServiceRequest":
            entry["resource"]["subject"] = {"reference": "urn:uuid:" + ABSENT}
    others["refused"] = (await world.hub(journey.hub, "refer", refused)).body
    others["not-r4"] = (await world.hub(journey.hub, "refer", {"resourceType": "Bundle"})).body
