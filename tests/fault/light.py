"""The light load: an event that only counts, told and heard by the real services' own kernel.

`add_to` fits it to a service as its `app.py` makes it: one more event type, one more route, and a
note of every event, light or real, in the transaction that handles it. Relay, topic, consumer,
inbox, catch-up and process stay those of production; nothing here can be reached from there.
"""

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from contracts.asyncapi import LISTENERS
from contracts.events import BY_TYPE, Event
from services.chassis import outbox
from services.chassis.context import Context
from services.chassis.db import Connection, transaction
from services.chassis.doors import PublicRouter
from services.chassis.envelope import handling
from services.chassis.errors import Refused
from services.chassis.inbox import Handlers
from services.chassis.process import Service

# Who hears whom, by consumer; a process whose service says otherwise does not start.
HEARS: dict[str, tuple[str, ...]] = {
    consumer: tuple(topic.partition(".")[0] for topic, to in LISTENERS.items() if consumer in to)
    for consumer in ("referral", "scheduling", "documentation", "notifications")
}
TABLES = (
    # What was acknowledged to a client, in the transaction of its events.
    "CREATE TABLE IF NOT EXISTS light_act (key uuid PRIMARY KEY, events integer NOT NULL)",
    # What took effect here; nothing about it is unique, so that a repeat shows.
    """
    CREATE TABLE IF NOT EXISTS light_effect (
        position  bigint GENERATED ALWAYS AS IDENTITY,
        event_id  uuid   NOT NULL,
        producer  text   NOT NULL,
        stream_id uuid   NOT NULL,
        sequence  bigint NOT NULL,
        sha256    bytea  NOT NULL
    )
    """,
)


class Told(Event):
    """One event of the act `key`; as long as a real one."""

    topic: ClassVar[str] = "any"  # the relay knows where its service publishes
    type: ClassVar[str] = "Told.v1"
    subject: ClassVar[str] = "key"

    key: UUID
    padding: str = "x" * 300


class Act(BaseModel):
    """What a client asks for: one event for each of these streams, all of them or none."""

    streams: Annotated[list[UUID], Field(max_length=100)]
    pause: float = 0.0  # between the events and the commit, as long work has it
    fail: bool = False  # after the events: they must never be seen


door = PublicRouter()


@door.post("/light/{key}")
async def tell(key: UUID, act: Act, request: Request) -> dict[str, bool]:
    """Tell each stream once; under a key that is known it is done already, and told again."""
    context: Context = request.app.state.context
    async with transaction(context.pool) as conn:
        fresh = await conn.fetchval(
            "INSERT INTO light_act VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
            *(key, len(act.streams)),
        )
        if fresh:
            for stream in sorted(act.streams):
                event = Told(youth_id=stream, key=key)
                await outbox.append(conn, event, at=context.clock.now())
            await asyncio.sleep(act.pause)
        if act.fail:
            raise Refused("told-to-fail", "This act was to be rolled back.")
    return {"fresh": bool(fresh)}


async def note(conn: Connection, event: Event) -> None:
    envelope = handling.get()
    assert envelope
    await conn.execute(
        """
        INSERT INTO light_effect (event_id, producer, stream_id, sequence, sha256)
        VALUES ($1, $2, $3, $4, $5)
        """,
        *(envelope.event_id, envelope.stream.producer, envelope.stream.stream_id),
        *(envelope.sequence, sha256(envelope.body).digest()),
    )


def add_to(service: Service) -> Service:
    """The same service, which tells and hears light events, too, and notes all that it hears."""
    handlers = service.handlers
    if handlers is None or set(service.listens_to) != set(HEARS[service.name]):
        raise SystemExit(f"{service.name} hears {service.listens_to}: correct HEARS.")
    handlers._known = {**handlers._known, Told.type: Told}
    handlers.on_each([*BY_TYPE.values(), Told], note)
    return replace(service, doors=(*service.doors, door))


def alone(name: str, service: Service) -> Service:
    """Light events and nothing else: the machinery of a service without its rooms."""
    return add_to(replace(service, name=name, handlers=Handlers({}), listens_to=HEARS[name]))
