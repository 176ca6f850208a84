"""What staff say about reaching people: may a family be written to, was a hub called."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import Field

from contracts.codes import Role
from services.chassis.staff import Conn, touch
from services.referral.api.staff.router import Body, StateView, now_of, staff, state_of
from services.referral.commands import contact

COORDINATORS = frozenset({Role.COORDINATOR})


class EmailConsent(Body):
    """What the family's consenter said about e-mail."""

    stands: bool = True
    given_on: Annotated[date | None, Field(description="Null: today.")] = None


@staff.post("/referrals/{referral_id}/email-consent", roles=COORDINATORS)
async def say_email_consent(
    referral_id: UUID, body: EmailConsent, conn: Conn, request: Request
) -> StateView:
    """A family agrees to e-mail, or does not any more: asked again before each letter."""
    touch(request, f"ServiceRequest/{referral_id}")
    await contact.agree_to_email(
        conn, referral_id, stands=body.stands, given_on=body.given_on, now=now_of(request)
    )
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/hub-called", roles=COORDINATORS)
async def say_hub_called(referral_id: UUID, conn: Conn, request: Request) -> StateView:
    """The hub, whose system could not be told, has been called: the work item is closed."""
    touch(request, f"ServiceRequest/{referral_id}")
    await contact.note_call(conn, referral_id, now=now_of(request))
    return await state_of(conn, referral_id)
