"""What a referral's state says to the hub that sent it: Task.status, businessStatus and outputs.

The view is derived anew from where the referral stands, so no step can be forgotten; the status
alone looks back, because it never goes backwards. Source: FHIR.md §7.3, §7.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts.codes import (
    Check,
    Gap,
    HubService,
    Ineligibility,
    OpenItem,
    ReferralState,
    TaskStatus,
)

State = ReferralState

ENDED = frozenset({State.MERGED, State.WITHDRAWN, State.CLOSED})
BEFORE_GATE_1 = frozenset(
    {
        *(State.RECEIVED, State.TRIAGE, State.DUPLICATE_REVIEW, State.INCOMPLETE),
        *(State.PENDING_ELIGIBILITY, State.INELIGIBLE),
    }
)
WAITING_FOR_SERVICE = frozenset({State.ELIGIBLE, State.WAITLISTED, State.OFFERED, State.ACCEPTED})


class Business(StrEnum):
    """Task.businessStatus: ours by name, BSeR's by number."""

    ELIGIBILITY_REVIEW = "eligibility-review"
    AWAITING_INFORMATION = "awaiting-information"
    ELIGIBILITY_PROBLEM = "eligibility-problem"
    WAITLISTED = "waitlisted"
    MENTOR_ASSIGNED = "mentor-assigned"
    ACCEPTED = "3.0"
    DECLINED = "4.0"
    BOOKED = "5.1.1"
    NO_SHOW = "5.1.2"
    VISIT_CANCELLED = "5.1.3"
    HELD = "5.1.4"
    WITHDRAWAL_ASKED = "5.2"
    WITHDRAWN = "6.0"
    COMPLETED = "7.0"


VISITS = frozenset({Business.BOOKED, Business.NO_SHOW, Business.VISIT_CANCELLED, Business.HELD})


class CloseReason(StrEnum):
    """Why a person ended a referral (`referral-reason`)."""

    DECLINED = "declined"
    NO_RESPONSE = "no_response"
    AGED_OUT = "aged_out"
    DISCHARGED = "discharged"
    WITHDRAWN = "withdrawn"
    WRONG_PATIENT = "wrong_patient"


@dataclass(frozen=True, slots=True)
class Reason:
    """Task.statusReason: codes of one of our systems, and a sentence that is always there."""

    system: str
    codes: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Approval:
    """What stands in the Task once gate 1 was passed."""

    response_id: UUID
    hub_service: HubService
    hub_since: date | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a referral stands: all that its Task is made of. Days are agency days."""

    state: ReferralState
    gaps: tuple[Gap, ...] = ()
    failures: tuple[Ineligibility, ...] = ()
    failed_on: date | None = None
    open_items: tuple[OpenItem, ...] = ()
    approval: Approval | None = None
    has_mentor: bool = False
    hold_reason: str | None = None
    last_visit: Business | None = None
    first_session: datetime | None = None
    first_session_on: date | None = None
    ended_at: datetime | None = None
    close_reason: str | None = None
    close_text: str | None = None
    withdrawal_asked: bool = False
    care_plan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What the hub sees of all this."""

    status: TaskStatus
    business: Business | None
    business_text: str | None
    reason: Reason | None = None
    approval: Approval | None = None
    open_items: tuple[OpenItem, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    care_plan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Placer:
    """The hub's own number of its Task."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A Task and who it is for. `version` 0: opened in this transaction and not shown yet."""

    task_id: UUID
    referral_id: UUID
    organisation_id: UUID
    youth_id: UUID
    placer: Placer | None
    priority: str
    authored_on: datetime
    version: int
    view: View
    last_modified: datetime
    updated_at: datetime
    note: tuple[dict[str, Any], ...] = ()
    is_current: bool = True  # False: the referral was reopened, and another Task stands for it


NEXT: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.REQUESTED: frozenset(TaskStatus),
    TaskStatus.ACCEPTED: frozenset(TaskStatus) - {TaskStatus.REQUESTED, TaskStatus.REJECTED},
    TaskStatus.ON_HOLD: frozenset(TaskStatus) - {TaskStatus.REQUESTED, TaskStatus.REJECTED},
    TaskStatus.IN_PROGRESS: frozenset(TaskStatus)
    - {TaskStatus.REQUESTED, TaskStatus.REJECTED, TaskStatus.ACCEPTED},
    # Streams of two producers are not ordered: the session may be told after the discharge.
    TaskStatus.FAILED: frozenset({TaskStatus.COMPLETED}),
}


def may_follow(before: TaskStatus, after: TaskStatus) -> bool:
    """False for a step backwards; an ended Task never reopens."""
    return before == after or after in NEXT.get(before, frozenset())


def view_of(standing: Standing, before: TaskStatus | None = None) -> View | None:
    """The Task as it now has to look; None when that would be a step backwards: it stays."""
    view = fresh_view(standing)
    return view if before is None or may_follow(before, view.status) else None


def fresh_view(standing: Standing) -> View:
    if standing.state in ENDED:
        return ended(standing)
    if standing.withdrawal_asked:
        return in_service(standing, Business.WITHDRAWAL_ASKED, WITHDRAWAL_TEXT)
    if standing.state is State.ON_HOLD:
        return on_hold(standing)
    if standing.state in BEFORE_GATE_1:
        return before_gate_1(standing)
    return accepted(standing)


WITHDRAWAL_TEXT = "Withdrawal asked for; the coordinator is ending the service"


# --- Before the first gate ----------------------------------------------------------------------


def before_gate_1(standing: Standing) -> View:
    if standing.state is State.INCOMPLETE and standing.gaps:
        return View(
            TaskStatus.REQUESTED,
            Business.AWAITING_INFORMATION,
            f"Needed before we can check eligibility: {listed(GAP_NAMES, standing.gaps)}",
            Reason("referral-gap", standing.gaps, gap_text(standing.gaps)),
            open_items=standing.open_items,
        )
    if standing.state is State.INELIGIBLE:
        return View(
            TaskStatus.REQUESTED,
            Business.ELIGIBILITY_PROBLEM,
            "A check failed; the coordinator is looking at it and new facts are welcome",
            failure_reason(standing),
            open_items=standing.open_items,
        )
    return View(
        TaskStatus.REQUESTED,
        Business.ELIGIBILITY_REVIEW,
        "Referral received; checking coverage and hub service",
        open_items=standing.open_items,
    )


GAP_NAMES = {
    Gap.BIRTH_DATE: "the full birth date",
    Gap.COVERAGE: "a coverage with a valid member id",
    Gap.HUB_SERVICE: "the hub service of this youth",
    Gap.TM_GOAL: "a goal of the plan that names Therapeutic Mentoring",
}
GAP_TEXTS = {
    Gap.BIRTH_DATE: "The birth date is missing or partial.",
    Gap.COVERAGE: "No coverage with a usable member id is named.",
    Gap.HUB_SERVICE: "No hub service is named.",
    Gap.TM_GOAL: "No goal is assigned to Therapeutic Mentoring.",
}
HOW_TO_SEND = {
    Gap.BIRTH_DATE: "Patient.birthDate",
    Gap.COVERAGE: "a Coverage with subscriberId",
    Gap.HUB_SERVICE: "an EpisodeOfCare or an active CarePlan",
    Gap.TM_GOAL: "a Goal in the extension resource-pertainsToGoal",
}
FAILURE_TEXTS = {
    Ineligibility.AGE_LIMIT: "The youth has reached the age at which this service ends.",
    Ineligibility.COVERAGE_NOT_ACTIVE: "The payer answers that coverage is not active on {day}.",
    Ineligibility.COVERAGE_TYPE: "The payer answers with a coverage type without this service.",
    Ineligibility.NO_ACTIVE_HUB_SERVICE: "No hub service is active on {day}.",
    Ineligibility.DECEASED: "The record says that the youth has died.",
}


def gap_text(gaps: tuple[Gap, ...]) -> str:
    what = " ".join(GAP_TEXTS[gap] for gap in gaps)
    send = "it" if len(gaps) == 1 else "them"
    return f"{what} Send {send} with PUT ServiceRequest?identifier=… ({listed(HOW_TO_SEND, gaps)})."


def listed(names: Mapping[Gap, str], gaps: tuple[Gap, ...]) -> str:
    return "; ".join(names[gap] for gap in gaps)


def failure_reason(standing: Standing) -> Reason:
    """What failed, and what is missing besides: both at once."""
    day = standing.failed_on or "the day of the check"
    texts = [FAILURE_TEXTS[failure].format(day=day) for failure in standing.failures]
    texts += [GAP_TEXTS[gap] for gap in standing.gaps]
    text = " ".join(texts) or "A check of the first gate does not hold."
    return Reason("referral-reason", standing.failures, text)


# --- After it -----------------------------------------------------------------------------------


def accepted(standing: Standing) -> View:
    if standing.last_visit:
        return in_service(standing, standing.last_visit, visit_text(standing))
    if standing.has_mentor or standing.state in (State.ACCEPTED, State.ADMITTED):
        return in_service(standing, Business.MENTOR_ASSIGNED, "A mentor is assigned")
    if standing.state in (State.WAITLISTED, State.OFFERED):
        return in_service(standing, Business.WAITLISTED, "Waiting for a mentor match")
    text = "Accepted: eligible, waiting for a mentor match"
    return in_service(standing, Business.ACCEPTED, text)


def in_service(standing: Standing, business: Business, text: str) -> View:
    """Accepted until the first session was held, in progress from then on."""
    status = TaskStatus.ACCEPTED if standing.approval else TaskStatus.REQUESTED
    if standing.first_session:
        status = TaskStatus.IN_PROGRESS
    return View(
        status,
        business,
        text,
        approval=standing.approval,
        open_items=standing.open_items,
        started_at=standing.first_session,
    )


VISIT_TEXTS = {
    Business.BOOKED: "A session is booked",
    Business.NO_SHOW: "The youth did not come to a session",
    Business.VISIT_CANCELLED: "A booked session was cancelled",
}


def visit_text(standing: Standing) -> str:
    if standing.last_visit is Business.HELD:
        return f"First session held {standing.first_session_on}"
    assert standing.last_visit is not None  # noqa: S101 - who calls has looked
    return VISIT_TEXTS[standing.last_visit]


HOLD_TEXTS = {
    "gate-1": "A condition of the first gate no longer holds; the coordinator is looking at it.",
    "hub_inactive": "The hub service has ended; the service waits for a successor hub.",
    "consent_revoked": "A consent that the service needs no longer stands.",
    "eligibility_lost": "Coverage or another condition of the service no longer holds.",
    "service_gap": "The mentor can no longer come; another one is sought.",
}


def on_hold(standing: Standing) -> View:
    if standing.failures or standing.gaps:
        reason = failure_reason(standing)
    else:
        code = standing.hold_reason or "gate-1"
        reason = Reason("referral-reason", (code,), HOLD_TEXTS.get(code, "Nothing new is booked."))
    return View(
        TaskStatus.ON_HOLD,
        None,
        None,
        reason,
        approval=standing.approval,
        open_items=standing.open_items,
        started_at=standing.first_session,
    )


# --- Ends ---------------------------------------------------------------------------------------


def ended(standing: Standing) -> View:
    status, business, business_text, reason = ending(standing)
    return View(
        status,
        business,
        business_text,
        reason,
        approval=standing.approval,
        started_at=standing.first_session,
        ended_at=standing.ended_at if standing.first_session else None,
        care_plan_id=standing.care_plan_id if status is TaskStatus.COMPLETED else None,
    )


DISCHARGE_TEXTS = {
    "goals_achieved": "goals met",
    "no_necessity": "no longer medically necessary",
    "higher_level": "another level of care is needed",
    "disengaged": "the family could not be reached any more",
    "consent_revoked": "a consent that the service needs was taken back",
    "aged_out": "the youth has reached the age limit",
    "moved": "the youth has moved",
    "died": "the youth has died",
    "hub_ended": "the hub service ended and no other followed",
}


def discharge_text(reason: str | None) -> str:
    """Why service ended, for the hub; a reason that is newer than this table is left out."""
    why = DISCHARGE_TEXTS.get(reason or "")
    return f"Service ended: {why}" if why else "Service ended"


Ending = tuple[TaskStatus, Business | None, str | None, Reason | None]


def ending(standing: Standing) -> Ending:
    code = standing.close_reason or CloseReason.DECLINED
    if standing.state is State.MERGED:
        text = "Joined with a referral already in service."
        return TaskStatus.CANCELLED, None, None, Reason("referral-reason", ("merged",), text)
    if standing.state is State.WITHDRAWN:
        reason = Reason("referral-reason", ("withdrawn",), standing.close_text or "Withdrawn.")
        return TaskStatus.CANCELLED, Business.WITHDRAWN, "Withdrawn", reason
    if code == CloseReason.WRONG_PATIENT:
        reason = Reason("referral-reason", (code,), "The referral was about another person.")
        return TaskStatus.ENTERED_IN_ERROR, None, None, reason
    if standing.first_session and code == CloseReason.DISCHARGED:
        text = standing.close_text or discharge_text(None)
        return TaskStatus.COMPLETED, Business.COMPLETED, text, None
    return without_service(standing, code)


def without_service(standing: Standing, code: str) -> Ending:
    """Rejected before acceptance, failed after it; always with a person's reason."""
    codes = standing.failures or standing.gaps or (code,)
    system = "referral-gap" if not standing.failures and standing.gaps else "referral-reason"
    if standing.approval is None:
        text = standing.close_text or f"Declined by the coordinator: {', '.join(codes)}."
        business = "Declined by the intake coordinator"
        reason = Reason(system, tuple(codes), text)
        return TaskStatus.REJECTED, Business.DECLINED, business, reason
    text = standing.close_text or f"Ended by the coordinator without a session: {code}."
    return TaskStatus.FAILED, None, None, Reason("referral-reason", (code,), text)
