"""What a hub may ask to be told of, and what a notification is made of."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5


class Topic(StrEnum):
    """What can be subscribed to (FHIR.md section 7.7)."""

    REFERRAL_PROGRESS = "referral-progress"
    CARE_PROGRESS = "care-progress"


class Status(StrEnum):
    """FHIR subscription-status."""

    REQUESTED = "requested"
    ACTIVE = "active"
    ERROR = "error"
    OFF = "off"


class Kind(StrEnum):
    """Why a notification is sent (Backport: subscription-notification-type)."""

    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    EVENT = "event-notification"
    QUERY_STATUS = "query-status"
    QUERY_EVENT = "query-event"


class State(StrEnum):
    """Where a delivery stands; QUEUED is the only one that is not an end."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    WITHHELD = "withheld"
    UNDELIVERABLE = "undeliverable"


# The types a topic speaks of: a filter may name them, and nothing else.
TYPES = {
    Topic.REFERRAL_PROGRESS: ("Task",),
    Topic.CARE_PROGRESS: ("Encounter", "Goal", "CarePlan"),
}
MOST_TOGETHER = 100  # events in a message, whoever wants more: some 60 kB
FILTER = re.compile(
    r"([A-Z][A-Za-z]+)\?patient=Patient/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


def youth_of_filter(topic: Topic, text: str) -> UUID | None:
    """The one youth that a filter names; None when the filter is none that we can apply.

    Literal, on our ids: `Encounter?patient=Patient/<id>`. Whichever type of the topic it names,
    it narrows the whole subscription to that youth.
    """
    found = FILTER.fullmatch(text)
    if not found or found[1] not in TYPES[topic]:
        return None
    return UUID(found[2])


@dataclass(frozen=True)
class Channel:
    """Where and how to tell: `headers` are the subscriber's own, sent and never shown.

    `heartbeat_seconds` is after how long a silence it wants a sign of life; `most_events` how many
    events one message may carry. None where it did not say.
    """

    endpoint: str
    headers: tuple[str, ...]
    timeout_seconds: int
    heartbeat_seconds: int | None = None
    most_events: int | None = None


@dataclass(frozen=True)
class Wanted:
    """A subscription as a client asks for it."""

    topic: Topic
    youth_id: UUID | None
    channel: Channel
    ends_at: datetime | None
    resource: dict[str, object]


@dataclass(frozen=True)
class Subscription:
    """A subscription as it stands. `fault` is a code of why it is in error or off.

    `greeting` is the handshake of what it wants now; `told_at` when it last took a message, noted
    only where a heartbeat is wanted.
    """

    id: UUID
    client_id: str
    organisation_id: UUID
    wanted: Wanted
    status: Status
    fault: str | None
    last_number: int
    version: int
    updated_at: datetime
    greeting: UUID | None = None
    told_at: datetime | None = None

    def is_over(self, *, now: datetime) -> bool:
        """True when it is told nothing more: switched off, or past its end."""
        ends_at = self.wanted.ends_at
        return self.status is Status.OFF or (ends_at is not None and ends_at <= now)


@dataclass(frozen=True)
class Focus:
    """A resource that came to be or changed."""

    type: str
    id: UUID
    created: bool = False


@dataclass(frozen=True)
class Happening:
    """What subscribers of a topic are told of: about whom, when, and which resources."""

    topic: Topic
    youth_id: UUID
    event_id: UUID
    occurred_at: datetime
    focus: tuple[Focus, ...]

    def parts(self, most: int | None) -> Iterator["Happening"]:
        """The same in messages of `most` events each; the first keeps the event's id."""
        size = most or len(self.focus)
        for start in range(0, len(self.focus), size):
            id_ = uuid5(self.event_id, f"from {start}") if start else self.event_id
            yield replace(self, event_id=id_, focus=self.focus[start : start + size])


@dataclass(frozen=True)
class Delivery:
    """One thing to tell, alone in its message or with others of its subscription.

    `first_number` is None until it is first sent; only events have one at all.
    """

    id: UUID
    subscription_id: UUID
    kind: Kind
    youth_id: UUID | None
    occurred_at: datetime
    focus: tuple[Focus, ...]
    state: State
    first_number: int | None
    first_sent_at: datetime | None
    attempts: int

    @property
    def is_event(self) -> bool:
        return self.kind is Kind.EVENT

    @property
    def last_number(self) -> int:
        """The number of its last event; 0 for what carries none."""
        return (self.first_number or 0) + len(self.focus) - 1 if self.first_number else 0


def fitting(first: Delivery, behind: Sequence[Delivery], *, most: int) -> tuple[Delivery, ...]:
    """What may go out with a delivery for the first time: events that follow it, while they fit."""
    found: list[Delivery] = []
    room = most - len(first.focus)
    for one in behind:
        room -= len(one.focus)
        apart = one.subscription_id != first.subscription_id or not one.is_event
        if apart or one.state is not State.QUEUED or one.first_number is not None or room < 0:
            break
        found.append(one)
    return tuple(found)


@dataclass(frozen=True)
class Release:
    """What referral says, at the time of sending, of telling a hub about a youth's care."""

    stands: bool
    asked_at: datetime
