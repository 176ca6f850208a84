"""What notifications does: takes subscriptions, queues what happened, tells it under a number."""

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from services.chassis import work
from services.chassis.db import Connection
from services.chassis.errors import NotYet
from services.notifications.domain import attempts
from services.notifications.domain.attempts import (
    Answered,
    Failed,
    Held,
    Nothing,
    Outcome,
    Withheld,
)
from services.notifications.domain.subscriptions import (
    Delivery,
    Happening,
    Kind,
    Release,
    State,
    Status,
    Subscription,
    Topic,
    Wanted,
)
from services.notifications.store import deliveries, hubs, subscriptions

log = logging.getLogger(__name__)

TELL = "tell-subscriber"
REMOVED = "removed"


# --- Subscriptions -------------------------------------------------------------------------------


async def subscribe(
    conn: Connection,
    id_: UUID,
    wanted: Wanted,
    *,
    client_id: str,
    organisation_id: UUID,
    now: datetime,
) -> bool:
    """Take a subscription and greet its endpoint; False when the client has this one already."""
    added = await subscriptions.add_subscription(
        conn, id_, wanted, client_id=client_id, organisation_id=organisation_id
    )
    if added:
        await greet(conn, id_, version=1, now=now)
    return added


async def change(conn: Connection, before: Subscription, wanted: Wanted, *, now: datetime) -> None:
    """Put what the client now wants in place of what it wanted; its endpoint is greeted anew."""
    await subscriptions.update_wanted(conn, before.id, wanted)
    await greet(conn, before.id, version=before.version + 1, now=now)


async def switch_off(conn: Connection, id_: UUID, *, fault: str | None = None) -> None:
    """Tell nothing more: what is queued is closed when its turn comes."""
    if await subscriptions.update_status(conn, id_, Status.OFF, fault=fault) and fault:
        log.error("subscription-off", extra={"subscription": str(id_), "reason": fault})


async def remove(conn: Connection, id_: UUID) -> None:
    """Switch a subscription off and show it no more; the log of what it was told stays."""
    await subscriptions.update_status(conn, id_, Status.OFF, fault=REMOVED)


async def greet(conn: Connection, id_: UUID, *, version: int, now: datetime) -> None:
    handshake = uuid5(id_, f"handshake {version}")
    await deliveries.add_handshake(conn, handshake, id_, now=now)
    await queue(conn, handshake, id_, now=now)


async def queue(conn: Connection, id_: UUID, subscription_id: UUID, *, now: datetime) -> None:
    # One lane a subscription, so that its numbers arrive in order; another endpoint's silence
    # holds up nobody else.
    lane = f"subscription/{subscription_id}"
    await work.add(conn, TELL, {"delivery_id": str(id_)}, due_at=now, lane=lane)


# --- What happened -------------------------------------------------------------------------------


async def note_sender(
    conn: Connection, referral_id: UUID, youth_id: UUID, organisation_id: UUID
) -> None:
    """Remember whose referral it is: that organisation is told of its Task."""
    await hubs.add_sender(conn, referral_id, youth_id, organisation_id)


async def tell_sender(conn: Connection, referral_id: UUID, happening: Happening) -> None:
    """Queue what happened to a referral for the organisation that sent it."""
    if (sender := await hubs.sender_by_referral(conn, referral_id)) is None:
        raise NotYet
    await queue_for(conn, sender, happening)


async def tell_hubs(conn: Connection, happening: Happening, *, on: date) -> None:
    """Queue what happened in a youth's care for the youth's hubs of that day.

    Whether a release stands is asked when it is sent, never here: what referral granted may reach
    us after what documentation tells, and would then be lost for good.
    """
    for hub in await hubs.list_engaged_hubs(conn, happening.youth_id, on):
        await queue_for(conn, hub, happening)


async def queue_for(conn: Connection, organisation_id: UUID, happening: Happening) -> None:
    """A message for each of its subscriptions that wants it; the same event adds none twice."""
    for id_ in await subscriptions.list_subscribers(conn, happening, organisation_id):
        delivery = uuid5(id_, str(happening.event_id))
        if await deliveries.add_delivery(conn, delivery, id_, happening):
            await queue(conn, delivery, id_, now=happening.occurred_at)


# --- Telling: before the call, and after it ------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """A delivery and the subscription that it belongs to, as both stand."""

    delivery: Delivery
    subscription: Subscription

    @property
    def needs_release(self) -> bool:
        """True when consent and the hub relationship have to be asked about first.

        A hub may always know how its own referral goes (DOMAIN.md section 4, Readers).
        """
        care = self.subscription.wanted.topic is Topic.CARE_PROGRESS
        return care and self.delivery.kind is Kind.EVENT


@dataclass(frozen=True)
class Attempt:
    """A message that may go out now, numbered. `stamp` is the machine's time, not business time."""

    message: Message
    stamp: datetime


async def message(conn: Connection, delivery_id: UUID) -> Message | None:
    """The message as it stands; None once it is closed."""
    delivery = await deliveries.delivery_by_id(conn, delivery_id)
    if delivery.state is not State.QUEUED:
        return None
    subscription = await subscriptions.subscription_by_id(conn, delivery.subscription_id)
    assert subscription  # noqa: S101 (a foreign key: there is no delivery without)
    return Message(delivery, subscription)


async def begin_attempt(
    conn: Connection, delivery_id: UUID, *, release: Release | None, now: datetime
) -> Attempt | None:
    """Number a message, if it has no number yet, and note whom it tells what; None: not any more.

    The number is given when nothing stands against sending, and stays through every repeat, so
    that the numbers which leave us have no gaps.
    """
    await subscriptions.lock_subscription_of(conn, delivery_id)
    if (found := await message(conn, delivery_id)) is None or is_over(found.subscription, now=now):
        return None
    if found.delivery.kind is Kind.EVENT:
        if found.delivery.first_number is None:
            await deliveries.update_number(conn, found.delivery, now=now)
        ground, asked_at = ("roi_hub", release.asked_at) if release else ("own-referral", None)
        await deliveries.add_disclosure(
            conn, found.delivery, found.subscription, ground=ground, asked_at=asked_at
        )
    stamp = await deliveries.update_attempt(conn, delivery_id, now=now)
    numbered = await deliveries.delivery_by_id(conn, delivery_id)
    return Attempt(replace(found, delivery=numbered), stamp)


def is_over(subscription: Subscription, *, now: datetime) -> bool:
    ends_at = subscription.wanted.ends_at
    return subscription.status is Status.OFF or (ends_at is not None and ends_at <= now)


async def record_outcome(
    conn: Connection, delivery_id: UUID, outcome: Outcome, *, now: datetime, jitter: float
) -> timedelta | None:
    """Note what came of it; gives the pause before the next attempt, None when it is closed."""
    if (found := await message(conn, delivery_id)) is None:
        return None
    answered = outcome.status if isinstance(outcome, Answered) else None
    reason = outcome.why if isinstance(outcome, Failed | Held) else None
    tried_for = await deliveries.update_answer(conn, delivery_id, answered=answered, reason=reason)
    subscription = found.subscription
    match outcome:
        case Withheld():
            await deliveries.update_state(conn, delivery_id, State.WITHHELD)
            return None
        case Nothing() if is_over(subscription, now=now):
            await deliveries.update_state(conn, delivery_id, State.UNDELIVERABLE)
            await subscriptions.update_status(conn, subscription.id, Status.OFF, fault="ended")
            return None
        case Nothing():  # over when we looked, and asked for anew since
            return attempts.HOLD
        case Held():
            return attempts.pause_after(1, outcome, jitter=jitter)
        case Answered() if attempts.is_delivered(outcome):
            await deliveries.update_state(conn, delivery_id, State.DELIVERED)
            if found.delivery.kind is Kind.HANDSHAKE or subscription.status is Status.ERROR:
                await subscriptions.update_status(conn, subscription.id, Status.ACTIVE)
            return None
        case Answered(status=attempts.GONE):
            await give_up(conn, found, fault="endpoint-gone")
            return None
    if tried_for >= attempts.TRIED_FOR:
        await give_up(conn, found, fault="undeliverable")
        return None
    if found.delivery.attempts >= attempts.FAILURES_BEFORE_ERROR:
        await subscriptions.update_status(
            conn, subscription.id, Status.ERROR, fault="endpoint-fails"
        )
    return attempts.pause_after(found.delivery.attempts, outcome, jitter=jitter)


async def give_up(conn: Connection, found: Message, *, fault: str) -> None:
    """The message is not tried again, and the subscription with it is off."""
    await deliveries.update_state(conn, found.delivery.id, State.UNDELIVERABLE)
    await switch_off(conn, found.subscription.id, fault=fault)
