"""Staff attest what gate 2 needs: documents, necessity, consents. Source: DOMAIN.md §5.3."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID, uuid4

from contracts.codes import Attestation, ConsentKind
from contracts.events import AttestationRecorded, ConsentGranted, ConsentRevoked
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.referral.commands.tasks import show
from services.referral.commands.triage import start_of_day
from services.referral.domain.eligibility import Facts
from services.referral.domain.states import ENDED
from services.referral.store import attestations, standings
from services.referral.store.attestations import Attested, Consent
from services.referral.store.referrals import referral_facts

CONSENTS = {
    Attestation.CONSENT_TREATMENT: ConsentKind.TREATMENT,
    Attestation.CONSENT_ROI_HUB: ConsentKind.ROI_HUB,
}


@dataclass(frozen=True, slots=True)
class Act:
    """What a member of staff says; `given_by` and `evidence` are for people alone.

    `organisation_id`: to whom a release goes, where it is not the hub that asked.
    """

    kind: Attestation
    stands: bool
    staff_id: UUID
    given_by: str | None = None
    given_on: date | None = None
    evidence: str | None = None
    organisation_id: UUID | None = None


async def attest(conn: Connection, referral_id: UUID, act: Act, *, now: datetime) -> UUID:
    """Keep an act and say what it changes; one that changes nothing is kept in silence.

    `stands: false` takes an earlier one back, from now on.
    """
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    if state in ENDED:
        raise Conflict("referral-ended", "This referral has ended; nothing is attested to it.")
    if act.given_on and act.given_on > agency_day(now):
        raise Refused("given-in-the-future", "given_on is a day that has not come yet.")
    facts = await referral_facts(conn, referral_id)
    if act.organisation_id == facts.organisation_id:
        act = replace(act, organisation_id=None)
    if act.organisation_id:
        refuse_other_release(facts, act)
        before = await attestations.consent_by_youth(
            conn, facts.youth_id, ConsentKind.ROI_HUB, act.organisation_id, now=now
        )
    else:
        before = (await attestations.list_attestations(conn, referral_id)).get(act.kind, False)
    attested = Attested(
        *(uuid4(), referral_id, act.kind, act.stands, act.given_by, act.given_on, act.evidence),
        staff_id=act.staff_id,
        recorded_at=now,
        organisation_id=act.organisation_id,
    )
    await attestations.add_attestation(conn, attested)
    if act.stands != before:
        await say(conn, facts, act, now=now)
        await show(conn, referral_id, now=now)
    return attested.attestation_id


def refuse_other_release(facts: Facts, act: Act) -> None:
    """Only a release names an organisation, and only one that serves the youth as a hub."""
    if act.kind is not Attestation.CONSENT_ROI_HUB:
        raise Refused("organisation-not-wanted", "Only a release names to whom it goes.")
    if act.stands and act.organisation_id not in {hub.organisation_id for hub in facts.hubs}:
        raise Refused("no-hub-of-the-youth", "This organisation is no hub of the youth.")


async def say(conn: Connection, facts: Facts, act: Act, *, now: datetime) -> None:
    if act.kind in CONSENTS:
        await say_consent(conn, facts, act, CONSENTS[act.kind], now=now)
        return
    event = AttestationRecorded(
        youth_id=facts.youth_id,
        referral_id=facts.referral_id,
        kind=act.kind,
        stands=act.stands,
    )
    await outbox.append(conn, event, at=now)


async def say_consent(
    conn: Connection, facts: Facts, act: Act, kind: ConsentKind, *, now: datetime
) -> None:
    """Granted from the day on which it was given; revoked from now on, never before."""
    given_at = start_of_day(act.given_on) if act.given_on else now
    effective_at = min(given_at, now) if act.stands else now
    asked = act.organisation_id or facts.organisation_id
    to = asked if kind is ConsentKind.ROI_HUB else None
    consent = Consent(
        *(uuid4(), facts.youth_id, facts.referral_id, kind, to, act.stands, effective_at)
    )
    await attestations.add_consent(conn, consent)
    type_ = ConsentGranted if act.stands else ConsentRevoked
    event = type_(youth_id=facts.youth_id, kind=kind, organisation_id=to, effective_at=effective_at)
    await outbox.append(conn, event, at=now)
