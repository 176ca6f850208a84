"""Valid things for tests of rules; a test changes only what matters."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from contracts.codes import HubService, ReferralState
from services.referral.domain.eligibility import Coverage, Facts, HubEnrolment, HubPlan
from services.referral.domain.payer import Inquiry, Outcome, Reading

DAY = date(2026, 11, 22)
HUB_ID, OTHER_HUB = UUID(int=10), UUID(int=11)
PAYER_ID, SECOND_PAYER = UUID(int=20), UUID(int=21)


def coverage(number: int = 1, **changes: Any) -> Coverage:
    made = Coverage(UUID(int=30 + number), PAYER_ID, "100023456789", number)
    return replace(made, **changes)


def hub(service: HubService | None = HubService.IN_HOME_THERAPY, **changes: Any) -> HubEnrolment:
    made = HubEnrolment(UUID(int=40), HUB_ID, service, date(2026, 8, 20))
    return replace(made, **changes)


def facts(**changes: Any) -> Facts:
    """A child of thirteen with all that gate 1 needs."""
    made = Facts(
        referral_id=UUID(int=1),
        youth_id=UUID(int=2),
        organisation_id=HUB_ID,
        state=ReferralState.PENDING_ELIGIBILITY,
        version=1,
        received_at=datetime(2026, 11, 22, 15, tzinfo=UTC),
        birth_date=date(2013, 3, 9),
        coverages=(coverage(),),
        hubs=(hub(),),
        plan=HubPlan(1, (UUID(int=50), UUID(int=51))),
    )
    return replace(made, **changes)


def inquiry(
    number: int = 1,
    outcome: Outcome = Outcome.ACTIVE,
    product: str | None = "masshealth-standard",
    **changes: Any,
) -> Inquiry:
    """A settled answer about coverage `number`."""
    reading = replace(Reading(outcome, product, begins=date(2026, 1, 1)), **changes)
    return Inquiry(UUID(int=60 + number), UUID(int=30 + number), PAYER_ID, number, reading)
