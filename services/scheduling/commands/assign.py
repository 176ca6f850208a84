"""Find a mentor for a youth, and give the youth one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from contracts.codes import Priority
from contracts.events import MentorAssigned
from services.chassis import outbox
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.rule_packs import in_force
from services.scheduling.commands.settle import settle
from services.scheduling.domain import policy
from services.scheduling.domain.episodes import Assignment, EpisodeState, WaitState
from services.scheduling.domain.matching import Match, MatchingRules, match, ranked
from services.scheduling.domain.people import Mentor, standing_until
from services.scheduling.domain.waitlist import Entry, in_order, waits_longer
from services.scheduling.store import episodes as store
from services.scheduling.store import facts as fact_store
from services.scheduling.store import people


@dataclass(frozen=True, slots=True)
class Waiting:
    """The list in order, and the priorities that sort before the day of receipt."""

    entries: tuple[Entry, ...]
    urgent: frozenset[Priority]


@dataclass(frozen=True, slots=True)
class Assigned:
    """What an assignment led to; `episode` says whether service may begin."""

    assignment: Assignment
    episode_id: UUID
    episode: EpisodeState
    passed_over: int


async def waitlist(
    conn: Connection, *, states: tuple[WaitState, ...] = (WaitState.WAITING,), now: datetime
) -> Waiting:
    """Who waits, the urgent first, then by the day of receipt, then who can be served best."""
    on = agency_day(now)
    entries = await store.list_waitlist(conn, states=states)
    mentors = await people.list_mentors(conn, on=on)
    matching = policy.matching_rules(in_force(), on=on)

    def fit(entry: Entry) -> float:
        found = ranked(entry.wish, mentors, on=on, rules=matching)
        return max((match.score for match in found if not match.excluded), default=0.0)

    urgent = policy.urgent_priorities(in_force(), on=on)
    return Waiting(in_order(entries, fit, urgent=urgent), urgent)


async def matches(conn: Connection, referral_id: UUID, *, now: datetime) -> tuple[Match, ...]:
    """Every mentor for a referral, the best first, each with its reasons."""
    on = agency_day(now)
    entry = await entry_by_referral(conn, referral_id)
    mentors = await people.list_mentors(conn, on=on)
    return ranked(entry.wish, mentors, on=on, rules=policy.matching_rules(in_force(), on=on))


async def assign(
    conn: Connection,
    referral_id: UUID,
    mentor_id: UUID,
    *,
    assignment_id: UUID,
    assigned_by: UUID,
    passed_reason: str | None,
    now: datetime,
) -> Assigned:
    """Give a waiting youth a mentor; the episode opens if nothing else is missing.

    The same mentor again changes nothing. Refuses a mentor whom a hard filter excludes, with
    every reason. Notes how many were passed over who wait longer, and why (DOMAIN.md 5.4, 10).
    """
    entry = await entry_by_referral(conn, referral_id)
    await fact_store.lock_youth(conn, entry.youth_id)
    entry = await entry_by_referral(conn, referral_id)
    if running := await store.assignment_by_referral(conn, referral_id):
        if running.mentor_id != mentor_id:
            raise Conflict("already-assigned", "This referral has another mentor.")
        return await outcome(conn, running, passed_over=0)
    if entry.state != WaitState.WAITING:
        raise Conflict("not-waiting", f"This referral is {entry.state}, not waiting for a mentor.")
    mentor, found, matching = await fitting(conn, entry, mentor_id, now=now)
    passed_over = await longer_waiting(conn, entry, now=now)
    assert mentor.supervisor  # noqa: S101 (its lack is a hard filter)
    assignment = Assignment(
        assignment_id,
        referral_id,
        entry.youth_id,
        mentor_id,
        mentor.supervisor.supervisor_id,
        standing_until(mentor, screenings=matching.screenings),
        matching.hours(entry.wish),
        found.score,
        found.reasons,
        began=agency_day(now),
    )
    await store.add_assignment(
        conn,
        assignment,
        assigned_by=assigned_by,
        passed_over=passed_over,
        passed_reason=passed_reason,
    )
    await store.update_waitlist_entry(conn, referral_id, WaitState.MATCHED)
    await store.add_episode(conn, episode_id_of(referral_id), referral_id, entry.youth_id)
    await outbox.append(conn, mentor_assigned(assignment), at=now)
    await settle(conn, referral_id, entry.youth_id, now=now)
    return await outcome(conn, assignment, passed_over=passed_over)


def episode_id_of(referral_id: UUID) -> UUID:
    """A referral has one episode, so its id can be told before it opens."""
    return uuid5(referral_id, "episode")


async def entry_by_referral(conn: Connection, referral_id: UUID) -> Entry:
    entries = await store.list_waitlist(conn, states=tuple(WaitState), referral_id=referral_id)
    if not entries:
        raise NotFound("not-on-waitlist", "This referral is not on the waiting list.")
    return entries[0]


async def fitting(
    conn: Connection, entry: Entry, mentor_id: UUID, *, now: datetime
) -> tuple[Mentor, Match, MatchingRules]:
    """The mentor, held until the transaction ends; refuses one whom a hard filter excludes."""
    on = agency_day(now)
    if not await people.lock_mentor(conn, mentor_id):
        raise NotFound("no-such-mentor", "There is no such mentor.")
    (mentor,) = await people.list_mentors(conn, on=on, mentor_id=mentor_id)
    matching = policy.matching_rules(in_force(), on=on)
    found = match(entry.wish, mentor, on=on, rules=matching)
    if found.excluded:
        sentences = " ".join(problem.sentence for problem in found.excluded)
        raise Refused(found.excluded[0].code, sentences)
    return mentor, found, matching


async def longer_waiting(conn: Connection, entry: Entry, *, now: datetime) -> int:
    """How many are more urgent or were received earlier; equals are not passed over."""
    entries = await store.list_waitlist(conn, states=[WaitState.WAITING])
    urgent = policy.urgent_priorities(in_force(), on=agency_day(now))
    return sum(waits_longer(other, entry, urgent=urgent) for other in entries)


async def outcome(conn: Connection, assignment: Assignment, *, passed_over: int) -> Assigned:
    episode = await store.episode_by_referral(conn, assignment.referral_id)
    assert episode  # noqa: S101 (made with the assignment)
    return Assigned(assignment, episode.episode_id, episode.state, passed_over)


def mentor_assigned(assignment: Assignment) -> MentorAssigned:
    return MentorAssigned(
        youth_id=assignment.youth_id,
        referral_id=assignment.referral_id,
        assignment_id=assignment.assignment_id,
        mentor_id=assignment.mentor_id,
        supervisor_id=assignment.supervisor_id,
        standing_until=assignment.standing_until,
        reasons=assignment.reasons,
    )
