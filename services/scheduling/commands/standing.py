"""Tell of each youth's mentor when her papers or her supervisor are others than was told (S25).

Done as due work, after the registration: many youths are no long transaction, and a supervisor who
takes over on a later day is told on that day.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from contracts.events import MentorStandingChanged
from services.chassis import outbox, work
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force
from services.scheduling.domain import policy
from services.scheduling.domain.appointments import start_of
from services.scheduling.domain.episodes import Assignment
from services.scheduling.domain.people import Mentor, has_standing, standing_until
from services.scheduling.store import assignments as store
from services.scheduling.store import facts, people

TELL_STANDING = "tell-standing"
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)  # whoever registers has no clock: due on any


@dataclass(frozen=True, slots=True)
class Told:
    """What stands from a day on. Not standing: `until` is the day before it."""

    supervisor_id: UUID
    effective: date
    standing: bool
    until: date | None


async def tell_soon(conn: Connection, mentor_id: UUID) -> None:
    """Look at a mentor's youths as soon as this transaction is over."""
    if await store.list_running(conn, mentor_id):
        await tell_at(conn, mentor_id, AT_ONCE)


async def tell_on(conn: Connection, mentor_id: UUID, day: date) -> None:
    """Look at them on the day on which another supervisor takes over."""
    await tell_at(conn, mentor_id, start_of(day))


async def tell_at(conn: Connection, mentor_id: UUID, due_at: datetime) -> None:
    await work.add(conn, TELL_STANDING, {"mentor_id": str(mentor_id)}, due_at=due_at, lane=None)


async def tell(conn: Connection, mentor_id: UUID, *, now: datetime) -> None:
    """Tell each youth's stream what has changed of this mentor; nothing changed tells nothing."""
    today = agency_day(now)
    rules = policy.matching_rules(in_force(), on=today)
    found = await people.list_mentors(conn, on=today, mentor_id=mentor_id)
    for mentor in found:
        for given in await store.list_running(conn, mentor_id):
            if news := news_of(mentor, given, on=today, screenings=rules.screenings):
                await facts.lock_youth(conn, given.youth_id)
                await say(conn, given, news, now=now)


def news_of(
    mentor: Mentor, given: Assignment, *, on: date, screenings: tuple[str, ...]
) -> Told | None:
    """What to tell; None when it is what was told. A renewal mends no day before today."""
    until = standing_until(mentor, screenings=screenings)
    supervisor = mentor.supervisor.supervisor_id if mentor.supervisor else given.supervisor_id
    if has_standing(mentor, on=on, screenings=screenings):
        if (supervisor, until) == (given.supervisor_id, given.standing_until):
            return None
        return Told(supervisor, on, True, until)
    yesterday = on - timedelta(days=1)
    last = min(until or yesterday, yesterday)
    if given.standing_until is not None and given.standing_until <= last:
        return None
    return Told(supervisor, last + timedelta(days=1), False, last)


async def say(conn: Connection, given: Assignment, news: Told, *, now: datetime) -> None:
    await store.update_standing(
        conn, given.assignment_id, news.supervisor_id, standing_until=news.until
    )
    event = MentorStandingChanged(
        youth_id=given.youth_id,
        referral_id=given.referral_id,
        assignment_id=given.assignment_id,
        mentor_id=given.mentor_id,
        supervisor_id=news.supervisor_id,
        effective=news.effective,
        standing=news.standing,
        standing_until=news.until,
    )
    await outbox.append(conn, event, at=now)
