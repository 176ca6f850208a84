"""What may be said nowhere: marked names, dates, numbers and texts, followed through a story."""

import random
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.telemetry import ATTRIBUTES
from deploy.demo.actors import World, until
from deploy.demo.cast import Cast, arrive
from deploy.demo.children import Child, bundle
from deploy.demo.journey import COORDINATOR, Journey
from deploy.local.kafka import Topics
from deploy.local.stack import SERVICES, Addresses, Stack
from tests.stories.conftest import SEED

BORN = date(2013, 4, 17)
NOTE = "Role-play and rehearsal."  # what the mentor of every story writes


class Marks:
    """Words that stand in nothing but what a hub, a payer and a mentor say of one child."""

    def __init__(self, seed: str) -> None:
        draw = random.Random(seed)
        sign = "".join(draw.choices("bcdfghjklmnpqrstvwxz", k=9))
        self.given, self.family, self.guardian = f"Giv{sign}", f"Fam{sign}", f"Gua{sign}"
        self.mrn, self.goal = f"MRN-{sign}", f"Wave at goal{sign} with no more than one prompt."
        self.member_id = f"1{draw.randrange(10**10, 10**11)}"
        self.names = [self.given, self.family, self.guardian]
        self.births = [BORN.isoformat(), BORN.strftime("%Y%m%d"), BORN.strftime("%m/%d/%Y")]
        self.goals = [f"goal{sign}"]

    @property
    def people(self) -> list[str]:
        return self.names + self.births

    @property
    def all(self) -> list[str]:
        return [*self.people, self.member_id, self.mrn, *self.goals, NOTE]

    def on(self, child: Child) -> Child:
        return replace(
            child,
            given=self.given,
            family=self.family,
            guardian=self.guardian,
            birth_date=BORN,
            member_id=self.member_id,
            mrn=self.mrn,
            goals=(self.goal,),
        )


def found_in(text: str, marks: list[str]) -> list[str]:
    lower = text.lower()
    return [mark for mark in marks if mark.lower() in lower]


@pytest.fixture
def marks(request: pytest.FixtureRequest) -> Marks:
    return Marks(f"{SEED} {request.node.nodeid}")


async def test_marked_words_of_a_whole_story_are_said_nowhere(
    cast: Cast, world: World, stack: Stack, addresses: Addresses, marks: Marks
) -> None:
    journey = cast.journeys(1)[0]
    journey.child = marks.on(journey.child)

    # Not only what goes well: the payer and the hub fail first, and are asked again.
    await world.payer("behaviour", {"mode": "503", "member_id": marks.member_id})
    await arrive(journey)
    hub = f"{world.at.simulators['hub']}/hubs/{journey.hub}/behaviour"
    await world.http.post(hub, json={"mode": "500", "times": 2})
    await world.payer("behaviour", {"mode": "normal", "member_id": marks.member_id})
    await cast.serve([journey])
    account = await cast.settled([journey.referral_id])

    assert account.is_right
    patient = await world.read(journey.hub, f"Patient/{journey.youth_id}")
    assert found_in(str(patient), marks.people) != []  # they did travel
    said = {path.name: path.read_text(errors="replace") for path in logs(stack)}
    said |= {f"metrics of {name}": text for name, text in (await metrics(addresses)).items()}
    said["Kafka"] = await records(addresses)
    said["traces"] = await traces(world, stack, addresses)
    assert {
        where: found for where, text in said.items() if (found := found_in(text, marks.all))
    } == {}
    assert len(said["Kafka"]) > 1000  # the events are there to be searched
    for service in ("scheduling", "notifications"):  # names and texts live with their owner
        assert await kept(addresses, service, [*marks.people, *marks.goals, NOTE]) == {}
    assert await kept(addresses, "documentation", marks.people) == {}


async def test_who_asks_wrongly_is_never_told_what_was_sent(
    cast: Cast, world: World, stack: Stack, marks: Marks
) -> None:
    journey = cast.journeys(1)[0]
    child = marks.on(journey.child)
    journey.child = child
    answers = [await world.hub(journey.hub, "send", wish) for wish in wrong_wishes(journey, marks)]
    for method, path, body in wrong_acts(marks):
        answers.append(await world.staff(COORDINATOR, method, path, body, refused_ok=True))
    form = {"grant_type": marks.family, "client_id": marks.member_id, "scope": marks.goal}
    token = await world.http.post(f"{world.at.token_url}", data=form)

    assert [answer.status for answer in answers if answer.status < 400] == []
    assert token.status_code == 400
    told = [token.text, *(f"{answer.body} {answer.headers}" for answer in answers)]
    assert [text for text in told if found_in(text, marks.all)] == []
    assert {p.name: f for p in logs(stack) if (f := found_in(p.read_text(), marks.all))} == {}


def wrong_wishes(journey: Journey, marks: Marks) -> list[dict[str, Any]]:
    """What a hub's system may ask by mistake, with a child's words where none belong."""
    now, path = journey.world.now(), f"Patient/{marks.family}"
    wishes: list[dict[str, Any]] = [
        {"method": "GET", "path": f"{path}?name={marks.given}"},
        {"method": "GET", "path": f"Patient?family={marks.family}&birthdate={BORN}"},
        {"method": "GET", "path": f"Task?patient={marks.given}&{marks.family}=1"},
        {"method": "GET", "path": f"{marks.family}/{marks.member_id}"},
        {"method": "PUT", "path": f"ServiceRequest?identifier={marks.member_id}", "body": {}},
        {"method": "POST", "path": "", "body": marks.goal},
        {"method": "POST", "path": "Task", "body": {"resourceType": marks.family}},
    ]
    for spoil in (wrong_date, wrong_code, wrong_element, wrong_type):
        sent = bundle(journey.child, agency_npi=journey.agency_npi, payer=journey.payer, now=now)
        for entry in sent["entry"]:
            if entry["resource"]["resourceType"] == "Patient":
                spoil(entry["resource"], marks)
        wishes.append({"method": "POST", "path": "", "body": sent})
    return wishes


def wrong_date(patient: Any, marks: Marks) -> None:
    patient["birthDate"] = f"{BORN} or {marks.given}"


def wrong_code(patient: Any, marks: Marks) -> None:
    patient["gender"] = marks.given


def wrong_element(patient: Any, marks: Marks) -> None:
    patient["favourite"] = marks.goal  # its place is told, as B-27 wants; what it says is not


def wrong_type(patient: Any, marks: Marks) -> None:
    patient["name"] = marks.family


def wrong_acts(marks: Marks) -> list[tuple[str, str, Any]]:
    return [
        ("POST", "/api/documentation/sessions", {"episode_id": marks.family, marks.given: NOTE}),
        ("POST", "/api/scheduling/assignments", {"referral_id": marks.member_id}),
        ("POST", f"/api/referral/referrals/{marks.mrn}/attestations", {"kind": marks.goal}),
        ("GET", f"/api/scheduling/waitlist/{marks.family}/matches", None),
        ("GET", f"/api/documentation/youths/{marks.given}/goals?on={marks.family}", None),
    ]


# --- Where it could have been said ---------------------------------------------------------------


def logs(stack: Stack) -> list[Path]:
    return [*stack.folder.log.iterdir(), stack.home / "gateway/access.log"]


async def metrics(addresses: Addresses) -> dict[str, str]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        pages = {name: await http.get(f"{url}/metrics") for name, url in addresses.ops.items()}
    return {name: page.text for name, page in pages.items()}


async def records(addresses: Addresses) -> str:
    """Every record of every topic: names, keys, headers, values."""
    topics = Topics.read()
    partitions = [TopicPartition(t, n) for t in topics.names for n in range(topics.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=addresses.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Any] = [*await consumer.topics()]
        while [one for one in partitions if await consumer.position(one) < ends[one]]:
            batches = await consumer.getmany(timeout_ms=1000)
            found += [(r.key, r.headers, r.value) for batch in batches.values() for r in batch]
    finally:
        await consumer.stop()
    return repr(found)


async def traces(world: World, stack: Stack, addresses: Addresses) -> str:
    """Every span that the trace page has; each of its attributes has a name that we know."""
    if not stack.zipkin:
        return ""
    stack.wait_for("zipkin")

    async def from_all() -> list[str] | None:
        services = (await world.http.get(f"{addresses.traces}/api/v2/services")).json()
        return services if set(services) == set(SERVICES) else None

    await until("spans of all services", from_all)
    query = {"limit": 100_000, "lookback": 86_400_000}
    response = await world.http.get(f"{addresses.traces}/api/v2/traces", params=query)
    spans = [span for trace in response.json() for span in trace]
    unknown = {name for span in spans for name in span.get("tags", ())} - set(ATTRIBUTES)
    assert spans
    assert unknown == set()
    return response.text


async def kept(addresses: Addresses, service: str, marks: list[str]) -> dict[str, list[str]]:
    """Which of these words stand in which table of a service, also as bytes."""
    connection = await asyncpg.connect(addresses.dsn[service])
    found: dict[str, list[str]] = {}
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        for (table,) in tables:
            for mark in marks:
                ways = [f"%{mark}%", f"%{mark.encode().hex()}%"]
                claim = f'SELECT FROM "{table}" t WHERE t::text ILIKE ANY ($1)'
                query = f"SELECT EXISTS ({claim})"
                if await connection.fetchval(query, ways):
                    found.setdefault(table, []).append(mark)
    finally:
        await connection.close()
    return found
