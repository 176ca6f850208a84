"""The events services exchange: what happened, in the past tense, in ids, codes, dates and numbers.

The body on the wire is the model as JSON and nothing else. Time, cause and trace are headers.
"""

from collections.abc import Iterator

from contracts.events.base import Event, Frozen
from contracts.events.documentation import (
    BillingImpact,
    FromDocumentation,
    GoalAchieved,
    GoalAdded,
    GoalProgressUpdated,
    GoalRetired,
    GoalStalled,
    NoteOverdue,
    SessionFacts,
    SessionLogged,
    SessionNoteAmended,
    SessionVoided,
)
from contracts.events.notifications import FromNotifications, NotificationFailed
from contracts.events.referral import (
    AboutReferral,
    AttestationRecorded,
    CheckResult,
    ConsentGranted,
    ConsentRevoked,
    CoverageChanged,
    CoverageLapsed,
    CoverageReinstated,
    DenialReason,
    EligibilityConfirmed,
    EligibilityDenied,
    FromReferral,
    HubDisengaged,
    HubEngaged,
    HubPlanUpdated,
    MentorGender,
    PlanGoal,
    ReferralAmended,
    ReferralClosed,
    ReferralDuplicateSuspected,
    ReferralInfoRequested,
    ReferralMerged,
    ReferralReceived,
    ReferralReopened,
    ReferralStatusChanged,
    ReferralWithdrawn,
    Request,
    Window,
    YouthIdentityLinked,
    YouthIdentityMerged,
    YouthIdentityUnmerged,
)
from contracts.events.scheduling import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentNoShow,
    AssignmentEnded,
    EpisodeClosed,
    EpisodeClosing,
    EpisodeOnHold,
    EpisodeOpened,
    EpisodeResumed,
    FromScheduling,
    MentorAssigned,
    MentorDeclined,
    MentorProposed,
    MentorStandingChanged,
    MentorUnavailable,
    ReassignmentNeeded,
    ReferralWaitlisted,
)

__all__ = [
    "BY_TYPE",
    "AboutReferral",
    "AppointmentBooked",
    "AppointmentCancelled",
    "AppointmentNoShow",
    "AssignmentEnded",
    "AttestationRecorded",
    "BillingImpact",
    "CheckResult",
    "ConsentGranted",
    "ConsentRevoked",
    "CoverageChanged",
    "CoverageLapsed",
    "CoverageReinstated",
    "DenialReason",
    "EligibilityConfirmed",
    "EligibilityDenied",
    "EpisodeClosed",
    "EpisodeClosing",
    "EpisodeOnHold",
    "EpisodeOpened",
    "EpisodeResumed",
    "Event",
    "FromDocumentation",
    "FromNotifications",
    "FromReferral",
    "FromScheduling",
    "Frozen",
    "GoalAchieved",
    "GoalAdded",
    "GoalProgressUpdated",
    "GoalRetired",
    "GoalStalled",
    "HubDisengaged",
    "HubEngaged",
    "HubPlanUpdated",
    "MentorAssigned",
    "MentorDeclined",
    "MentorGender",
    "MentorProposed",
    "MentorStandingChanged",
    "MentorUnavailable",
    "NoteOverdue",
    "NotificationFailed",
    "PlanGoal",
    "ReassignmentNeeded",
    "ReferralAmended",
    "ReferralClosed",
    "ReferralDuplicateSuspected",
    "ReferralInfoRequested",
    "ReferralMerged",
    "ReferralReceived",
    "ReferralReopened",
    "ReferralStatusChanged",
    "ReferralWaitlisted",
    "ReferralWithdrawn",
    "Request",
    "SessionFacts",
    "SessionLogged",
    "SessionNoteAmended",
    "SessionVoided",
    "Window",
    "YouthIdentityLinked",
    "YouthIdentityMerged",
    "YouthIdentityUnmerged",
    "published",
]


def published() -> Iterator[type[Event]]:
    """Every event that travels: the classes that name a type, not the families above them."""
    families: list[type[Event]] = [
        *(FromReferral, FromScheduling, FromDocumentation, FromNotifications)
    ]
    while families:
        event = families.pop(0)
        families += event.__subclasses__()
        if "type" in event.__dict__:
            yield event


BY_TYPE: dict[str, type[Event]] = {event.type: event for event in published()}
