"""Story S18 (DOMAIN.md §11): what arrives wrong holds up its own child, and nobody else."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer

from contracts.asyncapi import LISTENERS
from deploy.demo.actors import World
from deploy.demo.cast import Cast
from deploy.demo.children import bundle
from deploy.demo.journey import Journey
from deploy.local.stack import Addresses
from services.chassis.envelope import Envelope, Stream, to_headers
from tests.stories import records
from tests.stories.scenes import becomes

TOPIC = "referral.v1"
HEARS = LISTENERS[TOPIC]


async def test_s18_events_that_come_before_their_predecessor_wait_for_it_and_no_one_else(
    cast: Cast, addresses: Addresses, draw: Random
) -> None:
    late, other = cast.journeys(2)
    for journey in (late, other):
        await journey.refer()
        await journey.be_accepted()
        await becomes("all is heard", partial(behind, addresses, journey), dict.fromkeys(HEARS, 0))
    start = len(await records.events(addresses, "referral", late))

    async with lost_by_kafka(addresses, late, "ConsentGranted.v1"):
        await late.attest()
        said = (await records.events(addresses, "referral", late))[start:]
        lost = [one for one in said if one["event_type"] == "ConsentGranted.v1"]
        arrived = [one["sequence"] for one in said if one not in lost]
        # Looked at before all else: who has waited for ten seconds asks referral, and is told.
        for service in HEARS:
            waits = partial(waiting, addresses, service, late)
            await becomes(f"{service} waits", waits, [(number, None) for number in arrived])
        assert await behind(addresses, late) == dict.fromkeys(HEARS, len(said))
        await other.attest()
        await other.be_matched()  # no other child waits

    draw.shuffle(lost)
    await publish(addresses, [as_record(one) for one in lost])

    await becomes("all is applied", lambda: behind(addresses, late), dict.fromkeys(HEARS, 0))
    for service in HEARS:
        assert await waiting(addresses, service, late) == []
    await late.be_matched()  # nothing of it was lost: it can be admitted
    await becomes("admitted", lambda: records.state_of(addresses, late), "admitted")


async def test_s18_a_handler_that_fails_on_one_child_holds_that_child_alone_until_it_is_mended(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journeys = cast.journeys(3)
    poisoned = draw.choice(journeys)
    others = [journey for journey in journeys if journey is not poisoned]
    for journey in journeys:
        await journey.refer()
        await journey.be_accepted()

    async with failing(addresses, "scheduling", "consent", poisoned):
        await asyncio.gather(*(journey.attest() for journey in journeys))
        for journey in others:
            await journey.be_matched()
        said = await records.events(addresses, "referral", poisoned)
        refused = next(one for one in said if one["event_type"] == "ConsentGranted.v1")
        later = [one["sequence"] for one in said if one["sequence"] > refused["sequence"]]
        await becomes(
            "scheduling refuses one event, and all behind it waits",
            lambda: waiting(addresses, "scheduling", poisoned),
            [(refused["sequence"], "RaiseError"), *((number, None) for number in later)],
        )
        for service in set(HEARS) - {"scheduling"}:  # who can apply it has it
            await becomes("heard", partial(behind_of, addresses, service, poisoned), 0)
        shown = await waypost(addresses, "waiting")
        assert poisoned.youth_id in shown.replace("\n", "")
        for journey in others:
            await becomes("admitted", partial(records.state_of, addresses, journey), "admitted")

    await waypost(addresses, "retry", "--service=scheduling", f"--stream={poisoned.youth_id}")

    assert await waiting(addresses, "scheduling", poisoned) == []
    await becomes("heard", lambda: behind(addresses, poisoned), dict.fromkeys(HEARS, 0))
    await poisoned.be_matched()
    await becomes("admitted", lambda: records.state_of(addresses, poisoned), "admitted")
    names = [journey.child.family for journey in journeys]
    numbers = [journey.child.member_id for journey in journeys]
    assert records.logged(addresses, *names, *numbers) == []


def cut_short(sent: bytes, draw: Random) -> bytes:
    return sent[: draw.randrange(len(sent) // 2, len(sent) - 1)]


def with_a_day_that_never_was(sent: bytes, draw: Random) -> bytes:
    found: dict[str, Any] = json.loads(sent)
    patient = next(
        e["resource"] for e in found["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    patient["birthDate"] = f"{draw.randrange(2010, 2016)}-02-30"
    return json.dumps(found).encode()


def with_a_reference_to_nowhere(sent: bytes, draw: Random) -> bytes:
    found: dict[str, Any] = json.loads(sent)
    request = next(
        e["resource"] for e in found["entry"] if e["resource"]["resourceType"] == "ServiceRequest"
    )
    request["subject"] = {"reference": f"urn:uuid:{UUID(int=draw.getrandbits(128), version=4)}"}
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (cut_short, None),
        (with_a_day_that_never_was, "birthDate"),
        (with_a_reference_to_nowhere, "subject"),
    ],
)
async def test_s18_a_malformed_bundle_is_answered_with_where_and_kept_as_a_reject(
    spoil: Callable[[bytes, Random], bytes],
    where: str | None,
    cast: Cast,
    world: World,
    addresses: Addresses,
    draw: Random,
) -> None:
    journey = cast.journeys(1)[0]
    whole = bundle(
        journey.child, agency_npi=journey.agency_npi, payer=journey.payer, now=world.now()
    )
    sent = spoil(json.dumps(whole).encode(), draw)

    url = f"{addresses.simulators['hub']}/hubs/{journey.hub}/refer"
    told = (await world.http.post(url, content=sent)).json()

    assert (told["status"], told["body"]["resourceType"]) in {
        (400, "OperationOutcome"),
        (422, "OperationOutcome"),
    }
    issues = told["body"]["issue"]
    assert {issue["severity"] for issue in issues} & {"error", "fatal"}
    if where:
        assert any(where in place for issue in issues for place in issue.get("expression", ()))
    said = json.dumps(told["body"])
    for secret in (journey.child.family, journey.child.member_id, journey.child.mrn):
        assert secret not in said
    rejects = await records.fetch(
        addresses,
        "referral",
        "SELECT status, size, issues, bytes FROM intake_reject WHERE sha256 = $1",
        hashlib.sha256(sent).digest(),
    )
    assert [(row["status"], row["size"], row["bytes"]) for row in rejects] == [
        (told["status"], len(sent), sent)
    ]
    assert await known(addresses, journey) == []
    assert records.logged(addresses, journey.child.family, journey.child.member_id) == []


async def test_s18_an_unreadable_record_is_set_aside_and_what_follows_it_is_heard(
    cast: Cast, addresses: Addresses, draw: Random
) -> None:
    journey = cast.journeys(1)[0]
    await journey.refer()
    await journey.be_accepted()
    key = journey.youth_id.encode()  # the child's own partition: its next events come behind
    real = as_record((await records.events(addresses, "referral", journey))[-1])
    junk = draw.randbytes(draw.randrange(1, 200))
    bad = {
        "bad-ce_source": (key, junk, []),
        "bad-key": (b"nobody", real[1], real[2]),
        "bad-ce_sequence": (key, junk, changed(real[2], "ce_sequence", b"-1")),
        "wrong-producer": (key, junk, changed(real[2], "ce_source", b"/waypost/scheduling")),
    }

    places = await publish(addresses, list(bad.values()))
    await journey.attest()
    await journey.be_matched()

    await becomes("admitted", lambda: records.state_of(addresses, journey), "admitted")
    wanted = sorted(
        (reason, *place, record[1])
        for (reason, record), place in zip(bad.items(), places, strict=True)
    )
    for service in HEARS:
        await becomes(
            f"{service} sets them aside",
            partial(set_aside, addresses, service, [place for _, *place, _ in wanted]),
            wanted,
        )
        assert await waiting(addresses, service, journey) == []
    shown = await waypost(addresses, "waiting")
    assert all(reason in shown for reason in bad)


# --- What goes wrong ---------------------------------------------------------------------------


@asynccontextmanager
async def lost_by_kafka(
    at: Addresses, journey: Journey, event_type: str, service: str = "referral"
) -> AsyncIterator[None]:
    """Kafka acknowledges this child's events of a type, and has them no more."""
    name = f"lost_{UUID(journey.youth_id).hex}"
    await records.fetch(
        at,
        service,
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.published_at = now(); RETURN NEW; END $$
        """,
    )
    await records.fetch(
        at,
        service,
        f"""
        CREATE TRIGGER {name} BEFORE INSERT ON event FOR EACH ROW
          WHEN (NEW.stream_id = '{UUID(journey.youth_id)}' AND NEW.event_type = '{event_type}')
          EXECUTE FUNCTION {name}()
        """,
    )
    try:
        yield
    finally:
        await records.fetch(at, service, f"DROP FUNCTION {name} CASCADE")


@asynccontextmanager
async def failing(at: Addresses, service: str, table: str, journey: Journey) -> AsyncIterator[None]:
    """A service has a bug that shows with this child alone: it cannot write one of its rows."""
    name = f"fails_{UUID(journey.youth_id).hex}"
    await records.fetch(
        at,
        service,
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'a bug'; END $$
        """,
    )
    await records.fetch(
        at,
        service,
        f"""
        CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW
          WHEN (NEW.youth_id = '{UUID(journey.youth_id)}') EXECUTE FUNCTION {name}()
        """,
    )
    try:
        yield
    finally:
        await records.fetch(at, service, f"DROP FUNCTION {name} CASCADE")


Raw = tuple[bytes, bytes, list[tuple[str, bytes]]]


def as_record(row: records.Row) -> Raw:
    """Key, body and headers of an event, as the relay puts it on the topic."""
    event = Envelope(
        row["event_id"],
        row["event_type"],
        Stream(row["stream_id"], "referral"),
        row["sequence"],
        row["occurred_at"],
        row["body"],
        json.loads(row["headers"]),
    )
    return str(row["stream_id"]).encode(), event.body, to_headers(event)


def changed(headers: list[tuple[str, bytes]], name: str, value: bytes) -> list[tuple[str, bytes]]:
    return [(one, value if one == name else content) for one, content in headers]


async def publish(at: Addresses, raw: list[Raw]) -> list[tuple[str, int, int]]:
    """Put records on the real topic; gives topic, partition and offset of each."""
    producer = AIOKafkaProducer(bootstrap_servers=at.kafka)
    await producer.start()
    try:
        done = [
            await producer.send_and_wait(TOPIC, value, key=key, headers=headers)
            for key, value, headers in raw
        ]
    finally:
        await producer.stop()
    return [(one.topic, one.partition, one.offset) for one in done]


# --- What the services have ----------------------------------------------------------------------


async def behind(at: Addresses, journey: Journey) -> dict[str, int]:
    """By listener: how many of the events that referral told of a child are not applied there."""
    return {service: await behind_of(at, service, journey) for service in HEARS}


async def behind_of(at: Addresses, service: str, journey: Journey) -> int:
    said = await records.events(at, "referral", journey)
    query = """
        SELECT last_sequence FROM inbox_cursor
         WHERE consumer = $1 AND producer = 'referral' AND stream_id = $2::uuid
    """
    rows = await records.fetch(at, service, query, service, journey.youth_id)
    applied: int = rows[0]["last_sequence"] if rows else 0
    return len(said) - applied


async def waiting(at: Addresses, service: str, journey: Journey) -> list[tuple[int, str | None]]:
    """Number and reason of each event of a child that waits there, in order."""
    query = """
        SELECT sequence, reason FROM inbox_waiting
         WHERE consumer = $1 AND stream_id = $2::uuid AND producer = 'referral' ORDER BY sequence
    """
    rows = await records.fetch(at, service, query, service, journey.youth_id)
    return [(row["sequence"], row["reason"]) for row in rows]


async def set_aside(at: Addresses, service: str, places: list[Any]) -> list[Any]:
    query = """
        SELECT reason, topic, partition, record_offset, bytes FROM unreadable
         WHERE consumer = $1 ORDER BY reason
    """
    rows = [tuple(row) for row in await records.fetch(at, service, query, service)]
    return [row for row in rows if [*row[1:4]] in places]


async def known(at: Addresses, journey: Journey) -> list[records.Row]:
    """What of a child we took in, under any of its hub's numbers."""
    query = """
        SELECT value FROM referral WHERE value = $1
         UNION ALL
        SELECT value FROM youth_identifier WHERE value IN ($2, $3)
    """
    child = journey.child
    return await records.fetch(at, "referral", query, child.placer, child.mrn, child.member_id)


async def waypost(at: Addresses, *arguments: str) -> str:
    """What an operator's command prints, against this stack."""
    told = {f"WAYPOST_{service.upper()}_DSN": dsn for service, dsn in at.dsn.items()}
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments),
        env={**os.environ, **told, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await done.communicate()
    assert done.returncode == 0, said.decode()
    return said.decode()
