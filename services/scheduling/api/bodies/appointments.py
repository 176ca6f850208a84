"""Planned sessions."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from contracts.codes import Modality, PlaceOfService
from services.scheduling.api.bodies.base import Body, Day, LocalMoment, Moment, ReasonView
from services.scheduling.domain.appointments import AppointmentState, CancelledBy
from services.scheduling.domain.series import Series, Weekly


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
    series_id: UUID | None = None
    warnings: tuple[str, ...] = ()


# --- Series --------------------------------------------------------------------------------------


class NewSeries(Body):
    """Sessions that recur: `count` in all, or up to and including the day `until`.

    `start` is New York's time on the wall, without an offset, and stays it when the clocks change.
    `book` says what happens when a time cannot be had: `all` books none, `rest` the others.
    """

    episode_id: UUID
    start: LocalMoment
    minutes: Annotated[int, Field(gt=0, le=24 * 60)]
    every_weeks: Annotated[int, Field(ge=1, le=8)] = 1
    count: Annotated[int, Field(ge=1, le=1000)] | None = None
    until: Day | None = None
    place_of_service: PlaceOfService
    modality: Modality = Modality.IN_PERSON
    book: Literal["all", "rest"] = "all"

    @model_validator(mode="after")
    def ends_in_one_way(self) -> Self:
        if (self.count is None) == (self.until is None):
            raise ValueError("a series ends after a count or on a day: give one of them")
        return self

    def as_series(self) -> Series:
        return Series(
            self.start,
            timedelta(minutes=self.minutes),
            Weekly(self.every_weeks, self.count, self.until),
            self.place_of_service,
            self.modality,
        )


class TurnView(Body):
    """One time of a series, on New York's clock: its appointment, or why there is none."""

    start: datetime
    appointment: AppointmentView | None
    problems: tuple[ReasonView, ...]


class SeriesView(Body):
    series_id: UUID
    booked: int
    refused: int
    sessions: tuple[TurnView, ...]


class SeriesCancellation(Body):
    """On whose side the reason lies. `from_day`: the sessions of that day and later; else all."""

    reason: CancelledBy
    from_day: Day | None = None
