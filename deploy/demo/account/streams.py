"""Lost, twice, out of order: four databases compared with each other and with the hubs' logs.

Each finding is counted from what is there, never from what a program remembers to have done:
- *lost*: an event whose number a consumer has not applied, whose effect it does not hold, or that a
  person gave up; a notification that the hub never had, or a number that was never given;
- *twice*: one cause that led to the same event more than once, a fact told again as new, a number
  given to two events, a message that reached a hub under two numbers or a number with two messages;
- *out of order*: an effect that stands before the effect of an earlier event of its stream, a
  cursor ahead of its stream, a number that first reached a hub before a lower one;
- *held*: an event that a consumer refused, with everything of its stream behind it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from contracts.asyncapi import LISTENERS
from deploy.demo.account import webhooks

HEARD_BY = {topic.partition(".")[0]: listeners for topic, listeners in LISTENERS.items()}
PRODUCERS = tuple(HEARD_BY)

# What may be told once of each: the fields that say which one it is.
ONCE: Mapping[str, tuple[str, ...]] = {
    "ReferralReceived.v1": ("referral_id",),
    "ReferralAmended.v1": ("referral_id", "version"),
    "ReferralStatusChanged.v1": ("task_id", "version"),
    "HubPlanUpdated.v1": ("youth_id", "version"),
    "MentorAssigned.v1": ("assignment_id",),
    "EpisodeOpened.v1": ("episode_id",),
    "EpisodeClosed.v1": ("episode_id",),
    "AppointmentBooked.v1": ("appointment_id",),
    "AppointmentCancelled.v1": ("appointment_id",),
    "AppointmentNoShow.v1": ("appointment_id",),
    "SessionLogged.v1": ("session_id", "version"),
    "GoalAdded.v1": ("goal_id",),
}

# What a consumer must hold once it has heard: event, the field that names it, who, and where.
EFFECTS = (
    ("ReferralReceived.v1", "referral_id", "scheduling", "SELECT referral_id FROM request"),
    ("ReferralReceived.v1", "referral_id", "documentation", "SELECT referral_id FROM referral"),
    (
        *("ReferralReceived.v1", "referral_id", "notifications"),
        "SELECT referral_id FROM referral_sender",
    ),
    ("EligibilityConfirmed.v1", "referral_id", "scheduling", "SELECT referral_id FROM gate_one"),
    (
        *("MentorAssigned.v1", "assignment_id", "documentation"),
        "SELECT assignment_id FROM assignment",
    ),
    ("EpisodeOpened.v1", "episode_id", "documentation", "SELECT episode_id FROM episode"),
    (
        *("AppointmentBooked.v1", "appointment_id", "documentation"),
        "SELECT appointment_id FROM appointment",
    ),
)


@dataclass(frozen=True)
class Wrongs:
    """How often each of them was found; false when nothing was."""

    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    held: int = 0

    def __bool__(self) -> bool:
        return any(astuple(self))

    def __str__(self) -> str:
        told = f"lost {self.lost}, twice {self.twice}, out of order {self.out_of_order}"
        return f"{told}, held {self.held}" if self.held else told


class Told(NamedTuple):
    """One event of a producer's table."""

    event_id: UUID
    type: str
    stream: UUID
    number: int
    cause: UUID | None
    subject: str
    body: Mapping[str, Any]


class Cursor(NamedTuple):
    """How far one consumer has come in one stream of one producer."""

    producer: str
    stream: UUID
    number: int
    event_id: UUID | None


async def compare(databases: Mapping[str, Any], hubs: Mapping[str, Sequence[Any]]) -> Wrongs:
    """Count all of it. Cursors are read before the events: what is told meanwhile is no loss."""
    cursors = {name: await cursors_of(databases[name]) for name in databases}
    held = {name: await store_of(database, name) for name, database in databases.items()}
    told = {name: await events_of(databases[name]) for name in PRODUCERS}
    messages = await webhooks.messages_of(databases["notifications"])
    at_hubs = webhooks.compare(messages, hubs)
    return Wrongs(
        lost=len(lost(told, cursors, held)) + holes(told) + at_hubs.lost,
        twice=again(told) + reused(told, cursors) + at_hubs.twice,
        out_of_order=inverted(told) + ahead(told, cursors) + at_hubs.out_of_order,
        held=sum(one.refused for one in held.values()),
    )


# --- Reading -------------------------------------------------------------------------------------


async def told_by(database: Any) -> int:
    number: int = await database.fetchval("SELECT count(*) FROM event")
    return number


async def events_of(database: Any) -> list[Told]:
    """Every event of a producer, in the order in which it was stored."""
    rows = await database.fetch(
        """
        SELECT event_id, event_type, stream_id, sequence,
               (headers ->> 'ce_causationid')::uuid AS cause,
               headers ->> 'ce_subject' AS subject,
               convert_from(body, 'UTF8') AS body
          FROM event
         ORDER BY position
        """
    )
    found = []
    for row in rows:
        id_, type_, stream, number, cause, subject, body = row
        found.append(Told(id_, type_, stream, number, cause, subject or "", json.loads(body)))
    return found


async def cursors_of(database: Any) -> list[Cursor]:
    rows = await database.fetch(
        "SELECT producer, stream_id, last_sequence, last_event_id FROM inbox_cursor"
    )
    return [Cursor(*row) for row in rows]


class Held(NamedTuple):
    """What a consumer holds beside its cursors."""

    effects: Mapping[int, frozenset[UUID]]  # by the place in EFFECTS
    skipped: frozenset[UUID]
    refused: int


async def store_of(database: Any, name: str) -> Held:
    effects = {
        place: frozenset(row[0] for row in await database.fetch(query))
        for place, (_, _, service, query) in enumerate(EFFECTS)
        if service == name
    }
    skipped = await database.fetch("SELECT event_id FROM inbox_skipped")
    refused = await database.fetchval("SELECT count(*) FROM inbox_waiting WHERE reason IS NOT NULL")
    return Held(effects, frozenset(row[0] for row in skipped), refused)


# --- Lost ----------------------------------------------------------------------------------------


def lost(
    told: Mapping[str, Iterable[Told]],
    cursors: Mapping[str, Iterable[Cursor]],
    held: Mapping[str, Held],
) -> set[tuple[str, UUID]]:
    """Each event that a consumer lacks, once, whichever of its traces is missing."""
    found: set[tuple[str, UUID]] = set()
    for producer, listeners in HEARD_BY.items():
        for listener in listeners:
            at = {c.stream: c.number for c in cursors[listener] if c.producer == producer}
            for event in told[producer]:
                behind = event.number > at.get(event.stream, 0)
                if behind or event.event_id in held[listener].skipped:
                    found.add((listener, event.event_id))
    for place, (type_, field, listener, _) in enumerate(EFFECTS):
        for event in (event for events in told.values() for event in events):
            if event.type == type_ and UUID(event.body[field]) not in held[listener].effects[place]:
                found.add((listener, event.event_id))
    return found


def holes(told: Mapping[str, Iterable[Told]]) -> int:
    """Numbers of a stream under which its own producer has no event."""
    found = 0
    for events in told.values():
        numbers: dict[UUID, set[int]] = {}
        for event in events:
            numbers.setdefault(event.stream, set()).add(event.number)
        found += sum(max(given) - len(given) for given in numbers.values())
    return found


# --- Twice ---------------------------------------------------------------------------------------


def again(told: Mapping[str, Iterable[Told]]) -> int:
    """Effects beyond the first: of one cause, and of what can be told once only."""
    effects: Counter[tuple[object, ...]] = Counter()
    facts: Counter[tuple[object, ...]] = Counter()
    for producer, events in told.items():
        for event in events:
            if event.cause:
                effects[producer, event.cause, event.type, event.stream, event.subject] += 1
            if fields := ONCE.get(event.type):
                facts[event.type, *(event.body[field] for field in fields)] += 1
    return sum((effects - Counter(effects.keys())).values()) + sum(
        (facts - Counter(facts.keys())).values()
    )


def reused(told: Mapping[str, Iterable[Told]], cursors: Mapping[str, Iterable[Cursor]]) -> int:
    """Numbers that a consumer knows with another event than their producer: given twice."""
    ids = {
        (producer, event.stream, event.number): event.event_id
        for producer, events in told.items()
        for event in events
    }
    return sum(
        cursor.event_id is not None and ids.get(cursor[:3], cursor.event_id) != cursor.event_id
        for at in cursors.values()
        for cursor in at
    )


# --- Out of order --------------------------------------------------------------------------------


def inverted(told: Mapping[str, Iterable[Told]]) -> int:
    """Effects that stand before the effect of an earlier cause of the same stream and producer.

    Numbers against the order of storing, too: within a stream both are one.
    """
    place = {
        event.event_id: (producer, event.number)
        for producer, events in told.items()
        for event in events
    }
    found = 0
    for events in told.values():
        numbers: dict[UUID, list[int]] = {}
        causes: dict[tuple[UUID, str], list[int]] = {}
        for event in events:
            numbers.setdefault(event.stream, []).append(event.number)
            if event.cause in place:
                producer, number = place[event.cause]
                causes.setdefault((event.stream, producer), []).append(number)
        found += sum(map(steps_back, [*numbers.values(), *causes.values()]))
    return found


def steps_back(numbers: Sequence[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(numbers))


def ahead(told: Mapping[str, Iterable[Told]], cursors: Mapping[str, Iterable[Cursor]]) -> int:
    """Cursors beyond the last event of their stream: its producer was restored from a copy."""
    heads: dict[tuple[str, UUID], int] = {}
    for producer, events in told.items():
        for event in events:
            stream = (producer, event.stream)
            heads[stream] = max(heads.get(stream, 0), event.number)
    return sum(cursor.number > heads.get(cursor[:2], 0) for at in cursors.values() for cursor in at)
