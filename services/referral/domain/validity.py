"""Was the service valid on a day, and why? A dated answer from all that was told of a referral.

Each word counts from its own day on, until a later word speaks of the same days; what was told
afterwards about a day long past counts for that day. Rules are those of the day itself. Yes, no and
unknown are three answers: nobody having been asked is no "no". Sources: DOMAIN.md §1, §3.1, §5.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from contracts.codes import Attestation, Check, ConsentKind, HubService
from contracts.rules import Rule, RulePack, UnknownRule
from services.referral.domain.eligibility import HUB_ORDER, is_young_enough
from services.referral.domain.payer import COMMERCIAL, kind_of, type_failure


class Question(StrEnum):
    """What has to hold on a day: gate 1, what gate 2 attested, and the referral itself."""

    REFERRAL = "referral-open"
    AGE = Check.AGE.value
    COVERAGE = Check.COVERAGE.value
    HUB_ACTIVE = Check.HUB_ACTIVE.value
    PLAN_NAMES_TM = Check.PLAN_NAMES_TM.value
    TREATMENT = Attestation.CONSENT_TREATMENT.value
    DOCUMENTS = Attestation.DOCUMENTS.value
    NECESSITY = Attestation.MEDICAL_NECESSITY.value


# --- What was told, each in the order of telling ------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenWord:
    """The referral was received or reopened (`is_open`), or ended: `since` is the first day so."""

    evidence_id: UUID
    since: date
    is_open: bool


@dataclass(frozen=True, slots=True)
class HubWord:
    """A hub service was told as active, or as ended, from a day on."""

    evidence_id: UUID
    organisation_id: UUID
    hub_service: HubService
    since: date
    is_active: bool


@dataclass(frozen=True, slots=True)
class CoverageWord:
    """A payer's yes or no about `asked_for`; `begins` and `ends` are the span that it named."""

    evidence_id: UUID
    coverage_id: UUID
    payer_id: UUID
    rank: int
    asked_for: date
    is_active: bool
    product: str | None
    bh_admin: str | None = None
    begins: date | None = None
    ends: date | None = None

    @property
    def since(self) -> date:
        """The first day that it speaks of. A no with a last good day speaks of the next one on."""
        if self.is_active:
            return min(self.begins or self.asked_for, self.asked_for)
        if self.ends and self.ends < self.asked_for:
            return date.fromordinal(self.ends.toordinal() + 1)
        return self.asked_for

    def reaches(self, day: date) -> bool:
        """False behind the end that a yes named: nobody was asked about those days."""
        return not self.is_active or day <= (self.ends or date.max)


@dataclass(frozen=True, slots=True)
class PlanWord:
    """A version of the hub's plan; `tm_goals` are its live goals that name TM."""

    version: int
    since: date
    ends: date | None
    tm_goals: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class ConsentWord:
    """A consent granted or taken back; `since` is the agency's day of its effect."""

    evidence_id: UUID
    kind: ConsentKind
    organisation_id: UUID | None
    since: date
    stands: bool


@dataclass(frozen=True, slots=True)
class AttestedWord:
    """Staff attested documents or necessity, or took it back."""

    evidence_id: UUID
    kind: Attestation
    since: date
    stands: bool


@dataclass(frozen=True, slots=True)
class History:
    """All that was told of one referral and its youth."""

    youth_id: UUID
    birth_date: date | None
    requesting: frozenset[UUID]
    named: frozenset[UUID] = frozenset()  # coverages whose payers could be asked
    opened: tuple[OpenWord, ...] = ()
    hubs: tuple[HubWord, ...] = ()
    coverages: tuple[CoverageWord, ...] = ()
    plans: tuple[PlanWord, ...] = ()
    consents: tuple[ConsentWord, ...] = ()
    attested: tuple[AttestedWord, ...] = ()


# --- The answer ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One question: True, False or None for unknown; the rule, and the row that decided it."""

    question: Question
    holds: bool | None
    why: str
    rule: Rule | None = None
    evidence_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Validity:
    """The answer for one day. `valid` is None where nothing says no, but something is unknown."""

    on: date
    findings: tuple[Finding, ...]
    hub: HubWord | None
    coverage: CoverageWord | None
    consents: tuple[ConsentWord, ...]

    @property
    def valid(self) -> bool | None:
        answers = {finding.holds for finding in self.findings}
        if False in answers:
            return False
        return None if None in answers else True


def validity(history: History, *, on: date, rules: RulePack) -> Validity:
    """The whole answer for one day, by that day's rules."""
    hub = hub_on(history, on=on, rules=rules)
    coverage, covered = coverage_on(history, on=on, rules=rules)
    consents = consents_on(history, on=on)
    findings = (
        referral_open(history, on=on),
        age(history, coverage, on=on, rules=rules),
        covered,
        hub_active(history, hub, on=on, rules=rules),
        plan_names_tm(history, on=on, rules=rules),
        treatment(consents),
        *(attested(history, kind, on=on) for kind in (Question.DOCUMENTS, Question.NECESSITY)),
    )
    return Validity(on, findings, hub, coverage, consents)


T = TypeVar("T", OpenWord, HubWord, CoverageWord, ConsentWord, AttestedWord)


def last_words(words: Iterable[T], key: Callable[[T], object], *, on: date) -> list[T]:
    """Of each thing the last word told that speaks of a day."""
    found: dict[object, T] = {}
    for word in words:
        if word.since <= on:
            found[key(word)] = word
    return list(found.values())


def referral_open(history: History, *, on: date) -> Finding:
    last = last_words(history.opened, lambda _: None, on=on)
    if not last:
        return Finding(Question.REFERRAL, False, "The referral had not been received yet.")
    word = last[0]
    why = "The referral was open." if word.is_open else "The referral had ended."
    return Finding(Question.REFERRAL, word.is_open, why, evidence_id=word.evidence_id)


def age(history: History, coverage: CoverageWord | None, *, on: date, rules: RulePack) -> Finding:
    """By the limit of the payer that counted on the day; MassHealth's where none did."""
    payer = kind_of(coverage.product) if coverage and coverage.product else None
    rule = rules.value("age.max_exclusive", on=on, payer=payer)
    if history.birth_date is None:
        return Finding(Question.AGE, None, "The birth date is not known in full.", rule)
    young = is_young_enough(history.birth_date, on=on, rules=rules, payer=payer)
    why = f"The youth was {'under' if young else 'at or over'} the limit of {rule.value} years."
    return Finding(Question.AGE, young, why, rule, history.youth_id)


def coverage_on(
    history: History, *, on: date, rules: RulePack
) -> tuple[CoverageWord | None, Finding]:
    """The coverage that counted: MassHealth before commercial, then by rank (E2)."""
    last = last_words(history.coverages, lambda word: word.coverage_id, on=on)
    known = [word for word in last if word.reaches(on)]
    active = [word for word in known if word.is_active]
    good = [word for word in active if is_good(word, history.birth_date, on=on, rules=rules)]
    if best := first(good or active):
        return best, covered_by(best, on=on, rules=rules)
    if not known or history.named - {word.coverage_id for word in known}:
        why = "No payer has answered for this day: ask it."
        return None, Finding(Question.COVERAGE, None, why)
    why = "The payer answered that coverage was not active."
    evidence_id = min(known, key=lambda word: word.rank).evidence_id
    return None, Finding(Question.COVERAGE, False, why, evidence_id=evidence_id)


def first(words: Sequence[CoverageWord]) -> CoverageWord | None:
    def order(word: CoverageWord) -> tuple[bool, int, UUID]:
        return kind_of(word.product or "") == COMMERCIAL, word.rank, word.coverage_id

    return min(words, key=order, default=None)


def is_good(word: CoverageWord, born: date | None, *, on: date, rules: RulePack) -> bool:
    """Whether it covers the service, and the youth is young enough for it."""
    product = word.product or ""
    if wrong_type(product, on=on, rules=rules):
        return False
    return born is None or is_young_enough(born, on=on, rules=rules, payer=kind_of(product))


def covered_by(word: CoverageWord, *, on: date, rules: RulePack) -> Finding:
    product = word.product or ""
    broken = wrong_type(product, on=on, rules=rules)
    rule = rule_of(broken or types_rule(product), on=on, rules=rules)
    if broken:
        why = "Coverage was active, but of a type without this service."
    else:
        why = "Coverage was active and of an eligible type."
    return Finding(Question.COVERAGE, broken is None, why, rule, word.evidence_id)


def types_rule(product: str) -> str:
    commercial = kind_of(product) == COMMERCIAL
    return f"coverage.{'commercial.fully_insured_ma' if commercial else 'masshealth.types_full'}"


def wrong_type(product: str, *, on: date, rules: RulePack) -> str | None:
    """The rule by which a product did not cover the service; a day without a rule covers none."""
    try:
        broken = type_failure(product, on=on, rules=rules)
    except UnknownRule:
        return types_rule(product)
    return broken.rule if broken else None


def rule_of(key: str, *, on: date, rules: RulePack) -> Rule | None:
    try:
        return rules.value(key, on=on)
    except UnknownRule:
        return None


def hub_on(history: History, *, on: date, rules: RulePack) -> HubWord | None:
    """The active hub service that decided: a requesting organisation's, else ICC, IHT, OP."""
    last = last_words(history.hubs, lambda w: (w.organisation_id, w.hub_service), on=on)
    wanted = rules.value("hub.required", on=on).value
    active = [word for word in last if word.is_active and word.hub_service in wanted]
    own = [word for word in active if word.organisation_id in history.requesting]

    def order(word: HubWord) -> tuple[int, UUID]:
        return HUB_ORDER.index(word.hub_service), word.organisation_id

    return min(own or active, key=order, default=None)


def hub_active(history: History, hub: HubWord | None, *, on: date, rules: RulePack) -> Finding:
    rule = rules.value("hub.required", on=on)
    if hub:
        why = f"The hub service {hub.hub_service} was active."
        return Finding(Question.HUB_ACTIVE, True, why, rule, hub.evidence_id)
    if not history.hubs:
        return Finding(Question.HUB_ACTIVE, None, "No hub service has been named.", rule)
    return Finding(Question.HUB_ACTIVE, False, "No hub service was active.", rule)


def plan_names_tm(history: History, *, on: date, rules: RulePack) -> Finding:
    """By the newest version that counted on the day."""
    rule = rules.value("hub.plan_names_tm", on=on)
    counted = [word for word in history.plans if word.since <= on]
    if not counted:
        return Finding(Question.PLAN_NAMES_TM, None, "No plan of the hub has come.", rule)
    plan = max(counted, key=lambda word: word.version)
    if plan.ends and plan.ends < on:
        return Finding(Question.PLAN_NAMES_TM, False, "The hub's plan was over.", rule)
    if len(plan.tm_goals) < max(int(rule.value), 1):
        why = "No goal of the hub's plan named Therapeutic Mentoring."
        return Finding(Question.PLAN_NAMES_TM, False, why, rule)
    why = f"Version {plan.version} of the hub's plan named Therapeutic Mentoring."
    return Finding(Question.PLAN_NAMES_TM, True, why, rule, plan.tm_goals[0])


def consents_on(history: History, *, on: date) -> tuple[ConsentWord, ...]:
    """The last word on each, as of the end of the day."""
    found = last_words(history.consents, lambda w: (w.kind, w.organisation_id), on=on)
    return tuple(sorted(found, key=lambda w: (w.kind, str(w.organisation_id))))


def treatment(consents: Sequence[ConsentWord]) -> Finding:
    """A release may be refused and service goes on; without this one it may not."""
    kind = ConsentKind.TREATMENT, None
    word = next((w for w in consents if (w.kind, w.organisation_id) == kind), None)
    if word is None:
        return Finding(Question.TREATMENT, False, "No consent to treatment had been attested.")
    why = "Consent to treatment stood." if word.stands else "Consent to treatment was taken back."
    return Finding(Question.TREATMENT, word.stands, why, evidence_id=word.evidence_id)


def attested(history: History, question: Question, *, on: date) -> Finding:
    words = [word for word in history.attested if word.kind == question.value]
    last = last_words(words, lambda _: None, on=on)
    if not last:
        return Finding(question, False, "Nobody had attested it by then.")
    why = "It stood as attested." if last[0].stands else "The attestation was taken back."
    return Finding(question, last[0].stands, why, evidence_id=last[0].evidence_id)
