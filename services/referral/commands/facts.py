"""What staff learned of a referral, by telephone or on paper: kept, told, looked at anew.

It fills what the hub leaves out, now and after each of the hub's amendments.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.codes import HubService
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.referral.commands import announce, eligibility
from services.referral.commands.eligibility import Reply
from services.referral.commands.fill_in import fill_in
from services.referral.commands.hub_days import remember_days
from services.referral.commands.triage import triage
from services.referral.domain import eligibility as rules_of
from services.referral.domain.payer import Outcome, Reading
from services.referral.domain.states import ENDED
from services.referral.store import hubs, referrals, staff_facts, standings


@dataclass(frozen=True, slots=True)
class PayerAnswer:
    """What a payer told a person about one coverage; `product` is a code of the rule pack."""

    coverage_id: UUID
    is_active: bool
    product: str | None
    begins: date | None
    ends: date | None


async def learn(
    conn: Connection,
    referral_id: UUID,
    learned: dict[str, dict[str, Any]],
    *,
    answer: PayerAnswer | None = None,
    staff_id: UUID,
    now: datetime,
    rules: RulePack | None = None,
) -> None:
    """Keep facts by kind, tell which kinds changed, and run gate 1 again; with none, only that."""
    pack = rules or in_force()
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    if state in ENDED:
        raise Conflict("referral-ended", "This referral has ended; nothing is added to it.")
    for kind, value in learned.items():
        await staff_facts.add_staff_fact(conn, referral_id, kind, value, staff_id=staff_id, now=now)
    await fill_in(conn, referral_id, now=now)
    if hub := learned.get("hub"):
        await end_hub(conn, referral_id, hub, now=now)
    changed = (*learned, *(("payer_answer",) if answer else ()))
    if changed:
        await tell(conn, referral_id, changed, now=now)
    await triage(conn, referral_id, now=now, rules=pack)
    if answer:
        await enter_answer(conn, referral_id, answer, now=now, rules=pack)


async def end_hub(
    conn: Connection, referral_id: UUID, hub: dict[str, Any], *, now: datetime
) -> None:
    """A hub service that staff say is over ends in the hub's own evidence, and is told as ended.

    Only now, not after each amendment: where the hub says otherwise later, it is the hub's word.
    """
    if not hub.get("ends"):
        return
    facts = await referrals.referral_facts(conn, referral_id)
    await staff_facts.update_hub_ended(
        conn,
        referral_id,
        UUID(hub["organisation_id"]) if hub.get("organisation_id") else facts.organisation_id,
        HubService(hub["hub_service"]),
        ends=date.fromisoformat(hub["ends"]),
    )
    named = (await referrals.referral_facts(conn, referral_id)).hubs
    was = await hubs.list_engaged(conn, referral_id)
    today = agency_day(now)
    if await announce.tell_hubs(conn, facts.youth_id, named, was=was, now=now):
        await hubs.update_engaged(conn, referral_id, announce.active(named, today))
    await remember_days(conn, referral_id, named, today=today)


async def tell(
    conn: Connection, referral_id: UUID, changed: tuple[str, ...], *, now: datetime
) -> None:
    """ReferralAmended with the fields as they now stand."""
    row = await referrals.referral_by_id(conn, referral_id)
    assert row is not None  # noqa: S101 - it is locked
    facts = await referrals.referral_facts(conn, referral_id)
    today = agency_day(now)
    hub = rules_of.hub_of_record(facts, on=today)
    service = hub.hub_service if hub else row.hub_service
    gaps = rules_of.gaps(facts, on=today)
    row = replace(row, version=row.version + 1, gaps=gaps, hub_service=service)
    await referrals.update_referral(conn, row)
    await outbox.append(conn, announce.amended(row, changed), at=now)


# --- A payer's answer, entered by a person ------------------------------------------------------


async def enter_answer(
    conn: Connection, referral_id: UUID, answer: PayerAnswer, *, now: datetime, rules: RulePack
) -> None:
    """What the payer told a person counts like what it told us."""
    facts = await referrals.referral_facts(conn, referral_id)
    coverage = next((c for c in facts.coverages if c.coverage_id == answer.coverage_id), None)
    if coverage is None:
        raise NotFound("coverage-unknown", "This referral names no such coverage.")
    if coverage.payer_id is None:
        raise Refused("payer-not-registered", "Register the payer first, then add its coverage.")
    if answer.is_active and answer.product not in known_products(rules, on=agency_day(now)):
        raise Refused("product-unknown", "Name the product by a code of the rule pack.")
    progress = await standings.progress_by_referral(conn, referral_id)
    outcome = Outcome.ACTIVE if answer.is_active else Outcome.INACTIVE
    reading = Reading(outcome, answer.product, begins=answer.begins, ends=answer.ends)
    reply = Reply(
        coverage_id=coverage.coverage_id,
        payer_id=coverage.payer_id,
        round=progress.round,
        attempt=1,
        service_date=agency_day(now),
        trace=str(uuid4()),
        asked_at=now,
        reading=reading,
        source="staff",
    )
    await eligibility.record_answer(conn, referral_id, reply, now=now, rules=rules)


def known_products(rules: RulePack, *, on: date) -> set[str]:
    products: set[str] = set(rules.value("coverage.product_aliases", on=on).value.values())
    return products
