"""How people are reached: a family by e-mail, if it agreed; a hub by telephone, if it must be."""

from datetime import date, datetime
from uuid import UUID, uuid4

from contracts.codes import ConsentKind
from contracts.events import ConsentGranted, ConsentRevoked
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import NotFound, Refused
from services.referral.commands.triage import start_of_day
from services.referral.store import attestations, standings, work_items
from services.referral.store.attestations import Consent
from services.referral.store.referrals import referral_facts

HUB_NOT_TOLD = "hub-not-told"


async def agree_to_email(
    conn: Connection, referral_id: UUID, *, stands: bool, given_on: date | None, now: datetime
) -> None:
    """Keep that a family agrees to e-mail, or does not any more; what changes nothing is silent.

    Agreed from the day on which it said so; taken back from now on.
    """
    if await standings.lock_referral(conn, referral_id) is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    if given_on and given_on > agency_day(now):
        raise Refused("given-in-the-future", "given_on is a day that has not come yet.")
    facts = await referral_facts(conn, referral_id)
    kind = ConsentKind.TEXT_EMAIL_CONTACT
    youth_id = facts.youth_id
    if stands == await attestations.consent_by_youth(conn, youth_id, kind, None, now=now):
        return
    at = min(start_of_day(given_on), now) if stands and given_on else now
    await attestations.add_consent(
        conn, Consent(uuid4(), youth_id, referral_id, kind, None, stands, at)
    )
    type_ = ConsentGranted if stands else ConsentRevoked
    event = type_(youth_id=youth_id, kind=kind, organisation_id=None, effective_at=at)
    await outbox.append(conn, event, at=now)


async def ask_for_a_call(
    conn: Connection, youth_id: UUID, organisation_id: UUID, *, now: datetime
) -> None:
    """A hub's system could not be told: a coordinator calls the hub about what it referred."""
    for referral_id in await work_items.list_open_referrals(conn, youth_id, organisation_id):
        await work_items.add_work_item(
            conn, referral_id, HUB_NOT_TOLD, due_on=agency_day(now), now=now
        )


async def note_call(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """The hub has been told by telephone; a second call changes nothing."""
    if await standings.lock_referral(conn, referral_id) is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    await work_items.remove_work_items(conn, referral_id, (HUB_NOT_TOLD,), now=now)
