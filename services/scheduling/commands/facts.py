"""Record what referral says, then do what follows from all that is known.

Every command locks the youth, keeps its fact as a row and calls `settle`: whatever comes last
makes the next step happen, so no order of the facts is asked for.
"""

from datetime import date, datetime, time
from uuid import UUID

from contracts.codes import Attestation
from services.chassis import work
from services.chassis.clock import AGENCY, agency_day
from services.chassis.db import Connection
from services.scheduling.commands.settle import settle, settle_youth
from services.scheduling.domain.told import ConsentWord, GateWord, HubWord, Request
from services.scheduling.store import facts as store

SETTLE = "settle-youth"


async def record_request(conn: Connection, request: Request, *, now: datetime) -> None:
    """Keep what a referral asks for; the day of receipt is the first one told, for good."""
    await store.lock_youth(conn, request.youth_id)
    await store.add_request(conn, request)
    await settle(conn, request.referral_id, request.youth_id, now=now)


async def record_gate_one(conn: Connection, word: GateWord, *, now: datetime) -> None:
    """With gate 1 the youth waits for a mentor or goes on; without, its place is held."""
    await store.lock_youth(conn, word.youth_id)
    if word.payer:
        await store.remove_coverage_lapse(conn, word.youth_id, word.payer)
    await store.add_gate_one(conn, word)
    await settle(conn, word.referral_id, word.youth_id, now=now)
    if word.valid_from and word.valid_from > agency_day(now):
        await settle_on(conn, word.youth_id, word.valid_from)


async def record_coverage_lapse(
    conn: Connection, youth_id: UUID, payer: UUID, *, effective: date
) -> None:
    """From that day on nothing is booked under this payer; what gate 1 says follows by itself."""
    await store.lock_youth(conn, youth_id)
    await store.add_coverage_lapse(conn, youth_id, payer, effective=effective)


async def record_attestation(
    conn: Connection,
    referral_id: UUID,
    youth_id: UUID,
    *,
    kind: Attestation,
    stands: bool,
    now: datetime,
) -> None:
    await store.lock_youth(conn, youth_id)
    await store.add_attestation(conn, referral_id, youth_id, kind=kind, stands=stands)
    await settle(conn, referral_id, youth_id, now=now)


async def record_consent(conn: Connection, word: ConsentWord, *, now: datetime) -> None:
    """A consent was granted or revoked; one that takes effect later is looked at again then."""
    await store.lock_youth(conn, word.youth_id)
    await store.add_consent(conn, word)
    await settle_youth(conn, word.youth_id, now=now)
    if word.effective_at > now:
        await settle_at(conn, word.youth_id, word.effective_at)


async def record_hub(conn: Connection, word: HubWord, *, now: datetime) -> None:
    """A hub service begins, or ends; an end that is still to come is looked at again on its day."""
    await store.lock_youth(conn, word.youth_id)
    await (store.add_hub_engaged if word.begins else store.add_hub_ended)(conn, word)
    await settle_youth(conn, word.youth_id, now=now)
    if not word.begins and word.effective > agency_day(now):
        await settle_on(conn, word.youth_id, word.effective)


async def record_referral_end(
    conn: Connection, referral_id: UUID, youth_id: UUID, *, reason: str, now: datetime
) -> None:
    """The referral was withdrawn or closed."""
    await store.lock_youth(conn, youth_id)
    await store.add_referral_end(conn, referral_id, youth_id, reason=reason)
    await settle(conn, referral_id, youth_id, now=now)


async def record_referral_reopened(
    conn: Connection, referral_id: UUID, youth_id: UUID, *, now: datetime
) -> None:
    """An ended referral goes on: it waits as before once gate 1 has been passed anew."""
    await store.lock_youth(conn, youth_id)
    await store.remove_referral_end(conn, referral_id)
    await store.add_gate_one(conn, GateWord(referral_id, youth_id, stands=False))
    await settle(conn, referral_id, youth_id, now=now)


async def settle_again(conn: Connection, youth_id: UUID, *, now: datetime) -> None:
    """A day has come on which something begins or ends."""
    await store.lock_youth(conn, youth_id)
    await settle_youth(conn, youth_id, now=now)


async def settle_on(conn: Connection, youth_id: UUID, day: date) -> None:
    await settle_at(conn, youth_id, datetime.combine(day, time(), AGENCY))


async def settle_at(conn: Connection, youth_id: UUID, due_at: datetime) -> None:
    # In no lane: in one, a day that is far off would keep a nearer one waiting.
    await work.add(conn, SETTLE, {"youth_id": str(youth_id)}, due_at=due_at, lane=None)
