"""What scheduling hears: every fact is kept, and what follows from all of them is done.

Not asked for: CoverageReinstated and CoverageChanged, because the EligibilityConfirmed that follows
has the new days; YouthIdentity…, because a merge moves nothing: what waits and is served is the
survivor's referral, and its new hub services are told as HubEngaged on the survivor's own stream;
NoteOverdue and what goals do, because they move no appointment and no wait.
"""

from datetime import datetime

from contracts.events import (
    AttestationRecorded,
    ConsentGranted,
    ConsentRevoked,
    CoverageLapsed,
    EligibilityConfirmed,
    EligibilityDenied,
    HubDisengaged,
    HubEngaged,
    ReferralAmended,
    ReferralClosed,
    ReferralMerged,
    ReferralReceived,
    ReferralReopened,
    ReferralWithdrawn,
    SessionLogged,
    SessionNoteAmended,
    SessionVoided,
)
from services.chassis.db import Connection
from services.chassis.envelope import handling
from services.chassis.fhir import readers
from services.chassis.inbox import Handlers
from services.scheduling.commands import appointments, facts, voided
from services.scheduling.domain.matching import Wish
from services.scheduling.domain.people import Gender, window
from services.scheduling.domain.told import ConsentWord, GateWord, HubWord, Request

events = Handlers()
events.project(readers.PROJECTION)


def occurred() -> datetime:
    """When the event in hand happened: a repeat, years later, leads to the same rows."""
    envelope = handling.get()
    assert envelope  # noqa: S101 (a handler runs with its event only)
    return envelope.occurred_at


@events.on(ReferralReceived)
async def keep_request(conn: Connection, event: ReferralReceived) -> None:
    """Know what a youth needs, before anybody knows whether it is eligible."""
    await keep(conn, event, version=1)


@events.on(ReferralAmended)
async def renew_request(conn: Connection, event: ReferralAmended) -> None:
    await keep(conn, event, version=event.version)


async def keep(
    conn: Connection, event: ReferralReceived | ReferralAmended, *, version: int
) -> None:
    request = Request(
        event.referral_id,
        event.youth_id,
        version,
        event.organisation_id,
        event.hub_service,
        event.priority,
        event.received_on,
        wish_of(event),
    )
    await facts.record_request(conn, request, now=occurred())


def wish_of(event: ReferralReceived | ReferralAmended) -> Wish:
    return Wish(
        languages=event.languages,
        interpreter_needed=event.interpreter_needed,
        gender_required=gender_of(event.mentor_gender.required),
        gender_preferred=gender_of(event.mentor_gender.preferred),
        area=event.area,
        hours_per_week=event.hours_per_week,
        windows=tuple(window(w.weekday, w.begins, w.ends) for w in event.windows),
    )


def gender_of(code: str | None) -> Gender | None:
    return Gender(code) if code else None


@events.on(EligibilityConfirmed)
async def join_waitlist_when_eligible(conn: Connection, event: EligibilityConfirmed) -> None:
    """Put the youth on the waiting list, where a mentor is matched."""
    word = GateWord(
        event.referral_id,
        event.youth_id,
        stands=True,
        payer=event.payer,
        valid_from=event.valid_from,
        valid_to=event.valid_to,
    )
    await facts.record_gate_one(conn, word, now=occurred())


@events.on(EligibilityDenied)
async def hold_when_not_eligible(conn: Connection, event: EligibilityDenied) -> None:
    """Offer no mentor for now, and pause an open episode where the policy says so."""
    word = GateWord(event.referral_id, event.youth_id, stands=False)
    await facts.record_gate_one(conn, word, now=occurred())


@events.on(CoverageLapsed)
async def stop_booking_when_coverage_lapses(conn: Connection, event: CoverageLapsed) -> None:
    await facts.record_coverage_lapse(conn, event.youth_id, event.payer, effective=event.effective)


@events.on(AttestationRecorded)
async def open_episode_when_attested(conn: Connection, event: AttestationRecorded) -> None:
    await facts.record_attestation(
        conn,
        event.referral_id,
        event.youth_id,
        kind=event.kind,
        stands=event.stands,
        now=occurred(),
    )


@events.on(ConsentGranted)
async def open_episode_when_consented(conn: Connection, event: ConsentGranted) -> None:
    await keep_consent(conn, event, stands=True)


@events.on(ConsentRevoked)
async def hold_when_consent_is_revoked(conn: Connection, event: ConsentRevoked) -> None:
    await keep_consent(conn, event, stands=False)


async def keep_consent(
    conn: Connection, event: ConsentGranted | ConsentRevoked, *, stands: bool
) -> None:
    word = ConsentWord(
        event.youth_id, event.kind, event.organisation_id, stands, event.effective_at
    )
    await facts.record_consent(conn, word, now=occurred())


@events.on(HubEngaged)
async def resume_when_hub_engages(conn: Connection, event: HubEngaged) -> None:
    await keep_hub(conn, event, begins=True)


@events.on(HubDisengaged)
async def hold_when_hub_disengages(conn: Connection, event: HubDisengaged) -> None:
    """Book nothing new without a hub, and freeze what is booked."""
    await keep_hub(conn, event, begins=False)


async def keep_hub(conn: Connection, event: HubEngaged | HubDisengaged, *, begins: bool) -> None:
    word = HubWord(
        event.youth_id, event.organisation_id, event.hub_service, begins, event.effective
    )
    await facts.record_hub(conn, word, now=occurred())


@events.on(ReferralWithdrawn)
async def stop_when_withdrawn(conn: Connection, event: ReferralWithdrawn) -> None:
    await end(conn, event, reason=event.reason)


@events.on(ReferralClosed)
async def stop_when_closed(conn: Connection, event: ReferralClosed) -> None:
    await end(conn, event, reason=event.reason)


async def end(
    conn: Connection,
    event: ReferralWithdrawn | ReferralClosed | ReferralMerged,
    *,
    reason: str,
) -> None:
    await facts.record_referral_end(
        conn, event.referral_id, event.youth_id, reason=reason, now=occurred()
    )


@events.on(ReferralMerged)
async def stop_when_merged(conn: Connection, event: ReferralMerged) -> None:
    """The joined referral waits no more; the survivor's stream tells it too, and needs nothing."""
    if event.youth_id == event.merged_youth_id:
        await end(conn, event, reason="merged")


@events.on(ReferralReopened)
async def go_on_when_reopened(conn: Connection, event: ReferralReopened) -> None:
    await facts.record_referral_reopened(conn, event.referral_id, event.youth_id, now=occurred())


@events.on(SessionLogged)
async def complete_appointment_when_logged(conn: Connection, event: SessionLogged) -> None:
    """The planned session took place; one that was not planned changes nothing here."""
    if event.appointment_id:
        await appointments.complete(conn, event.appointment_id, event.youth_id)


@events.on(SessionNoteAmended)
async def complete_appointment_when_amended(conn: Connection, event: SessionNoteAmended) -> None:
    """A correction may name the appointment that the first note had forgotten."""
    if event.appointment_id:
        await appointments.complete(conn, event.appointment_id, event.youth_id)


@events.on(SessionVoided)
async def reopen_appointment_when_voided(conn: Connection, event: SessionVoided) -> None:
    if event.appointment_id:
        await voided.reopen(conn, event.appointment_id, event.youth_id)
