"""What staff send and what they are answered, as JSON. The seed file has the same shape."""

from services.scheduling.api.bodies.appointments import (
    AppointmentView,
    Cancellation,
    NewAppointment,
)
from services.scheduling.api.bodies.episodes import (
    EpisodeEnd,
    EpisodeView,
)
from services.scheduling.api.bodies.people import (
    MentorView,
    NewMentor,
    NewSupervisor,
    Person,
    StaffPaper,
)
from services.scheduling.api.bodies.waiting import (
    AssignmentView,
    MatchView,
    NewAssignment,
    PointsView,
    ReasonView,
    WaitingView,
)

__all__ = [
    "AppointmentView",
    "AssignmentView",
    "Cancellation",
    "EpisodeEnd",
    "EpisodeView",
    "MatchView",
    "MentorView",
    "NewAppointment",
    "NewAssignment",
    "NewMentor",
    "NewSupervisor",
    "Person",
    "PointsView",
    "ReasonView",
    "StaffPaper",
    "WaitingView",
]
