"""What referral tells of a youth, as it is handed on and kept: each the last word on its matter."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.codes import ConsentKind, HubService, Priority
from services.scheduling.domain.matching import Wish


@dataclass(frozen=True, slots=True)
class Request:
    """What a referral asks for, in one of its versions."""

    referral_id: UUID
    youth_id: UUID
    version: int
    organisation_id: UUID
    hub_service: HubService | None
    priority: Priority
    received_on: date
    wish: Wish


@dataclass(frozen=True, slots=True)
class GateWord:
    """Whether gate 1 holds; a denial has no payer and no days."""

    referral_id: UUID
    youth_id: UUID
    stands: bool
    payer: UUID | None = None
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class ConsentWord:
    """A consent was granted or revoked; a release names to whom."""

    youth_id: UUID
    kind: ConsentKind
    organisation_id: UUID | None
    stands: bool
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class HubWord:
    """A hub service has its first day, or its first day without."""

    youth_id: UUID
    organisation_id: UUID
    service: HubService
    begins: bool
    effective: date
