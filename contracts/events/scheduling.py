"""What scheduling tells: the waiting list, mentors, episodes, appointments."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.codes import Modality, PlaceOfService
from contracts.events.base import Event


class FromScheduling(Event):
    """Published by the scheduling service; every one concerns one referral."""

    topic: ClassVar[str] = "scheduling.v1"
    subject: ClassVar[str] = "referral_id"

    referral_id: UUID


class ReferralWaitlisted(FromScheduling):
    """An eligible youth waits for a mentor, in the order of the day of receipt."""

    type: ClassVar[str] = "ReferralWaitlisted.v1"

    wait_started: date


class MentorProposed(FromScheduling):
    """A mentor is offered to a family, who may decline; the place on the list is kept."""

    type: ClassVar[str] = "MentorProposed.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID = Field(description="Of the assignment that it becomes when accepted.")
    mentor_id: UUID
    supervisor_id: UUID
    standing_until: date | None = Field(description="Null while no credential has an end.")
    reasons: tuple[str, ...] = Field(default=(), description="Codes of why this mentor.")
    expires_on: date = Field(description="Last day on which the offer stands.")


class MentorDeclined(FromScheduling):
    """An offered mentor was declined, or the offer expired; the day of receipt still counts."""

    type: ClassVar[str] = "MentorDeclined.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID
    mentor_id: UUID
    reason: str = Field(description="A code: family, youth, mentor, agency, expired.")
    declines: int = Field(ge=0, description="By the family so far; at three, staff talk to it.")


class MentorUnavailable(FromScheduling):
    """The youth's mentor can no longer come. Once for each youth of that mentor."""

    type: ClassVar[str] = "MentorUnavailable.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID
    mentor_id: UUID
    reason: str = Field(description="A code: mentor_left, mentor_leave.")
    effective: date = Field(description="First day without.")


class AssignmentEnded(FromScheduling):
    """A mentor no longer serves the youth. Notes of past sessions stay that mentor's to sign."""

    type: ClassVar[str] = "AssignmentEnded.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID
    mentor_id: UUID
    reason: str = Field(description="A code: mentor_left, family_request, episode_closed …")
    effective: date = Field(description="First day without.")


class ReassignmentNeeded(FromScheduling):
    """The youth is in service and has no mentor: another one is sought."""

    type: ClassVar[str] = "ReassignmentNeeded.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID = Field(description="Of the assignment that ended.")
    mentor_id: UUID
    reason: str = Field(description="A code: mentor_left, family_request …")


class MentorStandingChanged(FromScheduling):
    """The youth's mentor is in good standing on other days than was told, or supervised by another.

    Sessions on a day outside of good standing are flagged, those already logged too. A renewal
    mends no day before `effective`.
    """

    type: ClassVar[str] = "MentorStandingChanged.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID
    mentor_id: UUID
    supervisor_id: UUID
    effective: date = Field(description="First day on which this holds.")
    standing: bool = Field(description="False: from `effective` on in good standing no more.")
    standing_until: date | None = Field(description="Last day of good standing; null: no end.")


class MentorAssigned(FromScheduling):
    """A mentor was matched with the youth; `standing_until` is the last day of good standing."""

    type: ClassVar[str] = "MentorAssigned.v1"
    subject: ClassVar[str] = "assignment_id"

    assignment_id: UUID
    mentor_id: UUID
    supervisor_id: UUID
    standing_until: date | None = Field(description="Null while no credential has an end.")
    reasons: tuple[str, ...] = Field(default=(), description="Codes of why this mentor.")


class EpisodeOpened(FromScheduling):
    """Gate 2 is passed and a mentor is assigned: service may begin."""

    type: ClassVar[str] = "EpisodeOpened.v1"
    subject: ClassVar[str] = "episode_id"

    episode_id: UUID
    effective: date
    mentor_id: UUID
    supervisor_id: UUID


class EpisodeOnHold(FromScheduling):
    """Nothing new is booked until the reason is gone."""

    type: ClassVar[str] = "EpisodeOnHold.v1"
    subject: ClassVar[str] = "episode_id"

    episode_id: UUID
    reason: str = Field(description="A code: hub_inactive, consent_revoked …")
    effective: date


class EpisodeResumed(FromScheduling):
    """The reason of a hold is gone: sessions are booked and held again."""

    type: ClassVar[str] = "EpisodeResumed.v1"
    subject: ClassVar[str] = "episode_id"

    episode_id: UUID
    reason: str = Field(description="The code of the hold that is over, as EpisodeOnHold gave it.")
    effective: date


class EpisodeClosing(FromScheduling):
    """A person ends an episode: what is still planned is cancelled, then it is closed."""

    type: ClassVar[str] = "EpisodeClosing.v1"
    subject: ClassVar[str] = "episode_id"

    episode_id: UUID
    reason: str = Field(description="A code: goals_achieved, hub_ended, moved …")
    effective: date = Field(description="Last day of the episode.")


class EpisodeClosed(FromScheduling):
    """An episode is over; sessions of its last day and before may still be written down."""

    type: ClassVar[str] = "EpisodeClosed.v1"
    subject: ClassVar[str] = "episode_id"

    episode_id: UUID
    reason: str = Field(description="A code: goals_achieved, hub_ended, moved …")
    effective: date = Field(description="Last day of the episode.")


class AppointmentBooked(FromScheduling):
    """A session is planned."""

    type: ClassVar[str] = "AppointmentBooked.v1"
    subject: ClassVar[str] = "appointment_id"

    appointment_id: UUID
    episode_id: UUID
    mentor_id: UUID
    start: AwareDatetime
    end: AwareDatetime
    place_of_service: PlaceOfService
    modality: Modality
    planned_units: int = Field(ge=0, description="Of 15 minutes.")


class AppointmentCancelled(FromScheduling):
    """A planned session will not take place."""

    type: ClassVar[str] = "AppointmentCancelled.v1"
    subject: ClassVar[str] = "appointment_id"

    appointment_id: UUID
    episode_id: UUID
    mentor_id: UUID
    reason: str = Field(description="A code: youth, family, mentor, agency.")


class AppointmentNoShow(FromScheduling):
    """The youth did not come."""

    type: ClassVar[str] = "AppointmentNoShow.v1"
    subject: ClassVar[str] = "appointment_id"

    appointment_id: UUID
    episode_id: UUID
    mentor_id: UUID
