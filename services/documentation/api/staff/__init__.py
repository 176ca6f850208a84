"""The door for staff: notes of sessions, goals and how they get on, lines for claims."""

from services.documentation.api.staff import lines, notes, progress, youths
from services.documentation.api.staff.router import staff

__all__ = ["lines", "notes", "progress", "staff", "youths"]
