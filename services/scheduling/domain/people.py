"""Mentors and supervisors: what they must hold, and until when they may work."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

CREDENTIAL = "credential"
LICENCE = "licence"


class Credential(StrEnum):
    """What qualifies a mentor (DOMAIN 3.3 `mentor.qualification`, `.hs`)."""

    ASSOCIATE = "associate"
    BACHELOR = "bachelor"
    HIGH_SCHOOL = "high-school"


class Gender(StrEnum):
    """FHIR administrative-gender."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something may not be: a stable code and a sentence for people, without names."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A credential, screening or licence. `valid_to` is the last good day; None has no end."""

    kind: str
    valid_to: date | None

    def is_good(self, on: date) -> bool:
        return self.valid_to is None or on <= self.valid_to


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly time, in minutes of the agency's local day; Monday is 1."""

    weekday: int
    begins: int
    ends: int

    def shared_minutes(self, other: "Window") -> int:
        if self.weekday != other.weekday:
            return 0
        return max(0, min(self.ends, other.ends) - max(self.begins, other.begins))


def window(weekday: int, begins: str, ends: str) -> Window:
    """Read "HH:MM"; "24:00" is the end of the day."""
    return Window(weekday, minutes_of(begins), minutes_of(ends))


def minutes_of(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who works for the agency. The only names that this service holds."""

    staff_id: UUID
    staff_number: str
    given: tuple[str, ...]
    family: str
    phone: str


class StaffRole(StrEnum):
    """What a member of staff is to the youths here."""

    MENTOR = "mentor"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A member of staff as partners may know one, in the version that now stands."""

    person: StaffMember
    role: StaffRole
    active: bool
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A licensed clinician; `until` is the last day on which she supervises the mentor."""

    supervisor_id: UUID
    papers: tuple[Paper, ...]
    active: bool = True
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Mentor:
    """A mentor as seen on one day: that day's supervisor, and the weekly hours given or offered.

    `leaves_on` is the first day without.
    """

    mentor_id: UUID
    credential: Credential
    languages: tuple[str, ...]
    gender: Gender
    area: str | None
    windows: tuple[Window, ...]
    max_hours: float
    papers: tuple[Paper, ...]
    supervisor: Supervisor | None
    hours_taken: float = 0.0
    active: bool = True
    leaves_on: date | None = None


def standing_problems(
    mentor: Mentor, *, on: date, screenings: Collection[str]
) -> tuple[Problem, ...]:
    """Everything that keeps a mentor from being given a youth on a day; empty when nothing does.

    Source: DOMAIN.md 3.3 (`mentor.screening`, `supervision.linkage`) and 3.2: a credential valid
    until the 2nd is good on the 2nd.
    """
    found = []
    if not mentor.active:
        found.append(Problem("mentor-inactive", "The mentor no longer works here."))
    elif mentor.leaves_on:
        found.append(Problem("mentor-leaving", f"The mentor leaves on {mentor.leaves_on}."))
    papers = paper_problems(mentor, on=on, screenings=screenings)
    return (*found, *papers, *supervision_problems(mentor, on=on))


def has_standing(mentor: Mentor, *, on: date, screenings: Collection[str]) -> bool:
    """True when papers and supervision are in order on a day, whoever is about to leave."""
    papers = paper_problems(mentor, on=on, screenings=screenings)
    return not papers and not supervision_problems(mentor, on=on)


def paper_problems(mentor: Mentor, *, on: date, screenings: Collection[str]) -> tuple[Problem, ...]:
    held = {paper.kind for paper in mentor.papers}
    missing = (
        Problem(f"{kind}-missing", f"The mentor has no {kind} on file.")
        for kind in sorted(set(screenings) - held)
    )
    lapsed = (
        Problem(f"{paper.kind}-lapsed", f"The mentor's {paper.kind} ended on {paper.valid_to}.")
        for paper in that_count(mentor.papers, screenings)
        if not paper.is_good(on)
    )
    return (*missing, *lapsed)


def supervision_problems(mentor: Mentor, *, on: date) -> tuple[Problem, ...]:
    supervisor = mentor.supervisor
    if supervisor is None:
        return (Problem("no-supervisor", f"The mentor has no supervisor on {on}."),)
    if supervisor.supervisor_id == mentor.mentor_id:
        return (Problem("supervises-self", "Nobody supervises himself or herself."),)
    licences = [paper for paper in supervisor.papers if paper.kind == LICENCE]
    if not supervisor.active or not any(paper.is_good(on) for paper in licences):
        return (
            Problem("supervisor-not-licensed", f"The supervisor has no valid licence on {on}."),
        )
    return ()


def standing_until(mentor: Mentor, *, screenings: Collection[str]) -> date | None:
    """The last day of good standing: the earliest end of what counts; None when nothing ends."""
    counted = list(that_count(mentor.papers, screenings))
    ends = [paper.valid_to for paper in counted]
    if mentor.supervisor:
        ends += [paper.valid_to for paper in mentor.supervisor.papers if paper.kind == LICENCE]
        ends.append(mentor.supervisor.until)
    if mentor.leaves_on:
        ends.append(mentor.leaves_on - timedelta(days=1))
    return min((end for end in ends if end), default=None)


def that_count(papers: Collection[Paper], screenings: Collection[str]) -> tuple[Paper, ...]:
    """The credential itself and the screenings; a driving licence decides nothing."""
    counted = {CREDENTIAL, *screenings}
    return tuple(sorted((p for p in papers if p.kind in counted), key=lambda p: p.kind))
