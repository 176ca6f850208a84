"""Who is next: the urgent first, then by the day of receipt, then who can be served best."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from contracts.codes import HubService, Priority
from services.scheduling.domain.episodes import EpisodeState, WaitState
from services.scheduling.domain.matching import Wish


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


def in_order(
    entries: Iterable[Entry], fit: Mapping[UUID, float], *, urgent: frozenset[Priority]
) -> tuple[Entry, ...]:
    """The list as it is to be worked down; the same facts give the same order.

    `fit` is the best score that any free mentor reaches. Source: DOMAIN.md 10.
    """
    return tuple(
        sorted(
            entries,
            key=lambda entry: (
                entry.priority not in urgent,
                entry.wait_started,
                -fit.get(entry.referral_id, 0.0),
                entry.referral_id,
            ),
        )
    )
