"""The door for staff: which goals a session may cite, and the notes of sessions."""

from services.documentation.api.staff import notes, youths
from services.documentation.api.staff.router import staff

__all__ = ["notes", "staff", "youths"]
