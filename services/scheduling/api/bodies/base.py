"""Kinds of values that several bodies have."""

from datetime import date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, NaiveDatetime, StringConstraints

from contracts.events import Window
from services.scheduling.domain.people import minutes_of

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


Time = TypeVar("Time", date, datetime)


def within_reach(at: Time) -> Time:
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
Day = Annotated[date, AfterValidator(within_reach)]
LocalMoment = Annotated[NaiveDatetime, AfterValidator(within_reach)]
WeeklyTime = Annotated[Window, AfterValidator(opens_before_it_closes)]


class Body(BaseModel):
    """A field that we do not know is a misspelling, not something to ignore."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReasonView(Body):
    code: str
    sentence: str
