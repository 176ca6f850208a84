"""What staff send and what they are answered, as JSON. The seed file has the same shape."""

from services.scheduling.api.bodies.appointments import (
    AppointmentView,
    Cancellation,
    NewAppointment,
    NewSeries,
    SeriesCancellation,
    SeriesView,
    TurnView,
)
from services.scheduling.api.bodies.base import (
    ReasonView,
)
from services.scheduling.api.bodies.episodes import (
    EpisodeEnd,
    EpisodeView,
)
from services.scheduling.api.bodies.people import (
    CalendarView,
    MentorView,
    NewMentor,
    NewSupervisor,
    NewTimeOff,
    NewWindows,
    Person,
    StaffPaper,
    TimeOffView,
    WeekView,
)
from services.scheduling.api.bodies.waiting import (
    AssignmentView,
    MatchView,
    NewAssignment,
    PointsView,
    WaitingView,
)

__all__ = [
    "AppointmentView",
    "AssignmentView",
    "CalendarView",
    "Cancellation",
    "EpisodeEnd",
    "EpisodeView",
    "MatchView",
    "MentorView",
    "NewAppointment",
    "NewAssignment",
    "NewMentor",
    "NewSeries",
    "NewSupervisor",
    "NewTimeOff",
    "NewWindows",
    "Person",
    "PointsView",
    "ReasonView",
    "SeriesCancellation",
    "SeriesView",
    "StaffPaper",
    "TimeOffView",
    "TurnView",
    "WaitingView",
    "WeekView",
]
