"""Gate 1: ask the payers, keep what they answer, confirm or deny as of the day.

Nothing here ends a referral: a "no" goes to a person, and silence is no answer at all.
Source: DOMAIN.md §5.1, §5.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from contracts.codes import HubService, ReferralState
from contracts.events import (
    CheckResult,
    CoverageLapsed,
    DenialReason,
    EligibilityConfirmed,
    EligibilityDenied,
)
from contracts.rules import RulePack
from services.chassis import outbox, work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.referral.commands.tasks import show
from services.referral.domain import eligibility as rules_of
from services.referral.domain.eligibility import Coverage, Facts, Failure
from services.referral.domain.payer import (
    UNAVAILABLE,
    Asked,
    Eligible,
    Inquiry,
    Outcome,
    Reading,
    determine,
)
from services.referral.domain.states import BEFORE_GATE_1, ENDED, WAITING_FOR_SERVICE
from services.referral.store import eligibility as store
from services.referral.store import standings, work_items
from services.referral.store.eligibility import Confirmed, Determination
from services.referral.store.referrals import referral_facts
from services.referral.store.standings import Progress

State = ReferralState

LONGEST_PAUSE_SECONDS = 3600
ATTEMPTS_BEFORE_A_PERSON_LOOKS = 3
PAYER_ITEMS = (
    *("payer-unavailable", "payer-setup", "payer-rejects-identity", "payer-routing"),
    *("payer-knows-no-such-member", "identity-review", "payer-answer-unclear", "product-unknown"),
    "payer-answer-wanted",
)


# --- Asking -------------------------------------------------------------------------------------


async def ask_payers(conn: Connection, facts: Facts, *, now: datetime, rules: RulePack) -> None:
    """Put the question to each payer as due work, unless what is known answers it already."""
    if facts.state in WAITING_FOR_SERVICE and await decide(conn, facts, now=now, rules=rules):
        return
    if facts.state in BEFORE_GATE_1:
        await standings.update_state(conn, facts.referral_id, State.PENDING_ELIGIBILITY)
    if facts.state not in BEFORE_GATE_1 | WAITING_FOR_SERVICE | {State.ON_HOLD}:
        return
    await ask_afresh(conn, facts, now=now)


async def ask_afresh(conn: Connection, facts: Facts, *, now: datetime) -> None:
    """Begin a new round: answers to earlier questions no longer count."""
    progress = await standings.progress_by_referral(conn, facts.referral_id)
    progress = replace(progress, round=progress.round + 1)
    await standings.update_progress(conn, progress)
    await work_items.remove_work_items(conn, facts.referral_id, PAYER_ITEMS, now=now)
    for coverage in facts.coverages:
        if coverage.member_id is None:
            continue
        if coverage.payer_id is None:
            await raise_item(conn, facts.referral_id, "payer-answer-wanted", now=now)
            continue
        await add_question(conn, facts, coverage, progress.round, due_at=now)


async def add_question(
    conn: Connection,
    facts: Facts,
    coverage: Coverage,
    round_: int,
    *,
    due_at: datetime,
    attempt: int = 1,
) -> None:
    payload = {
        "referral_id": str(facts.referral_id),
        "coverage_id": str(coverage.coverage_id),
        "round": round_,
        "attempt": attempt,
    }
    await work.add(conn, "ask-payer", payload, due_at=due_at, lane=f"payer/{facts.youth_id}")


async def recheck(
    conn: Connection, referral_id: UUID, *, now: datetime, rules: RulePack | None = None
) -> None:
    """Ask the payers again while the referral goes on (`clock.eligibility_recheck`)."""
    state = await standings.lock_referral(conn, referral_id)
    if state is None or state in ENDED or state in BEFORE_GATE_1:
        return
    await ask_afresh(conn, await referral_facts(conn, referral_id), now=now)


# --- Answers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back about one coverage, by the payer or, entered, by staff."""

    coverage_id: UUID
    payer_id: UUID
    round: int
    attempt: int
    service_date: date
    trace: str
    asked_at: datetime
    reading: Reading
    answer_trace: str | None = None
    messages: tuple[str, ...] = ()
    source: str = "payer"


async def record_answer(
    conn: Connection,
    referral_id: UUID,
    reply: Reply,
    *,
    now: datetime,
    rules: RulePack | None = None,
) -> None:
    """Keep an answer and decide by it. One that nobody waits for any more is dropped."""
    pack = rules or in_force()
    state = await standings.lock_referral(conn, referral_id)
    progress = await standings.progress_by_referral(conn, referral_id)
    if state is None or state in ENDED or reply.round != progress.round:
        return
    facts = await referral_facts(conn, referral_id)
    coverage = next((c for c in facts.coverages if c.coverage_id == reply.coverage_id), None)
    if coverage is None:
        return
    await store.add_inquiry(conn, asked_of(facts, coverage, reply, now=now))
    if reply.reading.outcome is Outcome.PAYER_UNAVAILABLE:
        await try_later(conn, facts, coverage, reply, now=now)
    elif reply.reading.code:
        await raise_item(conn, referral_id, reply.reading.code, now=now)
    await decide(conn, facts, now=now, rules=pack)
    await show(conn, referral_id, now=now)


def asked_of(facts: Facts, coverage: Coverage, reply: Reply, *, now: datetime) -> Asked:
    return Asked(
        inquiry_id=uuid4(),
        response_id=uuid4(),
        referral_id=facts.referral_id,
        youth_id=facts.youth_id,
        coverage_id=coverage.coverage_id,
        payer_id=reply.payer_id,
        rank=coverage.rank,
        round=reply.round,
        source=reply.source,
        service_date=reply.service_date,
        asked_at=reply.asked_at,
        answered_at=now,
        trace=reply.trace,
        answer_trace=reply.answer_trace,
        reading=reply.reading,
        messages=reply.messages,
    )


async def try_later(
    conn: Connection, facts: Facts, coverage: Coverage, reply: Reply, *, now: datetime
) -> None:
    """Ask again after a pause that doubles up to an hour; the third failure calls a person."""
    pause = min(2 ** min(reply.attempt, 20), LONGEST_PAUSE_SECONDS)
    due_at = now + timedelta(seconds=pause)
    next_ = reply.attempt + 1
    await add_question(conn, facts, coverage, reply.round, due_at=due_at, attempt=next_)
    if reply.attempt >= ATTEMPTS_BEFORE_A_PERSON_LOOKS:
        code = reply.reading.code or UNAVAILABLE.code or "payer-unavailable"
        await raise_item(conn, facts.referral_id, code, now=now)


async def decide(conn: Connection, facts: Facts, *, now: datetime, rules: RulePack) -> bool:
    """Decide by the answers of this round; False while they decide nothing.

    What has changed since the question was put is looked at again: an answer alone proves nothing.
    """
    today = agency_day(now)
    if rules_of.failures(facts, on=today, rules=rules) or rules_of.gaps(facts, on=today):
        return False
    progress = await standings.progress_by_referral(conn, facts.referral_id)
    inquiries = await store.list_inquiries(conn, facts.referral_id, progress.round)
    current = {coverage.coverage_id for coverage in facts.coverages}
    inquiries = [inquiry for inquiry in inquiries if inquiry.coverage_id in current]
    made = determine(facts, inquiries, on=today, rules=rules)
    if made is None:
        return False
    await work_items.remove_work_items(conn, facts.referral_id, PAYER_ITEMS, now=now)
    if isinstance(made, Eligible):
        await confirm(conn, facts, made, progress, now=now, rules=rules)
    elif facts.state is State.ADMITTED:
        await lapse(conn, facts, inquiries, progress, now=now)
    else:
        await deny(conn, facts, made.reasons, now=now, rules=rules)
    return True


# --- Yes ----------------------------------------------------------------------------------------


async def confirm(
    conn: Connection,
    facts: Facts,
    made: Eligible,
    progress: Progress,
    *,
    now: datetime,
    rules: RulePack,
) -> None:
    """Confirm gate 1, each check with its evidence; a re-check that changes nothing is silent."""
    before = await last_confirmed(conn, progress)
    lapsed = "coverage-lapsed" in {item.kind for item in await open_of(conn, facts)}
    stood = before is not None and not (progress.failures or progress.asked_for or lapsed)
    fresh = determination_of(facts, made, now=now, rules=rules)
    if stood and before and before.determination.valid_from:
        fresh = replace(fresh, valid_from=before.determination.valid_from)
    if stood and before and same_promise(before, fresh, made.inquiry):
        return
    await store.add_determination(conn, fresh)
    await standings.update_state(conn, facts.referral_id, state_after_yes(facts, progress))
    held = progress.hold_reason == "gate-1"
    await standings.update_progress(
        conn,
        replace(
            progress,
            determination_id=fresh.determination_id,
            failures=(),
            failed_on=None,
            asked_for=(),
            info_due=None,
            held_from=None if held else progress.held_from,
            hold_reason=None if held else progress.hold_reason,
        ),
    )
    items = ("eligibility-problem", "eligibility-lost", "coverage-lapsed")
    await work_items.remove_work_items(conn, facts.referral_id, items, now=now)
    await outbox.append(conn, confirmed_event(fresh, made.inquiry), at=now)


def state_after_yes(facts: Facts, progress: Progress) -> State:
    if facts.state in BEFORE_GATE_1:
        return State.ELIGIBLE
    if facts.state is State.ON_HOLD and progress.hold_reason == "gate-1":
        return progress.held_from or State.ELIGIBLE
    return facts.state


async def last_confirmed(conn: Connection, progress: Progress) -> Confirmed | None:
    if progress.determination_id is None:
        return None
    return await store.determination_by_id(conn, progress.determination_id)


def same_promise(before: Confirmed, now: Determination, inquiry: Inquiry) -> bool:
    """True when nothing that others rely on has changed."""
    old = before.determination
    return (before.payer_id, before.reading.product, before.reading.bh_admin) == (
        inquiry.payer_id,
        inquiry.reading.product,
        inquiry.reading.bh_admin,
    ) and (old.valid_to, old.hub_service, old.conditions) == (
        now.valid_to,
        now.hub_service,
        now.conditions,
    )


def determination_of(
    facts: Facts, made: Eligible, *, now: datetime, rules: RulePack
) -> Determination:
    hub = next(hub for hub in facts.hubs if hub.enrolment_id == made.hub)
    return Determination(
        *(uuid4(), facts.referral_id, facts.youth_id, agency_day(now), True, rules.version, now),
        inquiry_id=made.inquiry.inquiry_id,
        hub_service=hub.hub_service,
        hub_since=hub.begins,
        valid_from=made.valid_from,
        valid_to=made.valid_to,
        checks=made.checks,
        conditions=made.inquiry.reading.conditions,
    )


def confirmed_event(made: Determination, inquiry: Inquiry) -> EligibilityConfirmed:
    assert made.valid_from is not None  # noqa: S101 - an eligible one has both ends
    assert made.valid_to is not None  # noqa: S101
    return EligibilityConfirmed(
        youth_id=made.youth_id,
        referral_id=made.referral_id,
        determination_id=made.determination_id,
        payer=inquiry.payer_id,
        product=inquiry.reading.product or "",
        bh_admin=inquiry.reading.bh_admin,
        hub_service=HubService(made.hub_service or ""),
        valid_from=made.valid_from,
        valid_to=made.valid_to,
        checks=tuple(
            CheckResult(name=c.name, passed=True, rule=c.rule, evidence_id=c.evidence_id)
            for c in made.checks
        ),
        conditions=made.conditions,
        rule_pack_version=made.rule_pack_version,
    )


# --- No -----------------------------------------------------------------------------------------


async def deny(
    conn: Connection, facts: Facts, reasons: tuple[Failure, ...], *, now: datetime, rules: RulePack
) -> None:
    """Gate 1 does not hold: a person looks. The same reasons again say nothing new.

    Before the gate the referral becomes ineligible, after it it is held; service that has begun
    is not stopped by this.
    """
    progress = await standings.progress_by_referral(conn, facts.referral_id)
    await raise_item(conn, facts.referral_id, "eligibility-problem", now=now)
    if facts.state not in BEFORE_GATE_1 | WAITING_FOR_SERVICE | {State.ON_HOLD}:
        return
    if facts.state in WAITING_FOR_SERVICE:
        progress = replace(progress, held_from=facts.state, hold_reason="gate-1")
    to = State.INELIGIBLE if facts.state in BEFORE_GATE_1 else State.ON_HOLD
    if to is facts.state and reasons == progress.failures:
        return
    await standings.update_state(conn, facts.referral_id, to)
    failed_on = agency_day(now) if reasons else None
    await standings.update_progress(conn, replace(progress, failures=reasons, failed_on=failed_on))
    await store.add_determination(conn, denial_of(facts, reasons, now=now, rules=rules))
    event = EligibilityDenied(
        youth_id=facts.youth_id,
        referral_id=facts.referral_id,
        reasons=tuple(DenialReason(code=reason.code, rule=reason.rule) for reason in reasons),
        rule_pack_version=rules.version,
    )
    await outbox.append(conn, event, at=now)


def denial_of(
    facts: Facts, reasons: tuple[Failure, ...], *, now: datetime, rules: RulePack
) -> Determination:
    return Determination(
        *(uuid4(), facts.referral_id, facts.youth_id, agency_day(now), False, rules.version, now),
        reasons=reasons,
    )


async def lapse(
    conn: Connection,
    facts: Facts,
    inquiries: Sequence[Inquiry],
    progress: Progress,
    *,
    now: datetime,
) -> None:
    """Coverage ended while service goes on: said once, and a person decides what follows."""
    before = await last_confirmed(conn, progress)
    if before is None or "coverage-lapsed" in {i.kind for i in await open_of(conn, facts)}:
        return
    ends = [i.reading.ends for i in inquiries if i.payer_id == before.payer_id and i.reading.ends]
    today = agency_day(now)
    effective = min([end + timedelta(days=1) for end in ends] + [today])
    event = CoverageLapsed(
        youth_id=facts.youth_id,
        payer=before.payer_id,
        effective=effective,
        retro=effective < today,
    )
    await outbox.append(conn, event, at=now)
    await raise_item(conn, facts.referral_id, "coverage-lapsed", now=now)


async def open_of(conn: Connection, facts: Facts) -> list[work_items.WorkItem]:
    return await work_items.list_work_items(conn, facts.referral_id)


async def raise_item(conn: Connection, referral_id: UUID, kind: str, *, now: datetime) -> None:
    """Ask a person to look, today."""
    await work_items.add_work_item(conn, referral_id, kind, due_on=agency_day(now), now=now)
