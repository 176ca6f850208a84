"""Gate 1: ask the payers, keep what they answer, and decide as of the day once it is enough.

Silence is no answer at all; what a decision leads to is `verdict`'s. Source: DOMAIN.md §5.1, §5.2.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from contracts.codes import ReferralState
from contracts.rules import RulePack
from services.chassis import work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.referral.commands.tasks import show
from services.referral.commands.verdict import confirm, deny, is_in_service, lapse, raise_item
from services.referral.domain import eligibility as rules_of
from services.referral.domain.eligibility import Coverage, Facts
from services.referral.domain.payer import (
    UNAVAILABLE,
    Asked,
    Eligible,
    Outcome,
    Reading,
    determine,
)
from services.referral.domain.states import BEFORE_GATE_1, ENDED, WAITING_FOR_SERVICE
from services.referral.store import eligibility as store
from services.referral.store import standings, work_items
from services.referral.store.referrals import referral_facts

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
        progress = await standings.progress_by_referral(conn, facts.referral_id)
        if progress.lapsed_from is None:  # who is served is asked about by the day of service
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
    lane = f"payer/{facts.referral_id}/{round_}"  # a new round waits for no pause of an older one
    await work.add(conn, "ask-payer", payload, due_at=due_at, lane=lane)


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
    elif is_in_service(facts, progress):
        await lapse(conn, facts, inquiries, progress, now=now)
    else:
        await deny(conn, facts, made.reasons, now=now, rules=rules)
    return True
