"""What is due in scheduling: days on which something begins or ends, what a mentor who leaves
leaves behind, and readers' numbers."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.db import Connection
from services.chassis.fhir import readers
from services.chassis.work import Call, Do, Item
from services.scheduling.commands import facts, leaving, offers, reassign, standing
from services.scheduling.domain.episodes import EndOfAssignment
from services.scheduling.domain.offers import DeclinedBy


class Context(Protocol):
    """What of the process's context is used here."""

    @property
    def clock(self) -> Clock: ...
    @property
    def peers(self) -> readers.Peers: ...


def work(context: Context) -> tuple[Mapping[str, Do], Mapping[str, Call]]:
    """The kinds that run inside a transaction, and those that call another service."""
    clock = context.clock
    inside = {
        facts.SETTLE: settle_youth(clock),
        leaving.DEPART: depart(clock),
        leaving.LOSE_MENTOR: lose_mentor(clock),
        offers.END_OFFER: end_offer(clock),
        standing.TELL_STANDING: tell_standing(clock),
    }
    return inside, {readers.ASK_NUMBER: readers.work(context)}


def settle_youth(clock: Clock) -> Do:
    """A hub ended, a consent or a coverage began: do what follows today."""

    async def do(conn: Connection, item: Item) -> None:
        await facts.settle_again(conn, UUID(item.payload["youth_id"]), now=clock.now())

    return do


def depart(clock: Clock) -> Do:
    """A mentor's first day away has come."""

    async def do(conn: Connection, item: Item) -> None:
        await leaving.depart(
            conn,
            UUID(item.payload["mentor_id"]),
            EndOfAssignment(item.payload["reason"]),
            leaves_on=date.fromisoformat(item.payload["leaves_on"]),
            now=clock.now(),
        )

    return do


def lose_mentor(clock: Clock) -> Do:
    """One of the youths whose mentor has left."""

    async def do(conn: Connection, item: Item) -> None:
        await reassign.lose_mentor(
            conn,
            UUID(item.payload["assignment_id"]),
            EndOfAssignment(item.payload["reason"]),
            effective=date.fromisoformat(item.payload["effective"]),
            now=clock.now(),
        )

    return do


def end_offer(clock: Clock) -> Do:
    """Nobody answered an offer in time, or its mentor has left."""

    async def do(conn: Connection, item: Item) -> None:
        by = DeclinedBy(item.payload["by"])
        await offers.end_due(conn, UUID(item.payload["offer_id"]), by, now=clock.now())

    return do


def tell_standing(clock: Clock) -> Do:
    """A mentor's papers or supervisor were registered anew, or a supervisor's first day came."""

    async def do(conn: Connection, item: Item) -> None:
        await standing.tell(conn, UUID(item.payload["mentor_id"]), now=clock.now())

    return do
