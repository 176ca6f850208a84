"""What others told of a youth and nobody here decides: a projection, made anew when it is lost."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.events import (
    AssignmentEnded,
    CoverageChanged,
    CoverageLapsed,
    EligibilityConfirmed,
    Event,
    HubDisengaged,
    HubEngaged,
    MentorAssigned,
    MentorStandingChanged,
    ReferralReceived,
)
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.envelope import handling
from services.chassis.projections import Projection
from services.documentation.commands import facts
from services.documentation.domain.notes import Assignment
from services.documentation.store import facts as store
from services.documentation.store.facts import EligibilityWindow

EVENTS: tuple[type[Event], ...] = (
    *(ReferralReceived, HubEngaged, HubDisengaged),
    *(EligibilityConfirmed, CoverageLapsed, CoverageChanged),
    *(MentorAssigned, MentorStandingChanged, AssignmentEnded),
)


async def note(conn: Connection, event: Event) -> None:
    """Keep the rows in step with one event."""
    match event:
        case ReferralReceived():  # only the hub that sent a referral is pointed to it
            ids = (event.referral_id, event.youth_id, event.organisation_id)
            await facts.note_referral(conn, *ids)
        case HubEngaged():
            hub = (event.youth_id, event.organisation_id, event.hub_service)
            await facts.note_hub(conn, *hub, begins=event.effective)
        case HubDisengaged():
            hub = (event.youth_id, event.organisation_id, event.hub_service)
            await facts.end_hub(conn, *hub, ends=event.effective)
        case EligibilityConfirmed():
            await facts.note_eligibility(conn, window(event))
        case CoverageLapsed():
            day = event.effective
            await facts.end_eligibility(conn, event.youth_id, event.payer, effective=day)
        case CoverageChanged() if event.payer != event.new_payer:
            # The new payer's days come with the EligibilityConfirmed that follows.
            day = event.effective
            await facts.end_eligibility(conn, event.youth_id, event.payer, effective=day)
        case MentorAssigned():
            ids = (event.assignment_id, event.referral_id, event.youth_id)
            await facts.note_assignment(conn, *ids, assignment(event))
        case MentorStandingChanged():
            # Notes of days out of good standing are not signed; lines of such days are held.
            await facts.note_standing(
                conn,
                event.assignment_id,
                effective=event.effective,
                supervisor_id=event.supervisor_id,
                standing=event.standing,
                standing_until=event.standing_until,
            )
        case AssignmentEnded():
            # Notes of sessions before it stay the mentor's to write and to sign.
            await facts.end_assignment(conn, event.assignment_id, ended_on=event.effective)


def window(event: EligibilityConfirmed) -> EligibilityWindow:
    return EligibilityWindow(
        event.youth_id,
        event.payer,
        event.referral_id,
        event.product,
        event.valid_from,
        event.valid_to,
    )


def assignment(event: MentorAssigned) -> Assignment:
    told = handling.get()
    assert told is not None  # noqa: S101 (inbox and rebuild set it)
    return Assignment(
        mentor_id=event.mentor_id,
        supervisor_id=event.supervisor_id,
        assigned_on=agency_day(told.occurred_at),
        standing_until=event.standing_until,
    )


async def clear(conn: Connection, youth_id: UUID) -> None:
    await store.remove_told(conn, youth_id)


async def rows(conn: Connection, youth_id: UUID) -> Sequence[Any]:
    return await store.list_told(conn, youth_id)


PROJECTION = Projection("told", EVENTS, note, clear, rows)
