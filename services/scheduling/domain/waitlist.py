"""Who is next: the urgent first, then by the day of receipt, then who can be served best."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from contracts.codes import HubService, Priority
from services.scheduling.domain.episodes import EpisodeState, WaitState
from services.scheduling.domain.matching import Wish

Place = tuple[bool, date]  # not urgent, waiting since


@dataclass(frozen=True, slots=True)
class Entry:
    """A referral on the list, with what it asks for."""

    referral_id: UUID
    youth_id: UUID
    wait_started: date
    state: WaitState
    priority: Priority
    hub_service: HubService | None
    wish: Wish
    mentor_id: UUID | None = None
    episode_id: UUID | None = None
    episode_state: EpisodeState | None = None
    gap_since: date | None = None  # the last day with a mentor, where there is none now

    @property
    def in_service(self) -> bool:
        return self.episode_state in (EpisodeState.OPEN, EpisodeState.ON_HOLD)


def in_order(
    entries: Collection[Entry], fit: Callable[[Entry], float], *, urgent: frozenset[Priority]
) -> tuple[Entry, ...]:
    """The list as it is to be worked down; the same facts give the same order.

    `fit` is the best score that any free mentor reaches; it is asked for equals only, because it
    looks at every mentor. Source: DOMAIN.md 10.
    """
    places = {entry.referral_id: place(entry, urgent) for entry in entries}
    shared = Counter(places.values())

    def order(entry: Entry) -> tuple[Place, float, UUID]:
        own = places[entry.referral_id]
        return own, -fit(entry) if shared[own] > 1 else 0.0, entry.referral_id

    return tuple(sorted(entries, key=order))


def by_need(entries: Collection[Entry], *, urgent: frozenset[Priority]) -> tuple[Entry, ...]:
    """Who lost a mentor: the urgent first, then the longest gap in service, then by receipt.

    DOMAIN.md S24 asks for "by need" and says no more: this is our reading.
    """

    def order(entry: Entry) -> tuple[bool, date, date, UUID]:
        gap = entry.gap_since or date.max
        return entry.priority not in urgent, gap, entry.wait_started, entry.referral_id

    return tuple(sorted(entries, key=order))


def explained(entries: Collection[Entry], *, urgent: frozenset[Priority]) -> tuple[str, ...]:
    """Why each entry has its place on the list, for people; in the order of the entries."""
    shared = Counter(place(entry, urgent) for entry in entries)
    return tuple(because(entry, shared[place(entry, urgent)] - 1, urgent) for entry in entries)


def because(entry: Entry, equals: int, urgent: frozenset[Priority]) -> str:
    day = f"received on {entry.wait_started}"
    why = f"Urgent, so before all who are not; {day}" if entry.priority in urgent else day
    tie = f", as {equals} more: of equals who can be served best comes first" if equals else ""
    return f"{why[0].upper()}{why[1:]}{tie}."


def waits_longer(one: Entry, other: Entry, *, urgent: frozenset[Priority]) -> bool:
    """True when one is to be served before the other, whoever can be served better."""
    return place(one, urgent) < place(other, urgent)


def place(entry: Entry, urgent: frozenset[Priority]) -> Place:
    return entry.priority not in urgent, entry.wait_started
