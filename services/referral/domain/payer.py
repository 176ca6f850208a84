"""What a payer's answer means: yes, yes with conditions, no, a rejected question, or nothing yet.

These are five outcomes, never two: only a plain "no" about the day denies anything.
Source: DOMAIN.md §5.2, §8.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from contracts.codes import Check, Ineligibility
from contracts.rules import RulePack
from services.referral.domain.eligibility import (
    Facts,
    Failure,
    Passed,
    hub_of_record,
    is_young_enough,
    last_payable_day,
)

COMMERCIAL = "commercial"
MASSHEALTH = "masshealth"


class Outcome(StrEnum):
    """The states of DOMAIN.md §5.2. UNCLEAR: the payer answered, and a person must read it."""

    ACTIVE = "active"
    ACTIVE_WITH_CONDITIONS = "active_with_conditions"
    INACTIVE = "inactive"
    REJECTED_REQUEST = "rejected_request"
    PAYER_UNAVAILABLE = "payer_unavailable"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Benefit:
    """One EB segment of a 271: `eb05` is the plan's name as free text."""

    eb01: str
    eb05: str
    begins: date | None = None
    ends: date | None = None

    def covers(self, day: date) -> bool:
        return (self.begins or date.min) <= day <= (self.ends or date.max)


@dataclass(frozen=True, slots=True)
class Question:
    """The fields of a 270. Holds names: it is sent, and never stored or logged."""

    trace: str
    payer_identifier: str
    provider_npi: str
    member_id: str
    first_name: str
    last_name: str
    birth_date: date
    gender: str
    service_date: date


@dataclass(frozen=True, slots=True)
class Answer:
    """The fields of a 271; `aaa` are AAA03 codes. `names_match` is None when it gave no name."""

    trace: str | None
    aaa: tuple[str, ...] = ()
    benefits: tuple[Benefit, ...] = ()
    names_match: bool | None = None
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer as we understand it. `code` says what a person has to do when it is not clear."""

    outcome: Outcome
    product: str | None = None
    bh_admin: str | None = None
    begins: date | None = None
    ends: date | None = None
    conditions: tuple[str, ...] = ()
    code: str | None = None

    @property
    def is_active(self) -> bool:
        return self.outcome in (Outcome.ACTIVE, Outcome.ACTIVE_WITH_CONDITIONS)

    def speaks_of(self, day: date) -> bool:
        """False once the span of a yes is over: what follows it has to be asked."""
        return not self.is_active or day <= (self.ends or date.max)

    @property
    def is_settled(self) -> bool:
        """True when the payer has said yes or no; False while somebody must ask again or look."""
        return self.is_active or self.outcome is Outcome.INACTIVE


UNAVAILABLE = Reading(Outcome.PAYER_UNAVAILABLE, code="payer-unavailable")

# What to do about an AAA03 code: the rule-pack row that lists it → the work item it raises.
ACTION_BY_RULE = {
    "aaa.intake": "payer-rejects-identity",
    "aaa.not_found": "payer-knows-no-such-member",
    "aaa.identity": "identity-review",
    "aaa.our_setup": "payer-setup",
    "aaa.our_request": "payer-setup",
    "aaa.routing": "payer-routing",
}


def read(answer: Answer, *, on: date, rules: RulePack) -> Reading:
    """What an answer says about one day. What we cannot read goes to a person, never to "no"."""
    if answer.aaa:
        return read_rejection(answer.aaa, on=on, rules=rules)
    if answer.names_match is False:
        # Right number, wrong child: twins have neighbouring numbers (S15).
        return Reading(Outcome.REJECTED_REQUEST, code="identity-review")
    active = listed(answer, "eb01.active", on=on, rules=rules)
    current = [benefit for benefit in active if benefit.covers(on)]
    if current:
        return read_active(answer, current, on=on, rules=rules)
    inactive = listed(answer, "eb01.inactive", on=on, rules=rules)
    if active or inactive:
        return Reading(Outcome.INACTIVE, ends=last_good_day([*active, *inactive], on=on))
    return Reading(Outcome.UNCLEAR, code="payer-answer-unclear")


def read_rejection(codes: Sequence[str], *, on: date, rules: RulePack) -> Reading:
    """A rejected question: "cannot respond" is asked again, everything else is for a person."""
    for code in codes:
        for rule, action in ACTION_BY_RULE.items():
            if code in rules.value(rule, on=on).value:
                return Reading(Outcome.REJECTED_REQUEST, code=action)
    if set(codes) <= set(rules.value("aaa.unavailable", on=on).value):
        return UNAVAILABLE
    return Reading(Outcome.UNCLEAR, code="payer-answer-unclear")


def read_active(
    answer: Answer, current: Sequence[Benefit], *, on: date, rules: RulePack
) -> Reading:
    products = {product_named(benefit.eb05, on=on, rules=rules): benefit for benefit in current}
    known = {product: benefit for product, benefit in products.items() if product}
    if not known:
        return Reading(Outcome.UNCLEAR, code="product-unknown")
    product = min(
        known, key=lambda name: (type_failure(name, on=on, rules=rules) is not None, name)
    )
    benefit = known[product]
    care = listed(answer, "eb01.managed_care", on=on, rules=rules)
    admins = [
        admin
        for plan in care
        if plan.covers(on) and (admin := alias(plan.eb05, "bh_admin.aliases", on=on, rules=rules))
    ]
    conditions = ("restrictive-message",) if answer.messages else ()
    outcome = Outcome.ACTIVE_WITH_CONDITIONS if conditions else Outcome.ACTIVE
    admin = admins[0] if admins else None
    return Reading(outcome, product, admin, benefit.begins, benefit.ends, conditions)


def last_good_day(benefits: Sequence[Benefit], *, on: date) -> date | None:
    """The end of the last span before a day; None when no span of the answer has ended by then."""
    return max((b.ends for b in benefits if b.ends and b.ends < on), default=None)


def listed(answer: Answer, rule: str, *, on: date, rules: RulePack) -> list[Benefit]:
    codes = rules.value(rule, on=on).value
    return [benefit for benefit in answer.benefits if benefit.eb01 in codes]


def product_named(text: str, *, on: date, rules: RulePack) -> str | None:
    """The product that a plan's free text means; None when the table does not know it."""
    return alias(text, "coverage.product_aliases", on=on, rules=rules)


def alias(text: str, rule: str, *, on: date, rules: RulePack) -> str | None:
    found: str | None = rules.value(rule, on=on).value.get(plain(text))
    return found


def plain(text: str) -> str:
    """Lower case, no accents, single spaces: how names and plan texts are compared."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def same_name(ours: str, theirs: str) -> bool:
    """True when a payer's name is ours, also when it was cut to the length of its field."""
    one, other = plain(ours), plain(theirs)
    return bool(other) and (one == other or (len(other) >= 15 and one.startswith(other)))


# --- Determination ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The last reading of one coverage."""

    inquiry_id: UUID
    coverage_id: UUID
    payer_id: UUID
    rank: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about one coverage, answered; `messages` are the payer's own, kept raw."""

    inquiry_id: UUID
    response_id: UUID
    referral_id: UUID
    youth_id: UUID
    coverage_id: UUID
    payer_id: UUID
    rank: int
    round: int
    source: str
    service_date: date
    asked_at: datetime
    answered_at: datetime
    trace: str
    answer_trace: str | None
    reading: Reading
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Eligible:
    """All four checks passed on a day, with evidence; `valid_to` is the last good day."""

    inquiry: Inquiry
    hub: UUID
    valid_from: date
    valid_to: date
    checks: tuple[Passed, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    reasons: tuple[Failure, ...]


def kind_of(product: str) -> str:
    """Whose age limit counts: the products of the pack begin with it."""
    return COMMERCIAL if product.startswith(COMMERCIAL) else MASSHEALTH


def type_failure(product: str, *, on: date, rules: RulePack) -> Failure | None:
    """None when the product covers TM (E4, E6), else the rule that excludes it."""
    full = (
        "coverage.commercial.fully_insured_ma"
        if kind_of(product) == COMMERCIAL
        else "coverage.masshealth.types_full"
    )
    if product in rules.value(full, on=on).value:
        return None
    excluded = product in rules.value("coverage.masshealth.types_excluded", on=on).value
    rule = "coverage.masshealth.types_excluded" if excluded else full
    return Failure(Ineligibility.COVERAGE_TYPE, rule)


def failure_of(inquiry: Inquiry, birth_date: date, *, on: date, rules: RulePack) -> Failure | None:
    """Why one settled answer does not make the youth eligible; None when it does."""
    reading = inquiry.reading
    if not reading.is_active or reading.product is None:
        return Failure(Ineligibility.COVERAGE_NOT_ACTIVE, "coverage.in_force")
    if wrong := type_failure(reading.product, on=on, rules=rules):
        return wrong
    payer = kind_of(reading.product)
    if not is_young_enough(birth_date, on=on, rules=rules, payer=payer):
        return Failure(Ineligibility.AGE_LIMIT, "age.max_exclusive")
    return None


def determine(
    facts: Facts, inquiries: Sequence[Inquiry], *, on: date, rules: RulePack
) -> Eligible | Denied | None:
    """Gate 1 on a day; None while an answer that could still say yes is missing.

    Of several coverages the last payer standing counts: MassHealth before commercial (E2). The
    caller has seen that neither a gap nor a failure of triage's own is left.
    """
    hub = hub_of_record(facts, on=on)
    if facts.birth_date is None or hub is None or facts.plan is None or not facts.plan.tm_goals:
        return None
    birth_date = facts.birth_date
    settled = [i for i in inquiries if i.reading.is_settled and i.reading.speaks_of(on)]
    good = [i for i in settled if failure_of(i, birth_date, on=on, rules=rules) is None]
    if good:
        best = min(good, key=lambda i: (kind_of(i.reading.product or "") == COMMERCIAL, i.rank))
        return eligible_by(best, facts, hub.enrolment_id, on=on, rules=rules)
    asked = {c.coverage_id for c in facts.coverages if c.member_id}
    if not settled or asked - {inquiry.coverage_id for inquiry in settled}:
        return None
    reasons = [failure_of(i, birth_date, on=on, rules=rules) for i in settled]
    return Denied(tuple(dict.fromkeys(reason for reason in reasons if reason)))


def eligible_by(
    inquiry: Inquiry, facts: Facts, hub: UUID, *, on: date, rules: RulePack
) -> Eligible:
    assert facts.birth_date is not None  # noqa: S101 - determine() has looked
    assert facts.plan is not None  # noqa: S101
    reading = inquiry.reading
    payer = kind_of(reading.product or "")
    too_old = last_payable_day(facts.birth_date, on=on, rules=rules, payer=payer)
    type_rule = "commercial.fully_insured_ma" if payer == COMMERCIAL else "masshealth.types_full"
    checks = (
        Passed(Check.AGE, "age.max_exclusive", facts.youth_id),
        Passed(Check.COVERAGE, f"coverage.{type_rule}", inquiry.inquiry_id),
        Passed(Check.HUB_ACTIVE, "hub.required", hub),
        Passed(Check.PLAN_NAMES_TM, "hub.plan_names_tm", facts.plan.tm_goals[0]),
    )
    return Eligible(
        inquiry,
        hub,
        valid_from=max(on, reading.begins or on),
        valid_to=min(reading.ends or date.max - timedelta(days=1), too_old),
        checks=checks,
    )
