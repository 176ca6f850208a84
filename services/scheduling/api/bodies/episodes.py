"""Ends of episodes."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.scheduling.api.bodies.base import Body
from services.scheduling.domain.episodes import EndReason, EpisodeState


class EpisodeEnd(Body):
    """`attempts`: the days on which the family was tried in vain, where it is out of reach."""

    reason: EndReason
    attempts: Annotated[tuple[date, ...], Field(max_length=30)] = ()


class EpisodeView(Body):
    """`closed_on` is the last day."""

    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    state: EpisodeState
    opened_on: date | None
    closed_on: date | None
    close_reason: EndReason | None
