"""The first day that gate 1 did not promise any more: age and facts are looked at, payers asked."""

from datetime import datetime
from uuid import UUID

from contracts.rules import RulePack
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.referral.commands.eligibility import ask_afresh
from services.referral.commands.tasks import show
from services.referral.commands.triage import triage
from services.referral.commands.verdict import is_in_service
from services.referral.domain import eligibility as rules_of
from services.referral.domain.states import ENDED
from services.referral.store import standings
from services.referral.store.referrals import referral_facts


async def look_when_gate_1_ends(
    conn: Connection,
    referral_id: UUID,
    determination_id: UUID,
    *,
    now: datetime,
    rules: RulePack | None = None,
) -> None:
    """Look again, unless a later determination has taken this one's place.

    Who waits is denied by what has ended, or the payers are asked about today; service that goes on
    is stopped by nothing here: the payers' answer, or a person, says what follows (T8, E18).
    """
    pack, today = rules or in_force(), agency_day(now)
    state = await standings.lock_referral(conn, referral_id)
    progress = await standings.progress_by_referral(conn, referral_id)
    if state is None or state in ENDED or progress.determination_id != determination_id:
        return
    facts = await referral_facts(conn, referral_id)
    if is_in_service(facts, progress) and not rules_of.failures(facts, on=today, rules=pack):
        await ask_afresh(conn, facts, now=now)
        await show(conn, referral_id, now=now)
        return
    await triage(conn, referral_id, now=now, rules=pack)
