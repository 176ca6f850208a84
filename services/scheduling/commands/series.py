"""Book sessions that recur, all of them or as many as can be; cancel what is left of a series."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.scheduling.commands import appointments
from services.scheduling.commands.appointments import Booked, By
from services.scheduling.domain.appointments import Appointment, Booking, CancelledBy
from services.scheduling.domain.availability import Availability
from services.scheduling.domain.people import Problem
from services.scheduling.domain.series import MOST_SESSIONS, Series, plan_on, starts
from services.scheduling.store import appointments as store
from services.scheduling.store import availability as availability_store

MOST_TOLD = 6  # of a refusal's problems: a person mends these first


@dataclass(frozen=True, slots=True)
class Turn:
    """One time of a series, on New York's clock: booked, or every reason why not."""

    start: datetime
    booked: Booked | None = None
    problems: tuple[Problem, ...] = ()
    taken: bool = False


async def book_series(
    conn: Connection,
    episode_id: UUID,
    series: Series,
    *,
    rest: bool,
    only_mentor: UUID | None,
    by: By,
) -> tuple[Turn, ...]:
    """Book each time of a series with the episode's mentor.

    All or nothing, unless `rest` asks for what can be had: then each time says whether it was
    booked or why not. Refuses a series without a time, or with more than a year of weeks.
    """
    times = starts(series)
    if not times:
        raise Refused("no-session", "The series ends before its first session.")
    if len(times) > MOST_SESSIONS:
        raise Refused("too-many-sessions", f"Book at most {MOST_SESSIONS} sessions at once.")
    booking = await appointments.held_booking(conn, episode_id, only_mentor)
    span = appointments.weeks(times[0].date(), times[-1].date())
    mentor = await availability_store.availability(conn, booking.mentor_id, span)
    # In their order: two series that want the same times never wait for each other in a circle.
    turns = [await book_turn(conn, at, series, booking, mentor, by) for at in times]
    missed = [turn for turn in turns if turn.booked is None]
    if missed and (not rest or len(missed) == len(turns)):
        raise refusal(missed, of=len(turns))
    return tuple(turns)


async def book_turn(
    conn: Connection,
    at: datetime,
    series: Series,
    booking: Booking,
    mentor: Availability,
    by: By,
) -> Turn:
    plan = plan_on(series, at)
    if isinstance(plan, Problem):
        return Turn(at, problems=(plan,))
    if problems := appointments.problems_of(plan, booking, mentor):
        return Turn(at, problems=problems)
    done = await appointments.take(conn, uuid4(), plan, booking, mentor, by)
    if isinstance(done, Problem):
        return Turn(at, problems=(done,), taken=True)
    return Turn(at, booked=done)


def refusal(missed: Sequence[Turn], *, of: int) -> Refused:
    """Nothing was booked: which days stood against it, and why."""
    told = [
        f"{turn.start:%Y-%m-%d}: {' '.join(problem.sentence for problem in turn.problems)}"
        for turn in missed[:MOST_TOLD]
    ]
    more = f" And {len(missed) - MOST_TOLD} more." if len(missed) > MOST_TOLD else ""
    sentence = (
        f"{len(missed)} of {of} sessions cannot be booked, so none was. {' '.join(told)}{more}"
    )
    kind = Conflict if all(turn.taken for turn in missed) else Refused
    return kind(missed[0].problems[0].code, sentence)


async def cancel_series(
    conn: Connection,
    series_id: UUID,
    *,
    cancelled_by: CancelledBy,
    after: datetime,
    only_mentor: UUID | None,
    now: datetime,
) -> tuple[Appointment, ...]:
    """Cancel what of a series begins at `after` or later; cancelled again, nothing changes."""
    found = await store.list_of_series(conn, series_id)
    own = [one for one in found if only_mentor in (None, one.mentor_id)]
    if not own:
        raise NotFound("no-such-series", "There is no such series among yours.")
    for one in own:
        if one.state in appointments.STILL_AHEAD and one.plan.slot.start >= after:
            await appointments.cancel(
                conn,
                one.appointment_id,
                cancelled_by=cancelled_by,
                only_mentor=only_mentor,
                now=now,
            )
    return tuple(await store.list_of_series(conn, series_id))
