"""The router that the rooms of this door add their routes to."""

from contracts.codes import Role
from services.chassis.staff import StaffRouter

staff = StaffRouter(prefix="/api/documentation")

NOTE_READERS = {Role.MENTOR, Role.SUPERVISOR}
