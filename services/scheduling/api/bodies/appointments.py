"""Planned sessions."""

from datetime import datetime
from uuid import UUID

from contracts.codes import Modality, PlaceOfService
from services.scheduling.api.bodies.base import Body, Moment
from services.scheduling.domain.appointments import AppointmentState, CancelledBy


class NewAppointment(Body):
    """A time without an offset is New York's."""

    episode_id: UUID
    start: Moment
    end: Moment
    place_of_service: PlaceOfService
    modality: Modality = Modality.IN_PERSON


class Cancellation(Body):
    """On whose side the reason lies."""

    reason: CancelledBy


class AppointmentView(Body):
    appointment_id: UUID
    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    start: datetime
    end: datetime
    place_of_service: PlaceOfService
    modality: Modality
    planned_units: int
    state: AppointmentState
    cancelled_by: CancelledBy | None
    warnings: tuple[str, ...] = ()
