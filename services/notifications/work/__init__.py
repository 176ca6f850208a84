"""What is due: telling subscribers, showing them that we are alive, writing mailing."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from contracts import telemetry
from services.chassis.clock import Clock
from services.chassis.db import Connection, Pool
from services.chassis.fhir import readers
from services.chassis.measures import Measure
from services.chassis.work import Call, Do, Item
from services.notifications.commands.asking import BEAT, beat
from services.notifications.commands.mailing import FIND, SEND
from services.notifications.commands.queueing import TELL
from services.notifications.partners.hooks import Hook
from services.notifications.partners.referral import Peers, Referral
from services.notifications.store import deliveries, mails
from services.notifications.work import mailing
from services.notifications.work.telling import Teller


class Settings(mailing.Settings, Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def allow_loopback_endpoints(self) -> bool: ...


async def measures(conn: Connection) -> Sequence[Measure]:
    """How far behind we are with each client, and with mailing."""
    found: list[Measure] = []
    for row in await deliveries.list_backlogs(conn):
        client = {"client": row["client"]}
        found.append((telemetry.NOTIFICATIONS_QUEUED_AGE, row["age"], client))
        found.append((telemetry.NOTIFICATIONS_UNDELIVERABLE, row["undeliverable"], client))
    age, undeliverable = await mails.list_backlog(conn)
    found.append((telemetry.MAIL_QUEUED_AGE, age, {}))
    found.append((telemetry.MAIL_UNDELIVERABLE, undeliverable, {}))
    return found


async def nothing(conn: Connection, item: Item) -> None:
    """Readers' numbers stand in no notification: close what an older release asked for."""


def kinds(
    pool: Pool, clock: Clock, peers: Peers, settings: Settings, hook: Hook | None = None
) -> tuple[Mapping[str, Do], Mapping[str, Call]]:
    referral = Referral(peers)
    hook = hook or Hook(loopback=settings.allow_loopback_endpoints)
    teller = Teller(pool, clock, referral, hook, base_url=settings.base_url)
    finder = mailing.Finder(clock, referral)
    writer = mailing.Writer(pool, clock, referral, settings)

    async def show_life(conn: Connection, item: Item) -> None:
        ids = item.payload
        timer = UUID(ids["timer"])
        await beat(conn, UUID(ids["subscription_id"]), timer=timer, now=clock.now())

    return {readers.ASK_NUMBER: nothing, BEAT: show_life}, {
        TELL: Call(teller.read, teller.call, teller.record),
        FIND: Call(finder.read, finder.call, finder.record),
        SEND: Call(writer.read, writer.call, writer.record),
    }
