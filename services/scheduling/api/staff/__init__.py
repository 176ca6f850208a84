"""The door for staff: mentors, the waiting list, assignments, episodes, appointments (DOMAIN 9)."""

from services.scheduling.api.staff import (
    appointments,
    assignments,
    calendars,
    episodes,
    mentors,
    series,
    waiting,
)
from services.scheduling.api.staff.door import staff
from services.scheduling.api.staff.mentors import register, register_supervisor

# The modules stand here because each adds its routes to the one router.
__all__ = [
    "appointments",
    "assignments",
    "calendars",
    "episodes",
    "mentors",
    "register",
    "register_supervisor",
    "series",
    "staff",
    "waiting",
]
