"""The staff door of this service, and what its routes share."""

from datetime import datetime
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from contracts.codes import ReferralState, Role
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.staff import StaffRouter
from services.referral.store import standings

staff = StaffRouter(prefix="/api/referral")

READERS = frozenset({Role.COORDINATOR, Role.SUPERVISOR})


class Body(BaseModel):
    """Unknown fields are refused: a misspelt one must not be lost in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StateView(BaseModel):
    referral_id: UUID
    state: ReferralState


async def state_of(conn: Connection, referral_id: UUID) -> StateView:
    state = await standings.lock_referral(conn, referral_id)
    if state is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    return StateView(referral_id=referral_id, state=state)


def now_of(request: Request) -> datetime:
    now: datetime = request.app.state.context.clock.now()
    return now
