"""What notifications sent, against what the hubs' own logs say that they had."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID


class Message(NamedTuple):
    """One thing told, as our own table knows it; each resource that it is about has a number.

    `webhook` is the notification that it went out in, with others or alone.
    """

    hub: str
    subscription: UUID
    delivery: UUID
    webhook: UUID
    first: int
    about: int
    event: UUID
    delivered: bool

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + self.about)


class Heard(NamedTuple):
    """One notification of one or several events, as a hub's log knows it."""

    hub: str
    subscription: str
    webhook: str
    numbers: tuple[int, ...]


class AtHubs(NamedTuple):
    lost: int
    twice: int
    out_of_order: int


async def messages_of(notifications: Any) -> list[Message]:
    """Every message that has a number and went to a hub's own system."""
    rows = await notifications.fetch(
        r"""
        SELECT substring(s.endpoint FROM '/hubs/([^/]+)/hook$') AS hub, s.subscription_id,
               d.delivery_id, coalesce(d.sent_with, d.delivery_id) AS webhook,
               d.first_number, jsonb_array_length(d.focus) AS about, d.event_id,
               d.state = 'delivered' AS delivered
          FROM delivery d
          JOIN subscription s USING (subscription_id)
         WHERE d.first_number IS NOT NULL
           AND s.endpoint ~ '/hubs/[^/]+/hook$'
         ORDER BY s.subscription_id, d.first_number
        """
    )
    return [Message(*row) for row in rows]


def compare(messages: Iterable[Message], logs: Mapping[str, Sequence[Any]]) -> AtHubs:
    """Count what a hub lacks, had under two numbers, or had too early.

    The same message again under its own number is a repeat, which a hub expects.
    """
    sent = [message for message in messages if message.hub in logs]
    heard = [one for hub, log in logs.items() for one in heard_by(hub, log)]
    had = {(one.hub, one.webhook, number) for one in heard for number in one.numbers}
    return AtHubs(
        lost=sum(m.delivered and not is_among(had, m) for m in sent) + skipped(sent),
        twice=sum(map(repeats, (by_event(sent), by_webhook(heard), by_number(heard)))),
        out_of_order=late(heard),
    )


def is_among(had: Collection[tuple[str, str, int]], message: Message) -> bool:
    """True when the hub had all its numbers in the notification that it went out in."""
    return all((message.hub, str(message.webhook), number) in had for number in message.numbers)


def heard_by(hub: str, log: Sequence[Any]) -> Iterable[Heard]:
    for entry in log:
        if entry.get("kind") == "received" and entry.get("answered") == 200:
            subscription = str(entry["subscription"]).rpartition("/")[2]
            if numbers := tuple(event["number"] for event in entry.get("events", ())):
                yield Heard(hub, subscription, str(entry["webhook_id"]), numbers)


def skipped(sent: Iterable[Message]) -> int:
    """Numbers of a subscription that no message has: its hub would wait for them in vain."""
    numbers: dict[UUID, set[int]] = {}
    for message in sent:
        numbers.setdefault(message.subscription, set()).update(message.numbers)
    return sum(max(given) - len(given) for given in numbers.values())


Groups = Mapping[tuple[object, ...], set[object]]


def by_event(sent: Iterable[Message]) -> Groups:
    return grouped(((m.subscription, m.event), m.delivery) for m in sent)


def by_webhook(heard: Iterable[Heard]) -> Groups:
    return grouped(((one.hub, one.webhook), (one.subscription, one.numbers)) for one in heard)


def by_number(heard: Iterable[Heard]) -> Groups:
    return grouped(
        ((one.hub, one.subscription, number), one.webhook)
        for one in heard
        for number in one.numbers
    )


def grouped(pairs: Iterable[tuple[tuple[object, ...], object]]) -> Groups:
    found: dict[tuple[object, ...], set[object]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def repeats(groups: Groups) -> int:
    return sum(len(members) - 1 for members in groups.values())


def late(heard: Iterable[Heard]) -> int:
    """Numbers that a hub first had after a higher one of the same subscription."""
    first: dict[tuple[str, str], dict[int, None]] = {}
    for one in heard:
        first.setdefault((one.hub, one.subscription), {}).update(dict.fromkeys(one.numbers))
    return sum(b < a for numbers in first.values() for a, b in pairwise(numbers))
