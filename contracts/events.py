"""The events services exchange: what happened, in the past tense, in ids, codes, dates and numbers.

The body on the wire is the model as JSON and nothing else. Time, cause and trace are headers.
"""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.codes import (
    Attestation,
    Check,
    ConsentKind,
    DataClass,
    Gap,
    GoalStatus,
    HubService,
    Ineligibility,
    MeasuredBy,
    Modality,
    Overdue,
    PlaceOfService,
    Priority,
    ProgressScale,
    TaskStatus,
)


class Frozen(BaseModel):
    """Readers ignore fields they do not know, so that a producer can be upgraded first."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Frozen):
    """What every event carries: the youth whose stream it belongs to, and nothing personal.

    `youth_id` is our own pseudonym. Never a name, birth date, member number or free text: events
    are kept for good and read by every service.
    """

    topic: ClassVar[str]
    type: ClassVar[str]
    subject: ClassVar[str]  # the field that names what the event is about; becomes ce_subject
    data_class: ClassVar[DataClass] = DataClass.PHI_MIN

    youth_id: UUID

    @property
    def stream_id(self) -> UUID:
        """Events of one stream are numbered and applied in order."""
        return self.youth_id


class Window(Frozen):
    """A weekly time in which sessions suit the family, in agency local time."""

    weekday: int = Field(ge=1, le=7, description="ISO: Monday is 1.")
    begins: str = Field(pattern=r"^\d\d:\d\d$")
    ends: str = Field(pattern=r"^\d\d:\d\d$")


class MentorGender(Frozen):
    """Codes of administrative-gender; a required one filters, a preferred one only sorts."""

    required: str | None = None
    preferred: str | None = None


class Request(Frozen):
    """What a referral asks for, in codes: all that matching needs."""

    organisation_id: UUID = Field(description="The hub that asks.")
    hub_service: HubService | None = Field(description="Null when the hub named none.")
    priority: Priority = Priority.ROUTINE
    received_on: date = Field(description="The agency's calendar day; never changes.")
    gaps: tuple[Gap, ...] = Field(default=(), description="What is still missing.")
    languages: tuple[str, ...] = Field(default=(), description="BCP 47, best first.")
    interpreter_needed: bool = False
    mentor_gender: MentorGender = MentorGender()
    area: str | None = Field(default=None, description="Town code, never an address.")
    hours_per_week: float | None = None
    windows: tuple[Window, ...] = ()


class FromReferral(Event):
    """Published by the referral service."""

    topic: ClassVar[str] = "referral.v1"


class AboutReferral(FromReferral):
    """One referral's own fact; the subject is the referral."""

    subject: ClassVar[str] = "referral_id"

    referral_id: UUID


class ReferralReceived(AboutReferral, Request):
    """A hub provider asked for therapeutic mentoring.

    Consumed by scheduling, documentation and notifications.
    """

    type: ClassVar[str] = "ReferralReceived.v1"


class ReferralAmended(AboutReferral, Request):
    """A hub or staff changed a referral: the fields of ReferralReceived as they now stand."""

    type: ClassVar[str] = "ReferralAmended.v1"

    version: int = Field(ge=2)
    changed_fields: tuple[str, ...] = Field(description="Names of fields, never their content.")


class ReferralInfoRequested(AboutReferral):
    """The referral waits for its sender: what is missing, and by when it is asked for."""

    type: ClassVar[str] = "ReferralInfoRequested.v1"

    items: tuple[Gap, ...]
    due: date


class ReferralStatusChanged(AboutReferral):
    """The Task that the hub reads has changed; the trigger of topic `referral-progress`."""

    type: ClassVar[str] = "ReferralStatusChanged.v1"
    subject: ClassVar[str] = "task_id"

    task_id: UUID
    version: int = Field(ge=1)
    status: TaskStatus
    business_status: str | None = Field(description="A code of the Task's businessStatus.")


class ReferralDuplicateSuspected(AboutReferral):
    """The referral looks like an open one; a person decides."""

    type: ClassVar[str] = "ReferralDuplicateSuspected.v1"

    candidates: tuple[UUID, ...] = Field(description="The referrals that it looks like.")


class ReferralWithdrawn(AboutReferral):
    """The hub or the family took the referral back."""

    type: ClassVar[str] = "ReferralWithdrawn.v1"

    reason: str = Field(description="A code.")


class ReferralClosed(AboutReferral):
    """A person ended the referral."""

    type: ClassVar[str] = "ReferralClosed.v1"

    reason: str = Field(description="A code: declined, no_response, aged_out, discharged …")


class ReferralMerged(AboutReferral):
    """A person joined the referral with another one of the same child, which goes on alone.

    Told on the streams of both youths, where they were two: `youth_id` is whose stream it is.
    """

    type: ClassVar[str] = "ReferralMerged.v1"

    survivor: UUID = Field(description="The referral that goes on.")
    merged_youth_id: UUID
    survivor_youth_id: UUID


class ReferralReopened(AboutReferral):
    """A person opened an ended referral again: gate 1 is looked at anew, in a new Task."""

    type: ClassVar[str] = "ReferralReopened.v1"

    reason: str = Field(description="A code: closed, or merged where two were joined by mistake.")


class AttestationRecorded(AboutReferral):
    """Staff attested documents or medical necessity, or took it back (`stands` false)."""

    type: ClassVar[str] = "AttestationRecorded.v1"

    kind: Attestation
    stands: bool


class CheckResult(Frozen):
    """One check of a determination, with the rule and the evidence that decided it."""

    name: Check
    passed: bool
    rule: str
    evidence_id: UUID | None = None


class EligibilityConfirmed(AboutReferral):
    """A referral passed the first gate on a given day, so a mentor may be sought.

    Consumed by scheduling, documentation and notifications. Says nothing about documents or
    consent: those gate `EpisodeOpened`.
    """

    type: ClassVar[str] = "EligibilityConfirmed.v1"

    determination_id: UUID
    payer: UUID = Field(description="The payer's organisation id.")
    product: str
    bh_admin: str | None = None
    hub_service: HubService
    valid_from: date
    valid_to: date = Field(description="Last good day: coverage ends or the youth is too old.")
    checks: tuple[CheckResult, ...]
    conditions: tuple[str, ...] = ()
    rule_pack_version: str


class DenialReason(Frozen):
    """Why gate 1 does not hold, and the rule that says so."""

    code: Ineligibility
    rule: str


class EligibilityDenied(AboutReferral):
    """Gate 1 does not hold. Ends nothing: a person looks at it."""

    type: ClassVar[str] = "EligibilityDenied.v1"

    reasons: tuple[DenialReason, ...]
    rule_pack_version: str


class CoverageLapsed(FromReferral):
    """A coverage that was confirmed no longer stands."""

    type: ClassVar[str] = "CoverageLapsed.v1"
    subject: ClassVar[str] = "payer"

    payer: UUID
    effective: date = Field(description="First day without.")
    retro: bool = False


class CoverageReinstated(FromReferral):
    """A coverage that had lapsed stands again; EligibilityConfirmed, which follows, has the days.

    `retro`: it stands again from a day on that is past.
    """

    type: ClassVar[str] = "CoverageReinstated.v1"
    subject: ClassVar[str] = "payer"

    payer: UUID
    effective: date = Field(description="First day with.")
    retro: bool = False


class CoverageChanged(FromReferral):
    """Another payer, product or administrator stands for the youth from a day on.

    EligibilityConfirmed, which follows, has the new days.
    """

    type: ClassVar[str] = "CoverageChanged.v1"
    subject: ClassVar[str] = "payer"

    payer: UUID = Field(description="Who stood before.")
    new_payer: UUID = Field(description="Who stands now; the same when only the plan changed.")
    product: str
    bh_admin: str | None = None
    effective: date = Field(description="First day under the new one.")
    retro: bool = False


class HubEngaged(FromReferral):
    """A hub service of the youth is active from a day on."""

    type: ClassVar[str] = "HubEngaged.v1"
    subject: ClassVar[str] = "organisation_id"

    organisation_id: UUID
    hub_service: HubService
    effective: date


class HubDisengaged(FromReferral):
    """A hub service of the youth ended."""

    type: ClassVar[str] = "HubDisengaged.v1"
    subject: ClassVar[str] = "organisation_id"

    organisation_id: UUID
    hub_service: HubService
    effective: date = Field(description="First day without.")


class PlanGoal(Frozen):
    """A goal of the hub's plan; its text is asked from the owner."""

    goal_id: UUID
    tm_assigned: bool
    status: GoalStatus


class HubPlanUpdated(FromReferral):
    """What the hub sent as its plan now stands in a new version, goals by id."""

    type: ClassVar[str] = "HubPlanUpdated.v1"
    subject: ClassVar[str] = "referral_id"

    referral_id: UUID
    version: int = Field(ge=1)
    period_start: date | None
    period_end: date | None = Field(description="Last day; null when the plan has no end.")
    effective: date = Field(description="The day from which this version counts.")
    goals: tuple[PlanGoal, ...]


class ConsentGranted(FromReferral):
    """Staff attested a consent; `organisation_id` names to whom a release goes."""

    type: ClassVar[str] = "ConsentGranted.v1"
    subject: ClassVar[str] = "youth_id"

    kind: ConsentKind
    scope: str | None = None
    organisation_id: UUID | None = None
    effective_at: AwareDatetime


class ConsentRevoked(FromReferral):
    """A consent no longer stands; acts forward only."""

    type: ClassVar[str] = "ConsentRevoked.v1"
    subject: ClassVar[str] = "youth_id"

    kind: ConsentKind
    scope: str | None = None
    organisation_id: UUID | None = None
    effective_at: AwareDatetime


class YouthIdentityMerged(FromReferral):
    """A person found that two youths are one child. Told on the streams of both.

    Nothing moves: what was done under `merged` stays there, what is done now is done under
    `survivor`.
    """

    type: ClassVar[str] = "YouthIdentityMerged.v1"
    subject: ClassVar[str] = "youth_id"

    merged: UUID
    survivor: UUID


class YouthIdentityUnmerged(FromReferral):
    """Two youths are two children after all. Told on the streams of both."""

    type: ClassVar[str] = "YouthIdentityUnmerged.v1"
    subject: ClassVar[str] = "youth_id"

    merged: UUID
    survivor: UUID


class YouthIdentityLinked(FromReferral):
    """A person linked one more number of a payer's to a youth, or took the link back."""

    type: ClassVar[str] = "YouthIdentityLinked.v1"
    subject: ClassVar[str] = "identity_id"

    identity_id: UUID = Field(description="Ours, of the link; never the number.")
    stands: bool


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


class FromDocumentation(Event):
    """Published by the documentation service."""

    topic: ClassVar[str] = "documentation.v1"


class SessionFacts(FromDocumentation):
    """A session as the newest final version of its note tells it, whole."""

    subject: ClassVar[str] = "session_id"

    session_id: UUID
    version: int
    referral_id: UUID
    episode_id: UUID
    appointment_id: UUID | None = None
    start: AwareDatetime
    end: AwareDatetime
    place_of_service: PlaceOfService
    modality: Modality
    units: int = Field(ge=0, description="Of 15 minutes, rounded by the rule pack.")
    billable: bool
    goal_ids: tuple[UUID, ...]
    mentor_id: UUID
    supervisor_id: UUID
    rule_pack_version: str


class SessionLogged(SessionFacts):
    """A session took place and its note is final: once per session, version 1 of its note."""

    type: ClassVar[str] = "SessionLogged.v1"


class BillingImpact(Frozen):
    """What a correction changes for the payer, in units of 15 minutes."""

    units_before: int = Field(ge=0)
    units_after: int = Field(ge=0)


class SessionNoteAmended(SessionFacts):
    """A final note was replaced by a corrected one: the session as it now stands, once per version.

    Who counts sessions counts SessionLogged; who keeps what a session says takes it from here.
    """

    type: ClassVar[str] = "SessionNoteAmended.v1"

    supersedes: int = Field(ge=1, description="The version that no longer counts.")
    reason: str = Field(description="A code: time, place, goals, measure, text, billing.")
    billing_impact: BillingImpact


class SessionVoided(FromDocumentation):
    """A final note was entered in error: its session and its ratings no longer count."""

    type: ClassVar[str] = "SessionVoided.v1"
    subject: ClassVar[str] = "session_id"

    session_id: UUID
    version: int = Field(ge=2, description="Of the note that says so.")
    supersedes: int = Field(ge=1, description="The version that no longer counts.")
    referral_id: UUID
    episode_id: UUID
    appointment_id: UUID | None = None
    reason: str = Field(description="A code: wrong_youth, did_not_take_place, duplicate, other.")
    billing_impact: BillingImpact
    goal_ids: tuple[UUID, ...] = Field(description="Goals that the session had worked on.")
    care_plan_id: UUID


class NoteOverdue(FromDocumentation):
    """A session has ended and its author has not signed a note; once per level."""

    type: ClassVar[str] = "NoteOverdue.v1"
    subject: ClassVar[str] = "episode_id"

    referral_id: UUID
    episode_id: UUID
    session_id: UUID | None = Field(description="The draft, if one was begun.")
    appointment_id: UUID | None = Field(description="Null for a session that was not booked.")
    ended_at: AwareDatetime = Field(description="End of the session, from which T6 counts.")
    level: Overdue
    mentor_id: UUID
    supervisor_id: UUID | None


class GoalProgressUpdated(FromDocumentation):
    """A goal was measured in a session; hubs are told of it."""

    type: ClassVar[str] = "GoalProgressUpdated.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    scale: ProgressScale
    value: float
    previous: float | None
    measured_by: MeasuredBy
    session_id: UUID


class GoalAdded(FromDocumentation):
    """A goal of the hub's plan has its text and stands in our care plan."""

    type: ClassVar[str] = "GoalAdded.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date
    version: int = Field(description="Of the hub's plan.")


class GoalRetired(FromDocumentation):
    """The hub's plan dropped a goal: from `effective` on no note may cite it."""

    type: ClassVar[str] = "GoalRetired.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date
    version: int = Field(description="Of the hub's plan.")


class GoalAchieved(FromDocumentation):
    """The target was found met in two reviews, one after the other: a transition is due."""

    type: ClassVar[str] = "GoalAchieved.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date = Field(description="The day of the second review.")
    version: int = Field(description="Of the hub's plan.")


class GoalStalled(FromDocumentation):
    """No progress in so many reviews as the rule pack says: the hub is to be consulted."""

    type: ClassVar[str] = "GoalStalled.v1"
    subject: ClassVar[str] = "goal_id"

    goal_id: UUID
    care_plan_id: UUID
    effective: date = Field(description="The day of the last of these reviews.")
    version: int = Field(description="Of the hub's plan.")


class FromNotifications(Event):
    """Published by the notifications service."""

    topic: ClassVar[str] = "notifications.v1"


class NotificationFailed(FromNotifications):
    """A hub could not be told of a youth for days, or refused to be: a person tells it."""

    type: ClassVar[str] = "NotificationFailed.v1"
    subject: ClassVar[str] = "subscription_id"

    organisation_id: UUID
    subscription_id: UUID
    since: AwareDatetime = Field(description="When the first thing happened that it was not told.")


def published() -> Iterator[type[Event]]:
    """Every event that travels: the classes that name a type, not the families above them."""
    families = list(Event.__subclasses__())
    while families:
        event = families.pop(0)
        families += event.__subclasses__()
        if "type" in event.__dict__:
            yield event


BY_TYPE: dict[str, type[Event]] = {event.type: event for event in published()}
