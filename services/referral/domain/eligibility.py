"""Gate 1: is this youth eligible for Therapeutic Mentoring on a given day? Pure rules.

What triage can see by itself (age, hub, plan), and what the payer's answer adds (coverage in force,
of an eligible type). A gap is something not said, a failure something said that breaks a rule.
Source: DOMAIN.md §3.1, §5.1, §5.2.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.codes import Check, Gap, HubService, Ineligibility, OpenItem, ReferralState
from contracts.rules import RulePack

HUB_ORDER = (  # two active hub services: the more intensive one speaks for the youth
    HubService.INTENSIVE_CARE_COORDINATION,
    HubService.IN_HOME_THERAPY,
    HubService.OUTPATIENT_THERAPY,
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """A coverage that the sender or staff named: who to ask and by which number.

    `payer_id` is None while the payer is no registered partner: then a person asks. `member_id` is
    None when there is none, or when it cannot be one (a MassHealth id that is not 12 digits).
    """

    coverage_id: UUID
    payer_id: UUID | None
    member_id: str | None
    rank: int = 1  # 1 is primary


@dataclass(frozen=True, slots=True)
class HubEnrolment:
    """A hub service that the sender or staff named, with the days it covers, both included.

    `hub_service` is None when all that was named is Therapeutic Mentoring itself. `holds` is False
    when its status says that it is over, or not yet begun, and no date contradicts that.
    """

    enrolment_id: UUID
    organisation_id: UUID
    hub_service: HubService | None
    begins: date | None = None
    ends: date | None = None
    holds: bool = True

    def covers(self, day: date) -> bool:
        inside = (self.begins or date.min) <= day <= (self.ends or date.max)
        return self.holds and inside and self.hub_service is not None


@dataclass(frozen=True, slots=True)
class HubPlan:
    """The hub's plan as it now stands; `tm_goals` are the live goals that name TM."""

    version: int
    tm_goals: tuple[UUID, ...]
    begins: date | None = None
    ends: date | None = None

    def names_tm_on(self, day: date) -> bool:
        return bool(self.tm_goals) and day <= (self.ends or date.max)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that gate 1 looks at. `birth_date` is None when it is absent or partial."""

    referral_id: UUID
    youth_id: UUID
    organisation_id: UUID
    state: ReferralState
    version: int
    received_at: datetime
    birth_date: date | None
    deceased: bool = False
    coverages: tuple[Coverage, ...] = ()
    hubs: tuple[HubEnrolment, ...] = ()
    plan: HubPlan | None = None
    open_items: tuple[OpenItem, ...] = ()  # as the sender left them; attestations close them
    joined: tuple[UUID, ...] = ()  # the senders of referrals that were joined with this one


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that does not hold, by its key."""

    code: Ineligibility
    rule: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A check that holds, the rule that says so and the row that proves it."""

    name: Check
    rule: str
    evidence_id: UUID


# --- What triage sees ---------------------------------------------------------------------------


def gaps(facts: Facts, *, on: date) -> tuple[Gap, ...]:
    """What was not said and gate 1 needs. A goal of a plan that is over does not count."""
    missing = {
        Gap.BIRTH_DATE: facts.birth_date is None,
        Gap.COVERAGE: not any(coverage.member_id for coverage in facts.coverages),
        Gap.HUB_SERVICE: not facts.hubs,
        Gap.TM_GOAL: facts.plan is None or not facts.plan.names_tm_on(on),
    }
    return tuple(gap for gap, is_missing in missing.items() if is_missing)


def failures(facts: Facts, *, on: date, rules: RulePack) -> tuple[Failure, ...]:
    """Every rule that the referral breaks on a day, so that a hub can correct it once.

    Until the payer has named the product, MassHealth's age limit counts.
    """
    broken = []
    if facts.birth_date and not is_young_enough(facts.birth_date, on=on, rules=rules):
        broken.append(Failure(Ineligibility.AGE_LIMIT, "age.max_exclusive"))
    if facts.hubs and hub_of_record(facts, on=on) is None:
        broken.append(Failure(Ineligibility.NO_ACTIVE_HUB_SERVICE, "hub.required"))
    if facts.deceased:
        broken.append(Failure(Ineligibility.DECEASED, "youth.deceased"))
    return tuple(broken)


def hub_of_record(facts: Facts, *, on: date) -> HubEnrolment | None:
    """The active hub service that decides; None when none covers the day.

    Of two, the requesting organisation's, where one asked or joined; else ICC before IHT before
    OP (DOMAIN.md §5.1).
    """
    active = [hub for hub in facts.hubs if hub.covers(on)]
    asked = {facts.organisation_id, *facts.joined}
    own = [hub for hub in active if hub.organisation_id in asked]
    return min(own or active, key=intensity, default=None)


def intensity(hub: HubEnrolment) -> int:
    return HUB_ORDER.index(hub.hub_service) if hub.hub_service else len(HUB_ORDER)


# --- Age ----------------------------------------------------------------------------------------


def birthday(birth_date: date, age: int, *, feb29: str = "feb28") -> date:
    """The day on which somebody turns `age`; `feb29` says when a leap birthday falls otherwise."""
    try:
        return birth_date.replace(year=birth_date.year + age)
    except ValueError:  # 29 February in a year without one
        day = date(birth_date.year + age, 2, 28)
        return day if feb29 == "feb28" else day + timedelta(days=1)


def is_young_enough(
    birth_date: date, *, on: date, rules: RulePack, payer: str | None = None
) -> bool:
    """True through the day before the birthday at which payment ends."""
    return on <= last_payable_day(birth_date, on=on, rules=rules, payer=payer)


def last_payable_day(
    birth_date: date, *, on: date, rules: RulePack, payer: str | None = None
) -> date:
    """The day before the limit's birthday (`age.max_exclusive`), by the rules of the day `on`."""
    limit = int(rules.value("age.max_exclusive", on=on, payer=payer).value)
    feb29 = str(rules.value("feb29", on=on).value)
    return birthday(birth_date, limit, feb29=feb29) - timedelta(days=1)
