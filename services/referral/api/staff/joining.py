"""What staff do about two referrals of one child, and about one that has ended too early."""

from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import Field

from contracts.codes import Role
from services.chassis.staff import Caller, Conn, touch
from services.referral.api.staff.router import Body, StateView, now_of, staff, state_of
from services.referral.commands import join, reopen


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
