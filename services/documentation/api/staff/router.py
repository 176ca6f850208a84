"""The router that the rooms of this door add their routes to."""

from datetime import datetime

from fastapi import Request

from contracts.codes import Role
from services.chassis.clock import Clock
from services.chassis.staff import StaffRouter

staff = StaffRouter(prefix="/api/documentation")

NOTE_READERS = {Role.MENTOR, Role.SUPERVISOR}


def now_of(request: Request) -> datetime:
    clock: Clock = request.app.state.context.clock
    return clock.now()
