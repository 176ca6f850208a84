"""Mentors and supervisors. The seed file has the same shape."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.scheduling.api.bodies.appointments import AppointmentView
from services.scheduling.api.bodies.base import (
    Body,
    Code,
    Day,
    Language,
    Moment,
    Phone,
    Text,
    WeeklyTime,
)
from services.scheduling.domain.episodes import EndOfAssignment
from services.scheduling.domain.people import (
    CREDENTIAL,
    LICENCE,
    Credential,
    Gender,
    Mentor,
    Paper,
    StaffMember,
    Window,
    window,
)


class StaffPaper(Body):
    """A paper that must be renewed; `valid_to` is its last good day, absent when it has none."""

    kind: Literal["cori", "dcf", "sori", "driving-licence", "insurance"]
    valid_to: date | None = None

    def as_paper(self) -> Paper:
        return Paper(self.kind, self.valid_to)


class Person(Body):
    """`sub` is the person's name at the issuer of staff tokens."""

    sub: Text
    staff_number: Code
    given: Annotated[tuple[Text, ...], Field(min_length=1, max_length=5)]
    family: Text
    phone: Phone

    def as_staff_member(self, staff_id: UUID) -> StaffMember:
        return StaffMember(staff_id, self.staff_number, self.given, self.family, self.phone)


class NewSupervisor(Person):
    """A licensed clinician (`supervisor.qualification`)."""

    licence: Text
    licence_valid_to: date | None = None

    def papers(self) -> tuple[Paper, ...]:
        return (Paper(LICENCE, self.licence_valid_to),)


class NewMentor(Person):
    """A mentor. `supervisor` is a sub that is registered already, or the whole person."""

    supervisor: Text | NewSupervisor
    supervised_from: date
    credential: Credential
    credential_valid_to: date | None = None
    degree: Text
    screenings: Annotated[tuple[StaffPaper, ...], Field(max_length=10)]
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=10)]
    gender: Gender = Gender.UNKNOWN
    interests: Annotated[tuple[Text, ...], Field(max_length=30)] = ()
    area: Code | None = None
    windows: Annotated[tuple[WeeklyTime, ...], Field(max_length=50)] = ()
    max_hours: Annotated[float, Field(gt=0, le=60)]

    @property
    def supervisor_sub(self) -> str:
        return self.supervisor if isinstance(self.supervisor, str) else self.supervisor.sub

    def as_mentor(self, mentor_id: UUID) -> Mentor:
        papers = {CREDENTIAL: Paper(CREDENTIAL, self.credential_valid_to)}
        papers |= {paper.kind: paper.as_paper() for paper in self.screenings}
        return Mentor(
            mentor_id,
            self.credential,
            languages=self.languages,
            gender=self.gender,
            area=self.area,
            windows=tuple(window(w.weekday, w.begins, w.ends) for w in self.windows),
            max_hours=self.max_hours,
            papers=tuple(papers.values()),
            supervisor=None,
        )


class MentorView(Body):
    mentor_id: UUID
    supervisor_id: UUID


# --- Mentors who leave ---------------------------------------------------------------------------


class MentorLeave(Body):
    """`leaves_on` is the first day without: `mentor_left` for good, `mentor_leave` for a while."""

    reason: Literal["mentor_left", "mentor_leave"]
    leaves_on: Day


class LeavingView(Body):
    """`referrals` need another mentor from that day on."""

    mentor_id: UUID
    leaves_on: date
    reason: EndOfAssignment
    referrals: tuple[UUID, ...]


# --- When a mentor can come ----------------------------------------------------------------------


class NewWindows(Body):
    """Weekly times, and hours a week at the most."""

    windows: Annotated[tuple[WeeklyTime, ...], Field(max_length=50)]
    max_hours: Annotated[float, Field(gt=0, le=60)]

    def as_windows(self) -> tuple[Window, ...]:
        return tuple(window(w.weekday, w.begins, w.ends) for w in self.windows)


class NewTimeOff(Body):
    """A time without an offset is New York's. Nothing is booked in it."""

    begins: Moment
    ends: Moment


class TimeOffView(Body):
    """`affected` are sessions that stand in it: move or cancel them."""

    time_off_id: UUID
    mentor_id: UUID
    begins: datetime
    ends: datetime
    affected: tuple[UUID, ...] = ()


class WeekView(Body):
    """Hours planned in the week of a Monday, of those that the mentor has."""

    monday: date
    hours: float
    max_hours: float


class CalendarView(Body):
    """What a mentor has, and when she could come."""

    mentor_id: UUID
    windows: tuple[WeeklyTime, ...]
    weeks: tuple[WeekView, ...]
    time_off: tuple[TimeOffView, ...]
    appointments: tuple[AppointmentView, ...]


class CalendarLinkView(Body):
    """A secret: whoever knows it reads the mentor's times. It is not told again."""

    url: str
