"""What staff send and what they are answered, as JSON. The seed file has the same shape."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from contracts.codes import HubService, Modality, PlaceOfService, Priority
from contracts.events import Window
from services.scheduling.domain.appointments import AppointmentState, CancelledBy
from services.scheduling.domain.episodes import EndReason, EpisodeState, WaitState
from services.scheduling.domain.matching import Factor
from services.scheduling.domain.people import (
    CREDENTIAL,
    LICENCE,
    Credential,
    Gender,
    Mentor,
    Paper,
    StaffMember,
    minutes_of,
    window,
)

Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
Language = Annotated[str, StringConstraints(pattern=LANGUAGE)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ().-]{4,24}$")]


def within_reach(at: datetime) -> datetime:
    """What lies outside overflows as soon as it is told in another zone."""
    if not 2000 <= at.year < 2200:
        raise ValueError("out of reach")
    return at


def opens_before_it_closes(window: Window) -> Window:
    if not 0 <= minutes_of(window.begins) < minutes_of(window.ends) <= DAY_MINUTES:
        raise ValueError("no time of a day")
    return window


DAY_MINUTES = 24 * 60
Moment = Annotated[datetime, AfterValidator(within_reach)]
WeeklyTime = Annotated[Window, AfterValidator(opens_before_it_closes)]


class Body(BaseModel):
    """A field that we do not know is a misspelling, not something to ignore."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- Staff ---------------------------------------------------------------------------------------


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


# --- The waiting list ----------------------------------------------------------------------------


class WaitingView(Body):
    """A referral on the list. `place` counts within the answer."""

    place: int
    referral_id: UUID
    youth_id: UUID
    state: WaitState
    wait_started: date
    days_waiting: int
    urgent: bool
    priority: Priority
    hub_service: HubService | None
    languages: tuple[str, ...]
    interpreter_needed: bool
    area: str | None
    hours_per_week: float | None
    mentor_id: UUID | None
    episode_id: UUID | None
    episode_state: EpisodeState | None


class PointsView(Body):
    factor: Factor
    points: float
    possible: int
    sentence: str


class ReasonView(Body):
    code: str
    sentence: str


class MatchView(Body):
    """A mentor for a youth: excluded with every reason, or scored out of 100 and explained."""

    mentor_id: UUID
    name: str
    fits: bool
    score: float
    points: tuple[PointsView, ...]
    excluded: tuple[ReasonView, ...]
    hours_left: float


# --- Assignments and appointments ----------------------------------------------------------------


class NewAssignment(Body):
    """`passed_reason` says why somebody who waits longer was passed over, where that is so."""

    referral_id: UUID
    mentor_id: UUID
    passed_reason: Text | None = None


class AssignmentView(Body):
    """`episode_state` says whether service may begin; `passed_over` how many wait longer."""

    assignment_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    supervisor_id: UUID
    standing_until: date | None
    score: float
    reasons: tuple[str, ...]
    passed_over: int
    episode_id: UUID
    episode_state: EpisodeState


class EpisodeEnd(Body):
    """`attempts`: the days on which the family was tried in vain, where it is out of reach."""

    reason: EndReason
    attempts: Annotated[tuple[date, ...], Field(max_length=30)] = ()


class EpisodeView(Body):
    """`closed_on` is the last day."""

    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    state: EpisodeState
    opened_on: date | None
    closed_on: date | None
    close_reason: EndReason | None


class NewAppointment(Body):
    """A time without an offset is New York's."""

    episode_id: UUID
    start: Moment
    end: Moment
    place_of_service: PlaceOfService
    modality: Modality = Modality.IN_PERSON


class Cancellation(Body):
    """On whose side the reason lies."""

    reason: CancelledBy


class AppointmentView(Body):
    appointment_id: UUID
    episode_id: UUID
    referral_id: UUID
    youth_id: UUID
    mentor_id: UUID
    start: datetime
    end: datetime
    place_of_service: PlaceOfService
    modality: Modality
    planned_units: int
    state: AppointmentState
    cancelled_by: CancelledBy | None
    warnings: tuple[str, ...] = ()
