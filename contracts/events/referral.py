"""What referral tells: receipts, gate 1, coverage, hubs, consents, identities."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.codes import (
    Attestation,
    Check,
    ConsentKind,
    Gap,
    GoalStatus,
    HubService,
    Ineligibility,
    Priority,
    TaskStatus,
)
from contracts.events.base import Event, Frozen


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
