"""Writes letters: queues them, asks who wants one, notes what came of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.chassis import work
from services.chassis.db import Connection
from services.notifications.domain import attempts
from services.notifications.domain.attempts import (
    Answered,
    Failed,
    Held,
    Nothing,
    Outcome,
    Withheld,
)
from services.notifications.domain.mail import (
    AUDIENCES,
    Audience,
    Letter,
    Mail,
    Mailboxes,
    Preference,
    reminded_at,
)
from services.notifications.domain.subscriptions import State
from services.notifications.store import mails

log = logging.getLogger(__name__)

# Whoever builds its projections anew hears of everything since the beginning.
OLD_NEWS = timedelta(days=14)

FIND = "find-family"
SEND = "send-mail"
AGENCY_LANE = "mail/agency"


@dataclass(frozen=True)
class News:
    """What a letter tells, and because of which event."""

    letter: Letter
    youth_id: UUID
    subject_id: UUID
    facts: Mapping[str, str]
    event_id: UUID
    occurred_at: datetime


# --- What happened -------------------------------------------------------------------------------


async def write(conn: Connection, news: News, recipient: UUID | None = None) -> None:
    """Queue a letter to one recipient, None being the agency's own mailbox."""
    id_ = uuid5(news.event_id, f"{news.letter} to {recipient}")
    mail = Mail(
        *(id_, news.letter, news.youth_id, news.subject_id, recipient, news.facts),
        *(State.QUEUED, 0, None, news.occurred_at),
    )
    if await mails.add_mail(conn, mail):
        # One lane a recipient: whoever's mailbox is full holds up nobody else.
        lane = f"mail/{recipient}" if recipient else AGENCY_LANE
        await work.add(conn, SEND, {"mail_id": str(id_)}, due_at=news.occurred_at, lane=lane)


async def write_to_family(conn: Connection, news: News, *, at: datetime) -> None:
    """Queue a letter to whoever speaks for the youth at that time: it is asked then."""
    told = {
        "letter": news.letter,
        "youth_id": str(news.youth_id),
        "subject_id": str(news.subject_id),
        "facts": dict(news.facts),
        "event_id": str(news.event_id),
        "occurred_at": news.occurred_at.isoformat(),
    }
    await work.add(conn, FIND, told, due_at=at, lane=None)


async def announce(conn: Connection, news: News, start: datetime) -> None:
    """Remind a family of an appointment when it is near."""
    facts = dict(news.facts) | {"at": start.isoformat()}
    at = reminded_at(start, booked_at=news.occurred_at)
    await write_to_family(conn, replace(news, facts=facts), at=at)


async def call_off(conn: Connection, news: News) -> None:
    """An appointment is off: whoever was told of it is told that, and nobody else anything."""
    await mails.add_cancelled(conn, news.subject_id)
    if await mails.is_told(conn, news.subject_id, Letter.NEXT_APPOINTMENT):
        facts = await mails.facts_of(conn, news.subject_id, Letter.NEXT_APPOINTMENT)
        await write_to_family(conn, replace(news, facts=facts), at=news.occurred_at)


async def is_still_news(conn: Connection, news: News | Mail, *, now: datetime) -> bool:
    """False of an appointment that is over or off, and of what happened too long ago."""
    if news.letter is not Letter.NEXT_APPOINTMENT:
        return news.occurred_at > now - OLD_NEWS
    over = datetime.fromisoformat(news.facts["at"]) <= now
    return not over and not await mails.is_cancelled(conn, news.subject_id)


async def write_to_each(conn: Connection, news: News, family: Mailboxes) -> None:
    """A letter of its own for each: those who speak for one child may not know of each other."""
    for mailbox in family.found if family.stands else ():
        await write(conn, news, mailbox.recipient)


# --- Sending: before the call, and after it ------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """A letter whose turn it is, and what its recipient wishes."""

    mail: Mail
    preference: Preference

    @property
    def audience(self) -> Audience:
        return AUDIENCES[self.mail.letter]


async def ready(conn: Connection, mail_id: UUID, *, now: datetime) -> Ready | None:
    """The letter as it stands; None once it is closed, or no news any more."""
    mail = await mails.mail_by_id(conn, mail_id)
    if mail.state is not State.QUEUED:
        return None
    if not mail.attempts and not await is_still_news(conn, mail, now=now):
        return None
    family = AUDIENCES[mail.letter] is Audience.FAMILY
    subject = mail.youth_id if family else mail.recipient
    preference = await mails.preference_of(conn, subject) if subject else Preference()
    return Ready(mail, preference)


async def begin_attempt(conn: Connection, found: Ready, *, now: datetime) -> datetime:
    """Count an attempt and note whom it tells; gives the date that the letter bears."""
    if found.audience is Audience.FAMILY:
        await mails.add_disclosure(conn, found.mail)
    return await mails.update_attempt(conn, found.mail.id, now=now)


async def record_outcome(
    conn: Connection, mail_id: UUID, outcome: Outcome, *, jitter: float
) -> timedelta | None:
    """Note what came of it; gives the pause before the next attempt, None when it is closed.

    A server's refusal for good (5xx) is an end; all else is tried as long as hubs are.
    """
    mail = await mails.mail_by_id(conn, mail_id)
    if mail.state is not State.QUEUED:
        return None
    answered = outcome.status if isinstance(outcome, Answered) else None
    reason = outcome.why if isinstance(outcome, Failed | Held) else None
    tried_for = await mails.update_answer(conn, mail_id, answered=answered, reason=reason)
    match outcome:
        case Withheld() | Nothing():
            await mails.update_state(conn, mail_id, State.WITHHELD)
            return None
        case Held():
            return attempts.pause_after(1, outcome, jitter=jitter)
        case Answered() if attempts.is_delivered(outcome):
            await mails.update_state(conn, mail_id, State.DELIVERED)
            return None
        case Answered(status=status) if status >= attempts.REFUSED_FOR_GOOD:
            await give_up(conn, mail)
            return None
    if tried_for >= attempts.TRIED_FOR:
        await give_up(conn, mail)
        return None
    return attempts.pause_after(mail.attempts, outcome, jitter=jitter)


async def give_up(conn: Connection, mail: Mail) -> None:
    await mails.update_state(conn, mail.id, State.UNDELIVERABLE)
    log.error("mail-undeliverable", extra={"mail": str(mail.id), "letter": mail.letter.value})
