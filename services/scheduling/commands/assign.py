"""Find a mentor for a youth, and give the youth one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
from services.scheduling.domain.matching import Match, MatchingRules, exclusions, ranked
from services.scheduling.domain.offers import OfferState
from services.scheduling.domain.people import Mentor, standing_until
from services.scheduling.domain.waitlist import Entry, by_need, in_order, waits_longer
from services.scheduling.store import assignments as store
from services.scheduling.store import episodes, people
from services.scheduling.store import facts as fact_store
from services.scheduling.store.assignments import Made, Offer, Passed, PassedOver, Skipped

WANTS_A_MENTOR = (WaitState.WAITING, WaitState.REASSIGN)


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
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True)
class Picked:
    """A mentor who may be given to a youth: why this one, beside every other."""

    mentor: Mentor
    match: Match
    rules: MatchingRules
    considered: tuple[Match, ...]
    passed: tuple[PassedOver, ...]

    @property
    def supervisor_id(self) -> UUID:
        assert self.mentor.supervisor  # noqa: S101 (its lack is a hard filter)
        return self.mentor.supervisor.supervisor_id


async def waitlist(
    conn: Connection, *, states: tuple[WaitState, ...] = (WaitState.WAITING,), now: datetime
) -> Waiting:
    """Who waits, the urgent first, then by the day of receipt, then who can be served best."""
    on = agency_day(now)
    entries = await episodes.list_waitlist(conn, states=states)
    mentors = await people.list_mentors(conn, on=on)
    matching = policy.matching_rules(in_force(), on=on)

    def fit(entry: Entry) -> float:
        found = ranked(entry.wish, mentors, on=on, rules=matching)
        return max((match.score for match in found if not match.excluded), default=0.0)

    urgent = policy.urgent_priorities(in_force(), on=on)
    return Waiting(in_order(entries, fit, urgent=urgent), urgent)


async def reassignments(conn: Connection, *, now: datetime) -> Waiting:
    """Who is in service and has lost the mentor, by need."""
    entries = await episodes.list_waitlist(conn, states=[WaitState.REASSIGN])
    urgent = policy.urgent_priorities(in_force(), on=agency_day(now))
    return Waiting(by_need(entries, urgent=urgent), urgent)


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

    The same mentor again changes nothing. Who is offered this mentor accepts by it. Refuses a
    mentor whom a hard filter excludes, with every reason, and to pass over who waits longer
    without saying why. Keeps how every mentor was judged (DOMAIN.md 5.4, 10).
    """
    entry = await held_entry(conn, referral_id)
    if running := await store.assignment_by_referral(conn, referral_id):
        if running.mentor_id != mentor_id:
            raise Conflict("already-assigned", "This referral has another mentor.")
        return await outcome(conn, running.assignment_id)
    if entry.state == WaitState.OFFERED:
        offer = await take_offer(conn, referral_id, mentor_id)
        assignment_id, passed_reason = offer.offer_id, passed_reason or offer.passed_reason
    elif entry.state not in WANTS_A_MENTOR:
        raise Conflict("not-waiting", f"This referral is {entry.state}, not waiting for a mentor.")
    picked = await pick(conn, entry, mentor_id, now=now)
    ask_why(picked.passed, passed_reason)
    assignment = Assignment(
        assignment_id,
        referral_id,
        entry.youth_id,
        mentor_id,
        picked.supervisor_id,
        standing_until(picked.mentor, screenings=picked.rules.screenings),
        picked.rules.hours(entry.wish),
        picked.match.score,
        picked.match.reasons,
        began=agency_day(now),
    )
    await store.add_assignment(
        conn,
        assignment,
        assigned_by=assigned_by,
        passed=Passed(picked.passed, passed_reason if picked.passed else None),
        considered=picked.considered,
    )
    await store.add_passed_over(conn, assignment_id, picked.passed)
    await episodes.update_waitlist_entry(conn, referral_id, WaitState.MATCHED)
    await episodes.add_episode(conn, episode_id_of(referral_id), referral_id, entry.youth_id)
    await outbox.append(conn, mentor_assigned(assignment), at=now)
    await settle(conn, referral_id, entry.youth_id, now=now)
    return await outcome(conn, assignment_id)


async def explained(conn: Connection, assignment_id: UUID) -> Made:
    """An assignment, with every mentor as judged when it was made, and who was passed over."""
    made = await store.assignment_by_id(conn, assignment_id)
    if made is None:
        raise NotFound("no-such-assignment", "There is no such assignment.")
    return made


async def skipped(conn: Connection, *, days: int, now: datetime) -> list[Skipped]:
    """Who was passed over in the last days, for an audit of fairness (DOMAIN.md 10)."""
    return await store.list_skipped(conn, since=agency_day(now) - timedelta(days=days))


def episode_id_of(referral_id: UUID) -> UUID:
    """A referral has one episode, so its id can be told before it opens."""
    return uuid5(referral_id, "episode")


async def entry_by_referral(conn: Connection, referral_id: UUID) -> Entry:
    entries = await episodes.list_waitlist(conn, states=tuple(WaitState), referral_id=referral_id)
    if not entries:
        raise NotFound("not-on-waitlist", "This referral is not on the waiting list.")
    return entries[0]


async def held_entry(conn: Connection, referral_id: UUID) -> Entry:
    """The entry, its youth held until the transaction ends."""
    entry = await entry_by_referral(conn, referral_id)
    await fact_store.lock_youth(conn, entry.youth_id)
    return await entry_by_referral(conn, referral_id)


async def take_offer(conn: Connection, referral_id: UUID, mentor_id: UUID) -> Offer:
    """Accept the offer that is open; its hours count as given from now on."""
    offer = await store.open_offer(conn, referral_id)
    if offer is None or offer.mentor_id != mentor_id:
        raise Conflict("offered", "Another mentor is offered: wait, or take that offer back.")
    await store.update_offer(conn, offer.offer_id, OfferState.ACCEPTED)
    return offer


async def pick(conn: Connection, entry: Entry, mentor_id: UUID, *, now: datetime) -> Picked:
    """The mentor, held until the transaction ends; refuses one whom a hard filter excludes."""
    on = agency_day(now)
    if not await people.lock_mentor(conn, mentor_id):
        raise NotFound("no-such-mentor", "There is no such mentor.")
    mentors = await people.list_mentors(conn, on=on)
    rules = policy.matching_rules(in_force(), on=on)
    considered = ranked(entry.wish, mentors, on=on, rules=rules)
    found = next(match for match in considered if match.mentor_id == mentor_id)
    if found.excluded:
        sentences = " ".join(problem.sentence for problem in found.excluded)
        raise Refused(found.excluded[0].code, sentences)
    mentor = next(one for one in mentors if one.mentor_id == mentor_id)
    passed = await passed_over(conn, entry, mentor, rules, on=on)
    return Picked(mentor, found, rules, considered, passed)


async def passed_over(
    conn: Connection, entry: Entry, mentor: Mentor, rules: MatchingRules, *, on: date
) -> tuple[PassedOver, ...]:
    """Who is more urgent or was received earlier, and could have this mentor; equals are not.

    Who is in service already passes nobody: a gap in service is no place on the list.
    """
    if entry.in_service:
        return ()
    urgent = policy.urgent_priorities(in_force(), on=on)
    waiting = await episodes.list_waitlist(conn, states=[WaitState.WAITING])
    return tuple(
        PassedOver(other.referral_id, (on - other.wait_started).days)
        for other in waiting
        if waits_longer(other, entry, urgent=urgent)
        and not exclusions(other.wish, mentor, on=on, rules=rules)
    )


def ask_why(passed: Sequence[PassedOver], reason: str | None) -> None:
    """Raise Refused for passing over who waits longer without a reason (DOMAIN.md 10)."""
    if passed and not reason:
        who = "referral that waits" if len(passed) == 1 else "referrals that wait"
        sentence = f"{len(passed)} {who} longer could have this mentor: give a passed_reason."
        raise Refused("passed-over-unexplained", sentence)


async def outcome(conn: Connection, assignment_id: UUID) -> Assigned:
    made = await explained(conn, assignment_id)
    episode = await episodes.episode_by_referral(conn, made.assignment.referral_id)
    assert episode  # noqa: S101 (made with the assignment)
    return Assigned(made.assignment, episode.episode_id, episode.state, made.passed.over)


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
