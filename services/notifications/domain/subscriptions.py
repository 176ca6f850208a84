"""What a hub may ask to be told of, and what a notification is made of."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


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
    """Where and how to tell: `headers` are the subscriber's own, sent and never shown."""

    endpoint: str
    headers: tuple[str, ...]
    timeout_seconds: int


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
    """A subscription as it stands. `fault` is a code of why it is in error or off."""

    id: UUID
    client_id: str
    organisation_id: UUID
    wanted: Wanted
    status: Status
    fault: str | None
    last_number: int
    version: int
    updated_at: datetime


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


@dataclass(frozen=True)
class Delivery:
    """One message. `first_number` is None until it is first sent: a handshake has none at all."""

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
    def last_number(self) -> int:
        """The number of its last event; 0 for what carries none."""
        return (self.first_number or 0) + len(self.focus) - 1 if self.first_number else 0


@dataclass(frozen=True)
class Release:
    """What referral says, at the time of sending, of telling a hub about a youth's care."""

    stands: bool
    asked_at: datetime
