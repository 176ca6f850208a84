"""What is due in scheduling: days on which something begins or ends, and readers' numbers."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.db import Connection
from services.chassis.fhir import readers
from services.chassis.work import Call, Do, Item
from services.scheduling.commands import facts


class Context(Protocol):
    """What of the process's context is used here."""

    @property
    def clock(self) -> Clock: ...
    @property
    def peers(self) -> readers.Peers: ...


def work(context: Context) -> tuple[Mapping[str, Do], Mapping[str, Call]]:
    """The kinds that run inside a transaction, and those that call another service."""
    inside = {facts.SETTLE: settle_youth(context.clock)}
    return inside, {readers.ASK_NUMBER: readers.work(context)}


def settle_youth(clock: Clock) -> Do:
    """A hub ended, a consent or a coverage began: do what follows today."""

    async def do(conn: Connection, item: Item) -> None:
        await facts.settle_again(conn, UUID(item.payload["youth_id"]), now=clock.now())

    return do
