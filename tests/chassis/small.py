"""A service of a few routes and handlers, as a real process: `python -m tests.chassis.small`.

Its name is the first argument. It notes what it hears in `effect`, and appends what it is told to.
VERSION=2 in its environment is the next release: it tells and hears `Noticed.v1`, too.
"""

import os
import signal
import sys
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from fastapi import Request

from services.chassis import consumer, outbox, relay, work
from services.chassis.context import Context
from services.chassis.db import Connection, transaction
from services.chassis.doors import PublicRouter
from services.chassis.envelope import Stream, handling
from services.chassis.inbox import Handlers
from services.chassis.peers import HttpProducer
from services.chassis.process import Kinds, Service, run
from services.chassis.settings import ServiceSettings
from services.chassis.work import Item
from tests.chassis.rig import Noted

door = PublicRouter()


class Noticed(Noted):
    """A type that the release before does not know."""

    type: ClassVar[str] = "Noticed.v1"


class NotedMore(Noted):
    """The same type with one more field, as a compatible change has it."""

    more: str = "told by version 2"


TWO = os.environ.get("VERSION") == "2"
handlers = Handlers({Noted.type: Noted} | ({Noticed.type: Noticed} if TWO else {}))


@door.post("/notes/{stream}/{n}")
async def note(stream: UUID, n: int, request: Request) -> dict[str, int]:
    context: Context = request.app.state.context
    async with transaction(context.pool) as conn:
        told = NotedMore if TWO else Noted
        await outbox.append(conn, told(youth_id=stream, n=n), at=context.clock.now())
        await work.add(conn, "remind", {"n": n}, due_at=context.clock.now(), lane=None)
    return {"n": n}


@door.post("/notices/{stream}/{n}")
async def notice(stream: UUID, n: int, request: Request) -> None:
    context: Context = request.app.state.context
    async with transaction(context.pool) as conn:
        await outbox.append(conn, Noticed(youth_id=stream, n=n), at=context.clock.now())


@door.post("/slow/{seconds}")
async def slow(seconds: float, request: Request) -> None:
    """As long as a command that has to wait for others: a connection is in use all the while."""
    context: Context = request.app.state.context
    async with transaction(context.pool) as conn:
        await conn.execute("SELECT pg_sleep($1)", seconds)


@door.post("/pairs/{stream}/{seconds}")
async def pair(stream: UUID, seconds: float, request: Request) -> None:
    """Two events, and a while between them: both or neither."""
    context: Context = request.app.state.context
    async with transaction(context.pool) as conn:
        await outbox.append(conn, Noted(youth_id=stream, n=1), at=context.clock.now())
        await conn.execute("SELECT pg_sleep($1)", seconds)
        await outbox.append(conn, Noted(youth_id=stream, n=2), at=context.clock.now())


@door.get("/streams/of/{peer}")
async def ask(peer: str, request: Request) -> Any:
    context: Context = request.app.state.context
    return await context.peers.get(peer, "/internal/streams")


@door.get("/events/of/{peer}/{stream}/{other}")
async def ask_for_events(peer: str, stream: UUID, other: UUID, request: Request) -> list[Any]:
    """Both streams at once: of the first one from the beginning, of the other after 1."""
    context: Context = request.app.state.context
    after = {Stream(stream, peer): 0, Stream(other, peer): 1}
    events = await HttpProducer(context.peers, peer).events(after)
    return [[str(event.stream.stream_id), event.sequence] for event in events]


@handlers.on(Noted)
async def keep(conn: Connection, event: Noted) -> None:
    envelope = handling.get()
    assert envelope
    await conn.execute(
        "INSERT INTO effect (stream_id, producer, sequence) VALUES ($1, $2, $3)",
        *(*Stream(event.youth_id, envelope.stream.producer), envelope.sequence),
    )


handlers.on(Noticed)(keep)


async def remind(conn: Connection, item: Item) -> None:
    """Due work that only has to be seen as done."""


def kinds(context: Context) -> Kinds:
    return {"remind": remind}, {}


def service(name: str) -> Service:
    hears = name != "referral"
    return Service(
        name=name,
        settings=ServiceSettings.read(),
        doors=[door],
        handlers=handlers if hears else None,
        listens_to=["referral"] if hears else [],
        work=kinds,
    )


def die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit  # not reached


def arm(where: str) -> None:
    """Let this process be killed at one point, as nobody outside could time it."""
    if where == "before-offsets":
        consumer.Batch.ack = die  # type: ignore[method-assign, assignment]
    if where == "before-mark":
        relay.mark = die  # type: ignore[assignment]


if __name__ == "__main__":
    arm(os.environ.get("DIE", ""))
    run(service(sys.argv[1]))
