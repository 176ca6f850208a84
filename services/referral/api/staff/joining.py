"""What staff do about one child in two referrals or under two numbers, and about early ends."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from contracts.codes import Role
from services.chassis.staff import Caller, Conn, touch
from services.referral.api.staff.router import Body, StateView, now_of, staff, state_of
from services.referral.commands import join, link, reopen


class Joining(Body):
    survivor: Annotated[UUID, Field(description="The open referral of this child, which goes on.")]


@staff.post("/referrals/{referral_id}/merge", roles={Role.COORDINATOR})
async def merge_referral(
    referral_id: UUID, body: Joining, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Say that it is the same child: this referral ends in the other one, and can come back."""
    touch(request, f"ServiceRequest/{referral_id}", f"ServiceRequest/{body.survivor}")
    await join.merge(
        conn, referral_id, body.survivor, staff_id=caller.staff_id, now=now_of(request)
    )
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/unmerge", roles={Role.COORDINATOR})
async def unmerge_referral(
    referral_id: UUID, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Say that it was another child after all: this referral goes on by itself."""
    touch(request, f"ServiceRequest/{referral_id}")
    await join.undo(conn, referral_id, staff_id=caller.staff_id, now=now_of(request))
    return await state_of(conn, referral_id)


@staff.post("/referrals/{referral_id}/reopen", roles={Role.COORDINATOR})
async def reopen_referral(
    referral_id: UUID, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Open a closed referral again: gate 1 is looked at anew, and a new Task stands for it."""
    touch(request, f"ServiceRequest/{referral_id}")
    await reopen.reopen(conn, referral_id, now=now_of(request))
    return await state_of(conn, referral_id)


class NewIdentity(Body):
    """One more number by which a payer knows this child (S16)."""

    payer_id: Annotated[UUID, Field(description="A registered payer.")]
    member_id: Annotated[str, Field(min_length=1, max_length=80)]
    begins: date | None = None
    ends: Annotated[date | None, Field(description="Last day.")] = None


class Linked(BaseModel):
    identity_id: UUID


@staff.post("/referrals/{referral_id}/identities", roles={Role.COORDINATOR}, status_code=201)
async def link_identity(
    referral_id: UUID, body: NewIdentity, conn: Conn, caller: Caller, request: Request
) -> Linked:
    """Link a second MassHealth id to the youth: one chart, and both are asked about."""
    touch(request, f"ServiceRequest/{referral_id}")
    identity_id = await link.link(
        conn, referral_id, **body.model_dump(), staff_id=caller.staff_id, now=now_of(request)
    )
    return Linked(identity_id=identity_id)


@staff.post("/referrals/{referral_id}/identities/{identity_id}/unlink", roles={Role.COORDINATOR})
async def unlink_identity(
    referral_id: UUID, identity_id: UUID, conn: Conn, caller: Caller, request: Request
) -> StateView:
    """Take a link back: the number was another child's."""
    touch(request, f"ServiceRequest/{referral_id}")
    await link.unlink(conn, referral_id, identity_id, staff_id=caller.staff_id, now=now_of(request))
    return await state_of(conn, referral_id)
