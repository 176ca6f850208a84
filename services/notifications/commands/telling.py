"""Tells what is queued, under a number: before the call, and after it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.events import NotificationFailed
from services.chassis import outbox
from services.chassis.db import Connection
from services.notifications.commands import asking, mailing
from services.notifications.commands.mailing import News
from services.notifications.domain import attempts
from services.notifications.domain.attempts import (
    Answered,
    Failed,
    Held,
    Nothing,
    Outcome,
    Withheld,
)
from services.notifications.domain.mail import Letter
from services.notifications.domain.subscriptions import (
    MOST_TOGETHER,
    Delivery,
    Kind,
    Release,
    State,
    Status,
    Subscription,
    Topic,
    fitting,
)
from services.notifications.store import deliveries, disclosures, subscriptions, together

UNREACHED = ("endpoint-gone", "undeliverable")  # why we, not the hub, ended a subscription
MOST_AT_ONCE = 500  # events given up in one transaction; the rest when their turn comes


@dataclass(frozen=True)
class Message:
    """A delivery and the subscription that it belongs to, as both stand.

    `along` was numbered with it and goes out under its id, now as at first.
    """

    delivery: Delivery
    subscription: Subscription
    along: Sequence[Delivery] = ()

    @property
    def needs_release(self) -> bool:
        """True when consent and the hub relationship have to be asked about first.

        A hub may always know how its own referral goes (DOMAIN.md section 4, Readers).
        """
        care = self.subscription.wanted.topic is Topic.CARE_PROGRESS
        return care and self.delivery.is_event

    @property
    def most_events(self) -> int:
        """How many events may go out under its id: its own, unless the subscriber asks for more.

        Who is asked about first is asked for each youth by itself.
        """
        own, most = len(self.delivery.focus), self.subscription.wanted.channel.most_events
        if not most or self.needs_release or not self.delivery.is_event:
            return own
        return max(own, min(most, MOST_TOGETHER))

    @property
    def room(self) -> int:
        """How many more events may join it; none once it has its number."""
        own = len(self.delivery.focus)
        return 0 if self.delivery.first_number else self.most_events - own


@dataclass(frozen=True)
class Attempt:
    """A message that may go out now, numbered. `stamp` is the machine's time, not business time."""

    message: Message
    stamp: datetime


async def message(conn: Connection, delivery_id: UUID) -> Message | None:
    """The message as it stands; None once it is closed."""
    delivery, subscription = await deliveries.delivery_and_subscription(conn, delivery_id)
    return Message(delivery, subscription) if delivery.state is State.QUEUED else None


async def message_locked(conn: Connection, delivery_id: UUID) -> Message | None:
    """The same with what goes along, and its subscription kept from others, to be numbered.

    What goes along stays with it. But where the subscriber has since asked for fewer events, or
    for a topic of which each youth is asked about, each goes on by itself, when its turn comes.
    """
    await subscriptions.lock_subscription_of(conn, delivery_id)
    found = await message(conn, delivery_id)
    if found is None or not found.delivery.first_number:
        return found
    along = await together.list_along(conn, delivery_id)
    if sum(len(one.focus) for one in (found.delivery, *along)) > found.most_events:
        await together.update_apart(conn, delivery_id)
        return found
    return replace(found, along=along)


async def begin_attempt(
    conn: Connection, delivery_id: UUID, *, release: Release | None, now: datetime
) -> Attempt | None:
    """Number a message, if it has none yet, and note whom it tells what; None: not any more."""
    found = await message_locked(conn, delivery_id)
    if found is None or found.subscription.is_over(now=now):
        return None
    return await begin(conn, found, release=release, now=now)


async def begin(
    conn: Connection,
    found: Message,
    *,
    release: Release | None,
    now: datetime,
    behind: Sequence[UUID] = (),
) -> Attempt:
    """The same of a message whose subscription is locked; `behind` follows it in its lane.

    The number is given when nothing stands against sending, and stays through every repeat, so
    that the numbers which leave us have no gaps. So does what goes along: as much of what is
    behind as the message may hold when it is sent for the first time.
    """
    along = found.along
    if behind and found.room:
        queued = await together.list_in_order(conn, behind)
        along = fitting(found.delivery, queued, most=found.most_events)
    if found.delivery.is_event:
        ground, asked_at = ("roi_hub", release.asked_at) if release else ("own-referral", None)
        told = (found.delivery, *along)
        await disclosures.add_disclosures(
            conn, told, found.subscription, ground=ground, asked_at=asked_at
        )
    beside = sum(len(one.focus) for one in along)
    first, stamp = await deliveries.update_attempt(conn, found.delivery, beside=beside, now=now)
    if along:
        along = await together.update_along(conn, first, along, now=now)
    return Attempt(replace(found, delivery=first, along=along), stamp)


async def record_outcome(
    conn: Connection, delivery_id: UUID, outcome: Outcome, *, now: datetime, jitter: float
) -> timedelta | None:
    """Note that it was not told; gives the pause before the next attempt, None when it is closed.

    What goes along has the same fate: it is tried again with it, or given up.
    """
    if (found := await message(conn, delivery_id)) is None:
        return None
    subscription = found.subscription
    answered = outcome.status if isinstance(outcome, Answered) else None
    reason = outcome.why if isinstance(outcome, Failed | Held) else None
    tried_for = await deliveries.update_answer(conn, delivery_id, answered=answered, reason=reason)
    match outcome:
        case Withheld():
            await deliveries.update_state(conn, delivery_id, State.WITHHELD)
            return None
        case Nothing() if subscription.is_over(now=now):
            await close_over(conn, found, now=now)
            return None
        case Nothing():  # over when we looked, and asked for anew since
            return attempts.HOLD
        case Held():
            return attempts.pause_after(1, outcome, jitter=jitter)
        case Answered(status=attempts.GONE):
            await give_up(conn, found, fault="endpoint-gone", now=now)
            return None
    if tried_for >= attempts.TRIED_FOR:
        await give_up(conn, found, fault="undeliverable", now=now)
        return None
    if found.delivery.attempts >= attempts.FAILURES_BEFORE_ERROR:
        await subscriptions.update_status(
            conn, subscription.id, Status.ERROR, fault="endpoint-fails"
        )
    return attempts.pause_after(found.delivery.attempts, outcome, jitter=jitter)


async def record_delivered(
    conn: Connection, delivery_id: UUID, outcome: Answered, *, now: datetime
) -> Sequence[UUID]:
    """Its endpoint has taken it; gives what went along.

    A greeting makes a subscription active, as does an error's end.
    """
    closed = await deliveries.update_delivered(conn, delivery_id, answered=outcome.status, now=now)
    if closed is None:
        return ()
    told, along = closed
    if told.kind is Kind.HANDSHAKE or told.status is Status.ERROR:
        await subscriptions.update_status(conn, told.subscription_id, Status.ACTIVE)
    return along


async def close_over(conn: Connection, found: Message, *, now: datetime) -> None:
    """Close what came to its turn after its subscription was over."""
    subscription = found.subscription
    await subscriptions.update_status(conn, subscription.id, Status.OFF, fault="ended")
    if subscription.fault in UNREACHED:
        await give_up_queued(conn, found, now=now)
    await deliveries.update_state(conn, found.delivery.id, State.UNDELIVERABLE)


async def give_up(conn: Connection, found: Message, *, fault: str, now: datetime) -> None:
    """Neither the message nor what follows it is tried again, and the subscription is off."""
    await asking.switch_off(conn, found.subscription.id, fault=fault)
    await give_up_queued(conn, found, now=now)
    await deliveries.update_state(conn, found.delivery.id, State.UNDELIVERABLE)


async def give_up_queued(conn: Connection, found: Message, *, now: datetime) -> None:
    """Say of which youths the hub was not told, so that a person tells it; `$events` still does."""
    id_, first = found.subscription.id, found.delivery.id
    await subscriptions.lock_subscription(conn, id_)
    untold = await deliveries.close_undelivered(conn, id_, first=first, most=MOST_AT_ONCE)
    for youth_id, since in untold.items():  # in order of stream, as `append` asks for
        event = NotificationFailed(
            youth_id=youth_id,
            organisation_id=found.subscription.organisation_id,
            subscription_id=found.subscription.id,
            since=since,
        )
        id_ = await outbox.append(conn, event, at=now)
        facts = {
            "youth": str(youth_id),
            "organisation": str(event.organisation_id),
            "since": since.isoformat(),
        }
        letter, about = Letter.HUB_NOT_REACHED, event.subscription_id
        await mailing.write(conn, News(letter, youth_id, about, facts, id_, now))
