"""Value sets shared by every service, spelled as the outside world spells them."""

from enum import StrEnum


class HubService(StrEnum):
    """The clinical service a youth must already have before a referral is valid."""

    OUTPATIENT_THERAPY = "outpatient-therapy"
    IN_HOME_THERAPY = "in-home-therapy"
    INTENSIVE_CARE_COORDINATION = "intensive-care-coordination"


class Priority(StrEnum):
    """FHIR request-priority."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"
    STAT = "stat"


class Check(StrEnum):
    """The checks of the first gate. Documents and consent belong to the second (EpisodeOpened)."""

    AGE = "age"
    COVERAGE = "coverage"
    HUB_ACTIVE = "hub-active"
    PLAN_NAMES_TM = "plan-names-tm"


class Gap(StrEnum):
    """What a kept referral lacks, so that its payer cannot be asked yet (`referral-gap`)."""

    BIRTH_DATE = "birth-date"
    COVERAGE = "coverage"
    HUB_SERVICE = "hub-service"
    TM_GOAL = "tm-goal"


class OpenItem(StrEnum):
    """What gate 2 still lacks: a warning at intake that stops nothing (`referral-gap`)."""

    COMPREHENSIVE_ASSESSMENT = "comprehensive-assessment"
    CANS = "cans"
    HUB_PLAN = "hub-plan"
    CONSENT_TREATMENT = "consent-treatment"
    CONSENT_ROI_HUB = "consent-roi-hub"


class Ineligibility(StrEnum):
    """Why gate 1 says no. A person looks at it; no machine ends a referral."""

    AGE_LIMIT = "age-limit"
    COVERAGE_NOT_ACTIVE = "coverage-not-active"
    COVERAGE_TYPE = "coverage-type"
    NO_ACTIVE_HUB_SERVICE = "no-active-hub-service"
    DECEASED = "deceased"


class ReferralState(StrEnum):
    """Where a referral stands. MERGED, WITHDRAWN and CLOSED are ends."""

    RECEIVED = "received"
    TRIAGE = "triage"
    DUPLICATE_REVIEW = "duplicate_review"
    MERGED = "merged"
    INCOMPLETE = "incomplete"
    PENDING_ELIGIBILITY = "pending_eligibility"
    INELIGIBLE = "ineligible"
    ELIGIBLE = "eligible"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ADMITTED = "admitted"
    ON_HOLD = "on_hold"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class TaskStatus(StrEnum):
    """FHIR task-status, without `received` and `ready`, which SDOHCC leaves out."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    FAILED = "failed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class Attestation(StrEnum):
    """What staff attest before an episode opens; a supervisor alone attests necessity."""

    CONSENT_TREATMENT = "consent-treatment"
    CONSENT_ROI_HUB = "consent-roi-hub"
    DOCUMENTS = "documents"
    MEDICAL_NECESSITY = "medical-necessity"


class ConsentKind(StrEnum):
    """Kinds of consent (`tm-consent-kind`)."""

    TREATMENT = "treatment"
    ROI_HUB = "roi_hub"
    ROI_SCHOOL = "roi_school"
    ROI_FAMILY_PORTAL = "roi_family_portal"
    TELEHEALTH = "telehealth"
    TRANSPORT = "transport"
    PART2_TPO = "part2_tpo"
    TEXT_EMAIL_CONTACT = "text_email_contact"


class GoalStatus(StrEnum):
    """FHIR goal-status."""

    PROPOSED = "proposed"
    PLANNED = "planned"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    REJECTED = "rejected"


class ProgressScale(StrEnum):
    """How a goal is measured (`tm-progress-scale`)."""

    GAS = "gas"
    CANS_ITEM = "cans_item"
    MILESTONE = "milestone"
    FREQUENCY = "frequency"
    SELF_REPORT = "self_report"


class PlaceOfService(StrEnum):
    """CMS place of service codes in use; the place is where the youth is."""

    TELEHEALTH_ELSEWHERE = "02"
    SCHOOL = "03"
    HOMELESS_SHELTER = "04"
    TELEHEALTH_AT_HOME = "10"
    OFFICE = "11"
    HOME = "12"
    GROUP_HOME = "14"
    STREET = "27"
    OTHER = "99"


class Modality(StrEnum):
    """How mentor and youth met."""

    IN_PERSON = "in-person"
    VIDEO = "video"
    AUDIO = "audio"


class MeasuredBy(StrEnum):
    """Whose observation a measurement is."""

    MENTOR = "mentor"
    YOUTH = "youth"
    CAREGIVER = "caregiver"
    HUB = "hub"


class Role(StrEnum):
    """What a member of staff may do, as the issuer's tokens say it."""

    COORDINATOR = "coordinator"
    SCHEDULER = "scheduler"
    MENTOR = "mentor"
    SUPERVISOR = "supervisor"
    BILLING = "billing"
    ADMIN = "admin"


class PartnerKind(StrEnum):
    """What a partner organisation is to the agency; decides what it may read."""

    HUB = "hub"
    PAYER = "payer"
    SCHEDULER = "scheduler"


class Overdue(StrEnum):
    """How long a session waits for its author's signature (T6)."""

    DUE = "due"
    LATE = "late"
    ESCALATED = "escalated"


class DataClass(StrEnum):
    """How much an event can say about a person to somebody who sees nothing else."""

    NO_PHI = "no_phi"
    PHI_MIN = "phi_min"
