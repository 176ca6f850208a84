"""Writing a letter: who wants it and whether it may be is asked, then it is sent, then noted."""

import random
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.chassis import work
from services.chassis.clock import Clock
from services.chassis.db import Connection, Pool, transaction
from services.chassis.errors import NotFound, PeerUnavailable
from services.chassis.work import Item
from services.notifications.commands import mailing
from services.notifications.commands.mailing import News, Ready
from services.notifications.domain.attempts import (
    Answered,
    Held,
    Nothing,
    Outcome,
    Unsent,
    Withheld,
)
from services.notifications.domain.mail import (
    Audience,
    Letter,
    Mailbox,
    Mailboxes,
    is_address,
    language_for,
)
from services.notifications.mapping.letters import message_for
from services.notifications.partners import mail, referral

UNUSABLE = Answered(553)  # as a server says it of a name that is no mailbox


class Settings(mail.Settings, Protocol):
    @property
    def mail_from(self) -> str: ...
    @property
    def mail_coordinators(self) -> str | None: ...


class Finder:
    """Finds who speaks for a youth now, by our ids; their addresses are asked when we write."""

    def __init__(self, clock: Clock, referral: referral.Referral) -> None:
        self.clock, self.referral = clock, referral

    async def read(self, conn: Connection, item: Item) -> News | None:
        news = news_of(item)
        return news if await mailing.is_still_news(conn, news, now=self.clock.now()) else None

    async def call(self, news: News | None) -> Mailboxes:
        return await self.referral.mailboxes(news.youth_id) if news else Mailboxes(False)

    async def record(self, conn: Connection, item: Item, family: Mailboxes) -> None:
        await mailing.write_to_each(conn, news_of(item), family)


def news_of(item: Item) -> News:
    told = item.payload
    youth_id, subject_id = UUID(told["youth_id"]), UUID(told["subject_id"])
    event_id = UUID(told["event_id"])
    at = datetime.fromisoformat(told["occurred_at"])
    return News(Letter(told["letter"]), youth_id, subject_id, told["facts"], event_id, at)


class Writer:
    """Sends one letter to one recipient."""

    def __init__(
        self, pool: Pool, clock: Clock, referral: referral.Referral, settings: Settings
    ) -> None:
        self.pool, self.clock, self.referral, self.settings = pool, clock, referral, settings
        self.server = mail.MailServer(settings) if settings.mail_server else None

    async def read(self, conn: Connection, item: Item) -> Ready | None:
        return await mailing.ready(conn, UUID(item.payload["mail_id"]), now=self.clock.now())

    async def call(self, found: Ready | None) -> Outcome:
        """Ask whether it may be written and where to, then hand it over. Only a clear yes is."""
        if found is None:
            return Nothing()
        if self.server is None or found.mail.letter in found.preference.opted_out:
            return Withheld()
        try:
            to = await self.mailbox(found)
        except (PeerUnavailable, NotFound):
            return Held(Unsent.HELD)
        if to is None:
            return Withheld()
        if not is_address(to.address):
            return UNUSABLE
        async with transaction(self.pool) as conn:
            at = await mailing.begin_attempt(conn, found, now=self.clock.now())
        language = language_for(found.preference, to.languages)
        message = message_for(
            found.mail, language=language, sender=self.settings.mail_from, to=to.address, at=at
        )
        return await self.server.send(message, to=to.address)

    async def mailbox(self, found: Ready) -> Mailbox | None:
        """Where to write at this moment; None: nowhere, or not any more."""
        recipient = found.mail.recipient or found.mail.subject_id
        if found.audience is Audience.FAMILY:
            family = await self.referral.mailboxes(found.mail.youth_id)
            known = family.found if family.stands else ()
            return next((one for one in known if one.recipient == recipient), None)
        staff = found.audience is Audience.STAFF
        address = found.preference.address if staff else self.settings.mail_coordinators
        return Mailbox(recipient, address) if address else None

    async def record(self, conn: Connection, item: Item, outcome: Outcome) -> None:
        id_, jitter = UUID(item.payload["mail_id"]), random.random()  # noqa: S311
        pause = await mailing.record_outcome(conn, id_, outcome, jitter=jitter)
        if pause is not None:
            await work.again(conn, item, after=pause, reason=type(outcome).__name__)
