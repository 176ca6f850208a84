"""Triage: what becomes of a referral after each new fact. It asks nobody and ends nothing.

A failure wins over a gap, a gap over asking the payer; a likely duplicate goes to a person first.
Source: DOMAIN.md §5.1.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from contracts.codes import Gap, ReferralState
from contracts.events import ReferralDuplicateSuspected, ReferralInfoRequested
from contracts.rules import RulePack
from services.chassis import outbox, work
from services.chassis.clock import AGENCY, agency_day
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.rule_packs import in_force
from services.referral.commands import eligibility, verdict
from services.referral.commands.fill_in import fill_in
from services.referral.commands.tasks import show
from services.referral.commands.verdict import raise_item
from services.referral.domain import eligibility as rules_of
from services.referral.domain.eligibility import Facts
from services.referral.domain.states import BEFORE_GATE_1, ENDED, WAITING_FOR_SERVICE
from services.referral.store import duplicates, standings, work_items
from services.referral.store.referrals import referral_facts

State = ReferralState


async def triage(
    conn: Connection, referral_id: UUID, *, now: datetime, rules: RulePack | None = None
) -> None:
    """Look at a referral that has just come or changed; running it twice changes nothing more."""
    pack = rules or in_force()
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    if state in ENDED:
        await raise_item(conn, referral_id, "changed-after-end", now=now)
        if state is State.MERGED:  # what it was joined with may stand otherwise now
            payload = {"referral_id": str(referral_id)}
            await work.add(conn, "look-again", payload, due_at=now, lane=None)
    elif state is State.RECEIVED and (alike := await looks_like(conn, referral_id)):
        await suspect_duplicate(conn, referral_id, alike, now=now)
    elif state is not State.DUPLICATE_REVIEW:
        await look(conn, referral_id, now=now, rules=pack)
    await show(conn, referral_id, now=now)


async def look(conn: Connection, referral_id: UUID, *, now: datetime, rules: RulePack) -> None:
    """The part that follows when no duplicate holds it up."""
    await fill_in(conn, referral_id, now=now)
    facts = await referral_facts(conn, referral_id)
    today = agency_day(now)
    broken = rules_of.failures(facts, on=today, rules=rules)
    missing = rules_of.gaps(facts, on=today)
    await forget_answered(conn, facts, missing, now=now)
    if broken:
        await verdict.deny(conn, facts, broken, now=now, rules=rules)
    elif missing:
        await request_information(conn, facts, missing, now=now, rules=rules)
    else:
        await eligibility.ask_payers(conn, facts, now=now, rules=rules)


async def looks_like(conn: Connection, referral_id: UUID) -> tuple[UUID, ...]:
    """Open referrals of what may be the same child; of two at once, the later sees the first."""
    await duplicates.lock_alike(conn, referral_id)
    return await duplicates.list_alike(conn, referral_id)


async def suspect_duplicate(
    conn: Connection, referral_id: UUID, alike: tuple[UUID, ...], *, now: datetime
) -> None:
    """Set the second of two that look alike aside until a person has looked; the first goes on."""
    facts = await referral_facts(conn, referral_id)
    event = ReferralDuplicateSuspected(
        youth_id=facts.youth_id, referral_id=referral_id, candidates=alike
    )
    await standings.update_state(conn, referral_id, State.DUPLICATE_REVIEW)
    await outbox.append(conn, event, at=now)
    await raise_item(conn, referral_id, "duplicate-review", now=now)


async def request_information(
    conn: Connection, facts: Facts, missing: tuple[Gap, ...], *, now: datetime, rules: RulePack
) -> None:
    """Wait for the sender. The first request sets the dates; a partial answer does not (T13)."""
    progress = await standings.progress_by_referral(conn, facts.referral_id)
    if facts.state in WAITING_FOR_SERVICE:
        # Something that gate 1 needs was taken back: no more a yes, and nothing that failed.
        await verdict.deny(conn, facts, (), now=now, rules=rules)
        progress = await standings.progress_by_referral(conn, facts.referral_id)
    elif facts.state in BEFORE_GATE_1:
        await standings.update_state(conn, facts.referral_id, State.INCOMPLETE)
    else:
        await raise_item(conn, facts.referral_id, "eligibility-lost", now=now)
        return
    if missing == progress.asked_for:
        return
    clock = rules.value("clock.info_request", on=agency_day(now)).value
    due = progress.info_due or agency_day(now) + timedelta(days=clock["work_item_days"])
    if progress.info_due is None:
        for days in (*clock["reminder_days"], clock["work_item_days"]):
            payload = {"referral_id": str(facts.referral_id)}
            at = start_of_day(agency_day(now) + timedelta(days=days))
            await work.add(conn, "remind", payload, due_at=at, lane=None)
    progress = replace(progress, asked_for=missing, info_due=due)
    await standings.update_progress(conn, progress)
    event = ReferralInfoRequested(
        youth_id=facts.youth_id, referral_id=facts.referral_id, items=missing, due=due
    )
    await outbox.append(conn, event, at=now)


async def forget_answered(
    conn: Connection, facts: Facts, missing: tuple[Gap, ...], *, now: datetime
) -> None:
    """Nothing is asked for any more once nothing is missing."""
    progress = await standings.progress_by_referral(conn, facts.referral_id)
    if progress.asked_for and not missing:
        progress = replace(progress, asked_for=(), info_due=None)
        await standings.update_progress(conn, progress)
        kinds = ("information-reminder", "information-overdue")
        await work_items.remove_work_items(conn, facts.referral_id, kinds, now=now)


async def remind(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Days after the first request: a person asks again, at last decides (T13)."""
    await standings.lock_referral(conn, referral_id)
    progress = await standings.progress_by_referral(conn, referral_id)
    if not progress.asked_for or progress.info_due is None:
        return
    is_last = agency_day(now) >= progress.info_due
    kind = "information-overdue" if is_last else "information-reminder"
    await raise_item(conn, referral_id, kind, now=now)


def start_of_day(day: date) -> datetime:
    """The moment at which a day begins in Massachusetts, in UTC as everything stored."""
    return datetime.combine(day, time(), tzinfo=AGENCY).astimezone(UTC)
