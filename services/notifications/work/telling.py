"""Telling a subscriber: asked about, numbered, sent, noted."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.chassis import lanes, work
from services.chassis.clock import Clock
from services.chassis.db import Connection, Pool, transaction
from services.chassis.errors import NotFound, PeerUnavailable
from services.chassis.work import Item
from services.notifications.commands import telling
from services.notifications.commands.telling import Attempt, Message
from services.notifications.domain.attempts import (
    Answered,
    Failed,
    Held,
    Nothing,
    Outcome,
    Unsent,
    Withheld,
    is_delivered,
)
from services.notifications.domain.subscriptions import Release
from services.notifications.mapping.notifications import notification_bundle
from services.notifications.partners.hooks import Hook
from services.notifications.partners.referral import Referral


@dataclass(frozen=True)
class Ready:
    """A message that may go out, numbered, and the secret that signs it.

    `causes` are the traces of what goes along.
    """

    attempt: Attempt
    secret: bytes = field(repr=False)
    causes: Sequence[Mapping[str, str]] = ()


class Teller:
    """Tells one subscriber one thing, and what else is queued for it right behind."""

    def __init__(
        self, pool: Pool, clock: Clock, referral: Referral, hook: Hook, *, base_url: str
    ) -> None:
        self.pool, self.clock, self.base_url = pool, clock, base_url
        self.referral, self.hook = referral, hook

    async def read(self, conn: Connection, item: Item) -> Message | Ready | None:
        """The message; numbered at once if there is nobody to be asked before it goes out."""
        found = await telling.message_locked(conn, UUID(item.payload["delivery_id"]))
        now = self.clock.now()
        if not found or found.needs_release or found.subscription.is_over(now=now):
            return found
        if secret := self.referral.known_secret(found.subscription.client_id):
            behind = await self.list_behind(conn, item, found)
            attempt = await telling.begin(conn, found, release=None, now=now, behind=list(behind))
            along = [one.id for one in attempt.message.along]
            return Ready(attempt, secret, [behind[id_] for id_ in along if id_ in behind])
        return found

    async def list_behind(
        self, conn: Connection, item: Item, found: Message
    ) -> Mapping[UUID, Mapping[str, str]]:
        """What follows in the lane, in order, and the trace of each."""
        if not (most := found.room or len(found.along)):
            return {}
        rows = await lanes.list_behind(conn, item, now=self.clock.now(), most=most)
        return {UUID(row.payload["delivery_id"]): row.headers for row in rows}

    async def call(self, message: Message | Ready | None) -> Outcome:
        """Ask whether it may go out, take a number, send. Only a clear yes is sent."""
        if isinstance(message, Ready):
            return await self.send(message.attempt, message.secret, message.causes)
        if message is None or message.subscription.is_over(now=self.clock.now()):
            return Nothing()
        release: Release | None = None
        try:
            if message.needs_release:
                release = await self.ask_release(message)
                if not release.stands:
                    return Withheld()
        except (PeerUnavailable, NotFound):
            # A 404 says that this door is not there, not that nobody has agreed.
            return Held(Unsent.HELD)
        try:
            secret = await self.referral.secret(message.subscription.client_id)
        except PeerUnavailable:
            return Held(Unsent.NO_SECRET)
        except NotFound:
            return Held(Unsent.NO_CLIENT)
        async with transaction(self.pool) as conn:
            attempt = await telling.begin_attempt(
                conn, message.delivery.id, release=release, now=self.clock.now()
            )
        return await self.send(attempt, secret) if attempt else Nothing()

    async def ask_release(self, message: Message) -> Release:
        youth_id = message.delivery.youth_id
        assert youth_id  # noqa: S101 (an event is always about a youth)
        return await self.referral.release(youth_id, message.subscription.organisation_id)

    async def send(
        self, attempt: Attempt, secret: bytes, causes: Sequence[Mapping[str, str]] = ()
    ) -> Answered | Failed:
        delivery, subscription = attempt.message.delivery, attempt.message.subscription
        bundle = notification_bundle(
            subscription,
            [delivery, *attempt.message.along],
            id_=delivery.id,
            kind=delivery.kind,
            base_url=self.base_url,
            at=delivery.first_sent_at or delivery.occurred_at,
        )
        return await self.hook.post(
            subscription.wanted.channel,
            id_=str(delivery.id),
            stamp=attempt.stamp,
            secret=secret,
            body=json.dumps(bundle, separators=(",", ":")).encode(),
            causes=causes,
        )

    async def record(self, conn: Connection, item: Item, outcome: Outcome) -> None:
        id_, jitter = UUID(item.payload["delivery_id"]), random.random()  # noqa: S311
        now = self.clock.now()
        if isinstance(outcome, Answered) and is_delivered(outcome):
            if along := await telling.record_delivered(conn, id_, outcome, now=now):
                await lanes.finish_behind(conn, item, "delivery_id", list(map(str, along)))
            return
        pause = await telling.record_outcome(conn, id_, outcome, now=now, jitter=jitter)
        if pause is not None:
            await work.again(conn, item, after=pause, reason=type(outcome).__name__)
