"""What a hub's referral says, whichever way it came: the canonical intake model.

Receive always, gate later: what is missing here is a gap or an open item, never a refusal.
Source: DOMAIN.md §4 and §5.1, FHIR.md §7.2.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from contracts.codes import Gap, GoalStatus, HubService, OpenItem, PartnerKind, Priority
from contracts.rules import RulePack
from services.referral.domain.eligibility import Coverage, HubEnrolment, HubPlan

DEFAULT_HOURS_PER_WEEK = 2.0  # the typical engagement (DOMAIN.md §2)
LONGEST_NAME_KEY = 200  # letters that tell two names apart, and that an index holds
DEAD_GOALS = frozenset({GoalStatus.CANCELLED, GoalStatus.ENTERED_IN_ERROR, GoalStatus.REJECTED})


class Identifier(NamedTuple):
    """A business identifier; as text, `system|value`, it is what searches and rows speak of."""

    system: str
    value: str

    def __str__(self) -> str:
        return f"{self.system}|{self.value}"


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that the agency has registered: a hub, a payer, or (kind None) the agency."""

    organisation_id: UUID
    kind: PartnerKind | None
    name: str
    identifier: Identifier
    mrn_system: str | None = None
    version: int = 1
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource that the same hub sent before; `shape` and `content` are digests of it."""

    type: str
    id: str
    youth_id: UUID
    referral_id: UUID
    identifiers: tuple[str, ...]
    shape: bytes
    content: bytes
    version: int
    updated_at: datetime
    body: str

    @property
    def ref(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class KnownReferral:
    """What is already here under a hub's number."""

    referral_id: UUID
    youth_id: UUID
    version: int
    state: str


@dataclass(frozen=True, slots=True)
class Youth:
    """Who is referred. `birth_date` is None when it is absent or partial: age is never guessed."""

    youth_id: UUID
    mrn: Identifier | None
    medicaid: tuple[Identifier, ...]
    family: str | None
    given: tuple[str, ...]
    preferred: str | None
    birth_date: date | None
    gender: str | None
    deceased: bool
    active: bool
    languages: tuple[str, ...]
    interpreter_needed: bool
    area: str | None

    @property
    def name_key(self) -> str | None:
        """The name as duplicates are looked for: letters only, case and accents aside."""
        words = [*self.given[:1], self.family or ""]
        return alike(" ".join(words))[:LONGEST_NAME_KEY] or None


@dataclass(frozen=True, slots=True)
class RelatedPerson:
    related_person_id: UUID
    family: str | None
    given: tuple[str, ...]
    relationships: tuple[str, ...]
    is_guardian: bool
    is_active: bool
    telecom: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SentCoverage:
    """A coverage as the hub describes it; only payer and member id decide whom to ask."""

    coverage_id: UUID
    payer_id: UUID | None
    member_id: str | None
    status: str
    begins: date | None
    ends: date | None
    rank: int

    @property
    def fact(self) -> Coverage:
        return Coverage(self.coverage_id, self.payer_id, self.member_id, self.rank)


@dataclass(frozen=True, slots=True)
class PlanGoal:
    """A goal of the hub's plan under our id, which its identifier keeps over all versions."""

    goal_id: UUID
    mirror_id: str
    tm_assigned: bool
    status: GoalStatus
    wording: str
    details: Mapping[str, Any]  # category, target, startDate, identifiers, expressedBy, as sent


@dataclass(frozen=True, slots=True)
class SentPlan:
    """The hub's plan as it now stands. `stands` is False for one revoked or sent in error."""

    plan_id: str | None
    title: str | None
    author: str | None
    begins: date | None
    ends: date | None
    stands: bool
    goals: tuple[PlanGoal, ...]

    def assigned_on(self, goal: PlanGoal, day: date) -> bool:
        """Whether a goal counts as Therapeutic Mentoring's on a day (DOMAIN.md §3.1, E8)."""
        alive = goal.status not in DEAD_GOALS
        return goal.tm_assigned and alive and self.stands and day <= (self.ends or date.max)

    def fact(self, version: int) -> HubPlan:
        live = [g for g in self.goals if g.tm_assigned and g.status not in DEAD_GOALS]
        goals = tuple(goal.goal_id for goal in live) if self.stands else ()
        return HubPlan(version, goals, self.begins, self.ends)


@dataclass(frozen=True, slots=True)
class Document:
    """A paper that came with the referral; `kind` is a code of `referral-document`."""

    kind: str
    evidence_id: str
    dated: date | None


@dataclass(frozen=True, slots=True)
class Window:
    weekday: int
    begins: str
    ends: str


@dataclass(frozen=True, slots=True)
class Intake:
    """One referral as it now stands, from all that its hub has sent of it."""

    youth: Youth
    related: tuple[RelatedPerson, ...]
    coverages: tuple[SentCoverage, ...]
    hubs: tuple[HubEnrolment, ...]
    plan: SentPlan | None
    documents: tuple[Document, ...]
    request_status: str
    priority: Priority
    hours_per_week: float = DEFAULT_HOURS_PER_WEEK
    windows: tuple[Window, ...] = ()
    do_not_contact: bool = False


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral's row: what it asks for, in codes, as events carry it."""

    referral_id: UUID
    youth_id: UUID
    organisation_id: UUID
    key: Identifier
    version: int
    received_at: datetime
    received_on: date
    request_status: str
    priority: Priority
    hub_service: HubService | None
    gaps: tuple[Gap, ...]
    open_items: tuple[OpenItem, ...]
    hours_per_week: float
    windows: tuple[Window, ...]
    do_not_contact: bool
    mentor_gender_required: str | None = None
    mentor_gender_preferred: str | None = None
    languages: tuple[str, ...] = ()
    interpreter_needed: bool = False
    area: str | None = None


def open_items(intake: Intake, *, on: date, rules: RulePack) -> tuple[OpenItem, ...]:
    """What gate 2 will still need; stops nothing (E9, E10, E16).

    A consent that a hub sends is evidence for staff, never a consent: both stay open.
    """
    have = {document.kind for document in intake.documents}
    oldest = on - timedelta(days=int(rules.value("cans.max_age_days", on=on).value))
    cans = [d for d in intake.documents if d.kind == OpenItem.CANS]
    if cans and all(d.dated and d.dated < oldest for d in cans):
        have.discard(OpenItem.CANS)
    if intake.plan and intake.plan.plan_id:
        have.add(OpenItem.HUB_PLAN)
    papers = (OpenItem.COMPREHENSIVE_ASSESSMENT, OpenItem.CANS, OpenItem.HUB_PLAN)
    missing = tuple(item for item in papers if item not in have)
    return (*missing, OpenItem.CONSENT_TREATMENT, OpenItem.CONSENT_ROI_HUB)


def has_old_cans(intake: Intake) -> bool:
    """True when a CANS came; with the open item `cans` it means that it is too old."""
    return any(document.kind == OpenItem.CANS for document in intake.documents)


@dataclass(frozen=True, slots=True)
class HubEvidence:
    """One resource that speaks of a service of the youth, before it is known which decide."""

    enrolment_id: UUID
    organisation_id: UUID
    service: HubService | None  # None: only Therapeutic Mentoring itself
    is_episode: bool
    is_active: bool
    begins: date | None
    ends: date | None


def deciding(evidence: Sequence[HubEvidence]) -> tuple[HubEnrolment, ...]:
    """Which evidence counts: an episode of a hub service, else a plan, else that TM was named.

    A date that speaks wins over status: without an end only status `active` holds. Nothing at
    all is a gap, all of it over a failure (FHIR.md §7.2, DOMAIN.md §5.1).
    """
    hubs = [e for e in evidence if e.service]
    chosen = [e for e in hubs if e.is_episode] or hubs or list(evidence)
    return tuple(
        HubEnrolment(
            e.enrolment_id,
            e.organisation_id,
            e.service,
            e.begins,
            e.ends,
            e.is_active or (e.is_episode and e.ends is not None),
        )
        for e in chosen
    )


def alike(text: str) -> str:
    """A name without case, accents, spaces and signs."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in bare if letter.isalnum())
