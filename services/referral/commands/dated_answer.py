"""Was the service valid on a day? All that was told of a referral is gathered, then judged."""

from datetime import date
from uuid import UUID

from contracts.events import (
    HubDisengaged,
    HubEngaged,
    ReferralClosed,
    ReferralMerged,
    ReferralReceived,
    ReferralReopened,
    ReferralWithdrawn,
)
from contracts.rules import RulePack
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.referral.domain.eligibility import Facts
from services.referral.domain.validity import History, Validity, validity
from services.referral.store import history as store
from services.referral.store import worklist
from services.referral.store.referrals import referral_facts

OPENS = (ReferralReceived.type, ReferralReopened.type)
ENDS = (ReferralClosed.type, ReferralWithdrawn.type, ReferralMerged.type)


async def validity_on(
    conn: Connection, referral_id: UUID, *, on: date, rules: RulePack
) -> Validity:
    """The answer for one day, by that day's rules; what is told later of a past day counts."""
    if await worklist.referral_by_id(conn, referral_id) is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    history = await history_of(conn, await referral_facts(conn, referral_id))
    return validity(history, on=on, rules=rules)


async def history_of(conn: Connection, facts: Facts) -> History:
    """The whole history of one referral and its youth."""
    youth_id, referral_id = facts.youth_id, facts.referral_id
    return History(
        youth_id=youth_id,
        birth_date=facts.birth_date,
        requesting=frozenset((facts.organisation_id, *facts.joined)),
        named=frozenset(c.coverage_id for c in facts.coverages if c.member_id),
        opened=await store.list_openings(conn, youth_id, referral_id, opens=OPENS, ends=ENDS),
        hubs=await store.list_hub_words(
            conn, youth_id, engages=HubEngaged.type, disengages=HubDisengaged.type
        ),
        coverages=await store.list_coverage_words(conn, referral_id),
        plans=await store.list_plan_words(conn, referral_id),
        consents=await store.list_consent_words(conn, youth_id),
        attested=await store.list_attested_words(conn, referral_id),
    )
