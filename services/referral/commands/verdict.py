"""What a determination leads to: gate 1 confirmed or denied, coverage lapsed, back or changed.

Nothing here ends a referral: a "no" goes to a person. Source: DOMAIN.md §5.1, §5.2.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

from contracts.codes import HubService, ReferralState
from contracts.events import (
    CheckResult,
    CoverageChanged,
    CoverageLapsed,
    CoverageReinstated,
    DenialReason,
    EligibilityConfirmed,
    EligibilityDenied,
)
from contracts.rules import RulePack
from services.chassis import outbox, work
from services.chassis.clock import AGENCY, agency_day
from services.chassis.db import Connection
from services.referral.domain.eligibility import Facts, Failure
from services.referral.domain.payer import Eligible, Inquiry
from services.referral.domain.states import BEFORE_GATE_1, WAITING_FOR_SERVICE
from services.referral.store import eligibility as store
from services.referral.store import standings, work_items
from services.referral.store.eligibility import Confirmed, Determination
from services.referral.store.standings import Progress

State = ReferralState

GATE_1_ENDS = "gate-1-ends"


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
    before, today = await last_confirmed(conn, progress), agency_day(now)
    stood = before is not None and not (progress.failures or progress.asked_for)
    fresh = determination_of(facts, made, now=now, rules=rules)
    if before and stood:
        valid_from = first_day(made, before, progress, today=today)
        fresh = replace(fresh, valid_from=valid_from)
        if progress.lapsed_from is None and same_promise(before, fresh, made.inquiry):
            return
        if news := news_of(facts, made, before, progress, today=today):
            await outbox.append(conn, news, at=now)
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
            lapsed_from=None,
            held_from=None if held else progress.held_from,
            hold_reason=None if held else progress.hold_reason,
        ),
    )
    items = ("eligibility-problem", "eligibility-lost", "coverage-lapsed")
    await work_items.remove_work_items(conn, facts.referral_id, items, now=now)
    await outbox.append(conn, confirmed_event(fresh, made.inquiry), at=now)
    await look_at_its_end(conn, fresh)


def state_after_yes(facts: Facts, progress: Progress) -> State:
    if facts.state in BEFORE_GATE_1:
        return State.ELIGIBLE
    if facts.state is State.ON_HOLD and progress.hold_reason == "gate-1":
        return progress.held_from or State.ELIGIBLE
    return facts.state


async def look_at_its_end(conn: Connection, made: Determination) -> None:
    """Ask again on the first day that was not promised (`clock.eligibility_recheck`)."""
    assert made.valid_to is not None  # noqa: S101 - a confirmed one has both ends
    day = made.valid_to + timedelta(days=1)
    payload = {"referral_id": str(made.referral_id), "determination": str(made.determination_id)}
    due_at = datetime.combine(day, time(), AGENCY).astimezone(UTC)
    await work.add(conn, GATE_1_ENDS, payload, due_at=due_at, lane=None)


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


def first_day(made: Eligible, before: Confirmed, progress: Progress, *, today: date) -> date:
    """From when a coverage counts that went on, came back or took another's place.

    What goes on, or comes back without a day between, keeps its first day.
    """
    since = before.determination.valid_from or today
    if progress.lapsed_from:
        back = back_from(made, progress.lapsed_from, today=today)
        goes_on = back == progress.lapsed_from and not is_other(before, made.inquiry)
        return since if goes_on else back
    return changed_on(made, before, today=today) if is_other(before, made.inquiry) else since


def back_from(made: Eligible, lapsed_from: date, *, today: date) -> date:
    """A span that begins later than the lapse leaves a gap; one that says nothing counts today."""
    begins = made.inquiry.reading.begins
    return max(begins, lapsed_from) if begins else today


def changed_on(made: Eligible, before: Confirmed, *, today: date) -> date:
    """The new span's first day, where it lies behind the old one's; else the day that told us."""
    begins, since = made.inquiry.reading.begins, before.determination.valid_from
    return begins if begins and since and begins > since else today


def is_other(before: Confirmed, now: Inquiry) -> bool:
    """Whether another payer or product stands for the youth than before."""
    return (before.payer_id, before.reading.product) != (now.payer_id, now.reading.product)


def news_of(
    facts: Facts, made: Eligible, before: Confirmed, progress: Progress, *, today: date
) -> CoverageReinstated | CoverageChanged | None:
    """What has become of the coverage since it was confirmed; None when it simply goes on."""
    inquiry, reading = made.inquiry, made.inquiry.reading
    if progress.lapsed_from and before.payer_id == inquiry.payer_id:
        effective = back_from(made, progress.lapsed_from, today=today)
        return CoverageReinstated(
            youth_id=facts.youth_id,
            payer=inquiry.payer_id,
            effective=effective,
            retro=effective < today,
        )
    administered = reading.bh_admin in (None, before.reading.bh_admin)  # None: we cannot read it
    if not is_other(before, inquiry) and administered:
        return None
    effective = (
        back_from(made, progress.lapsed_from, today=today)
        if progress.lapsed_from
        else changed_on(made, before, today=today)
    )
    return CoverageChanged(
        youth_id=facts.youth_id,
        payer=before.payer_id,
        new_payer=inquiry.payer_id,
        product=reading.product or "",
        bh_admin=reading.bh_admin,
        effective=effective,
        retro=effective < today,
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
    if before is None or progress.lapsed_from:
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
    await standings.update_progress(conn, replace(progress, lapsed_from=effective))
    await outbox.append(conn, event, at=now)
    await raise_item(conn, facts.referral_id, "coverage-lapsed", now=now)


def is_in_service(facts: Facts, progress: Progress) -> bool:
    """True also while service is held: a machine stops none of it."""
    return State.ADMITTED in (facts.state, progress.held_from)


async def raise_item(conn: Connection, referral_id: UUID, kind: str, *, now: datetime) -> None:
    """Ask a person to look, today."""
    await work_items.add_work_item(conn, referral_id, kind, due_on=agency_day(now), now=now)
