import asyncio
import time
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import ConsentKind
from contracts.events import ConsentRevoked, ReferralAmended, ReferralClosed
from services.chassis.db import Connection, Pool, transaction
from services.chassis.errors import Conflict, NotFound, Refused
from services.chassis.work import Worker
from services.scheduling.commands import appointments
from services.scheduling.domain.appointments import CancelledBy
from services.scheduling.work import work
from tests.scheduling.builders import (
    NOW,
    TODAY,
    Child,
    make_mentor,
    make_plan,
    register,
)
from tests.scheduling.door import Door, work_off


async def states(child: Child) -> list[str]:
    rows = await child.pool.fetch("SELECT state FROM appointment ORDER BY lower(during)")
    return [row["state"] for row in rows]


# --- A hub ends, and is back ---------------------------------------------------------------------


async def test_a_hold_freezes_what_is_to_come_and_leaves_what_has_passed(child: Child) -> None:
    await child.admit()
    await child.book(make_plan("2026-11-23T16:00"))
    await child.book(make_plan("2026-12-01T16:00"))

    await child.hear(child.disengaged(), at=NOW + timedelta(days=2))

    assert await states(child) == ["booked", "frozen"]


async def test_a_hub_that_is_back_thaws_what_is_still_to_come(child: Child) -> None:
    await child.admit()
    await child.book(make_plan("2026-11-25T16:00"))
    await child.book(make_plan("2026-12-08T16:00"))
    await child.hear(child.disengaged())

    await child.hear(
        child.engaged(date(2026, 12, 4)), child.confirmed(), at=NOW + timedelta(days=12)
    )

    assert await states(child) == ["cancelled", "booked"]
    assert await child.pool.fetchval("SELECT state FROM episode") == "open"


async def test_a_frozen_appointment_keeps_its_time(pool: Pool, child: Child) -> None:
    await child.admit()
    await child.book(make_plan())
    await child.hear(child.disengaged())
    other = Child(pool)
    await other.admit()

    with pytest.raises(Conflict, match="mentor"):
        await other.book(make_plan())


async def test_a_frozen_appointment_can_be_cancelled(child: Child) -> None:
    await child.admit()
    appointment_id = await child.book(make_plan())
    await child.hear(child.disengaged())

    async with transaction(child.pool) as conn:
        await appointments.cancel(
            conn, appointment_id, cancelled_by=CancelledBy.AGENCY, only_mentor=None, now=NOW
        )

    assert await states(child) == ["cancelled"]


async def test_nothing_is_booked_while_the_episode_is_held(child: Child) -> None:
    await child.admit()
    await child.hear(child.disengaged())

    with pytest.raises(Refused, match=r"on hold.*no active hub"):
        await child.book(make_plan())


async def test_a_hub_that_is_to_end_ends_on_its_day(child: Child, door: Door) -> None:
    await child.admit()
    await child.hear(child.disengaged(TODAY + timedelta(days=5)))
    worker = Worker(child.pool)
    worker.inside = dict(work(door_context(door))[0])

    door.clock.at = datetime.fromisoformat("2026-11-26T23:59-05:00")
    assert not await worker.run_one(now=door.clock.at)

    door.clock.at = datetime.fromisoformat("2026-11-27T00:00-05:00")
    assert await worker.run_one(now=door.clock.at)

    held = await child.body("EpisodeOnHold")
    assert (held["reason"], held["effective"]) == ("hub_inactive", "2026-11-27")


async def test_a_day_that_is_far_off_keeps_no_nearer_one_waiting(child: Child) -> None:
    await child.admit()
    await child.hear(child.disengaged(TODAY + timedelta(days=90)))
    await child.hear(child.disengaged(TODAY + timedelta(days=5)))

    await work_off(child.pool, days=5)

    assert (await child.body("EpisodeOnHold"))["effective"] == "2026-11-27"


def door_context(door: Door) -> "Context":
    return Context(door)


class Context:
    """What work needs of a process: its clock, and peers that nobody asks here."""

    def __init__(self, door: Door) -> None:
        self.clock = door.clock

    @property
    def peers(self) -> "Context":
        return self

    async def get(self, service: str, path: str) -> object:
        raise AssertionError(f"{service} is asked for {path}")


async def test_a_revocation_that_is_to_come_holds_nothing_before(child: Child, door: Door) -> None:
    await child.admit()
    later = NOW + timedelta(days=3)
    await child.hear(
        ConsentRevoked(youth_id=child.youth_id, kind=ConsentKind.TREATMENT, effective_at=later)
    )
    assert await child.pool.fetchval("SELECT state FROM episode") == "open"
    worker = Worker(child.pool)
    worker.inside = dict(work(door_context(door))[0])

    door.clock.at = later
    assert await worker.run_one(now=later)

    assert (await child.body("EpisodeOnHold"))["reason"] == "consent_revoked"


async def test_eligibility_that_begins_later_opens_the_episode_on_its_day(
    child: Child, door: Door
) -> None:
    begins = TODAY + timedelta(days=2)
    await child.hear(child.received(), child.engaged(), child.confirmed(valid_from=begins))
    await child.hear(*child.gate_two)
    assert (await child.assign()).episode == "pending"
    worker = Worker(child.pool)
    worker.inside = dict(work(door_context(door))[0])

    door.clock.at = datetime.fromisoformat("2026-11-24T00:00-05:00")
    assert await worker.run_one(now=door.clock.at)

    assert (await child.body("EpisodeOpened"))["effective"] == "2026-11-24"


async def test_a_referral_that_ends_in_service_is_held_for_a_person(child: Child) -> None:
    await child.admit()
    await child.book(make_plan())

    await child.hear(
        ReferralClosed(youth_id=child.youth_id, referral_id=child.referral_id, reason="family")
    )

    assert (await child.body("EpisodeOnHold"))["reason"] == "referral_ended"
    assert await states(child) == ["frozen"]


async def test_a_hub_that_is_told_twice_counts_from_its_first_day(child: Child) -> None:
    await child.admit()

    await child.hear(child.engaged(date(2026, 12, 24)))

    assert await child.book(make_plan("2026-12-01T16:00"))


async def test_nobody_is_served_before_there_is_a_mentor(child: Child) -> None:
    *told, last = child.gate_two
    await child.wait()
    await child.hear(*told)
    await child.assign(now=NOW + timedelta(days=3))

    await child.hear(last, at=NOW)

    assert (await child.body("EpisodeOpened"))["effective"] == "2026-11-25"


# --- Order and races -----------------------------------------------------------------------------


async def test_an_older_version_of_a_request_changes_nothing(child: Child) -> None:
    amended = ReferralAmended(
        **child.received(area="holyoke").model_dump(), version=2, changed_fields=()
    )

    await child.hear(amended, child.received(area="boston"))

    assert await child.pool.fetchval("SELECT area FROM request") == "holyoke"


@pytest.mark.usefixtures("patient")
async def test_two_facts_at_the_same_moment_do_not_miss_each_other(child: Child) -> None:
    """An assignment that is not committed yet, and the last attestation beside it."""
    *told, last = child.gate_two
    await child.wait()
    await child.hear(*told)

    async with child.pool.acquire() as conn, conn.transaction():
        await child.assign_in(conn)
        beside = asyncio.create_task(child.hear(last))
        await blocked_or_done(conn, beside)
    await beside

    assert await child.pool.fetchval("SELECT state FROM episode") == "open"


@pytest.mark.usefixtures("patient")
async def test_two_at_the_same_moment_cannot_give_away_the_same_hours(
    pool: Pool, child: Child
) -> None:
    await register(pool, make_mentor(mentor_id=UUID(int=78), max_hours=3))
    other = Child(pool)
    await child.wait()
    await other.wait()

    async with pool.acquire() as conn, conn.transaction():
        await child.assign_in(conn, UUID(int=78))
        beside = asyncio.create_task(other.assign(UUID(int=78)))
        await blocked_or_done(conn, beside)

    with pytest.raises(Refused, match="1 hours a week left"):
        await beside


async def blocked_or_done(conn: Connection, task: "asyncio.Task[Any]") -> None:
    """What this connection holds it may hold for as long as the other takes to want it."""
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    deadline = time.monotonic() + 60
    while not task.done() and not await conn.fetchval(waits):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


# --- Mentors and appointments --------------------------------------------------------------------


async def test_the_same_mentor_again_is_the_same_assignment(child: Child) -> None:
    await child.wait()

    first, second = await child.assign(), await child.assign()

    assert first.assignment == second.assignment
    assert (await child.told()).count("MentorAssigned") == 1


async def test_nobody_is_assigned_who_is_not_a_mentor(child: Child) -> None:
    await child.wait()

    with pytest.raises(NotFound, match="no such mentor"):
        await child.assign(UUID(int=12))


async def test_a_mentor_is_known_again_by_a_youth_he_served(pool: Pool, child: Child) -> None:
    await register(pool, make_mentor(mentor_id=UUID(int=78)))
    await child.wait()
    await child.assign(UUID(int=78))
    end = ReferralClosed(youth_id=child.youth_id, referral_id=child.referral_id, reason="declined")
    await child.hear(end)
    again = Child(pool, youth_id=child.youth_id, hub=child.hub, numbers=child.numbers)
    await again.wait()

    assert "continuity" in (await again.assign(UUID(int=78))).assignment.reasons


async def test_touching_sessions_do_not_overlap(child: Child) -> None:
    await child.admit()

    await child.book(make_plan("2026-12-01T10:00"))
    await child.book(make_plan("2026-12-01T11:00"))

    assert await states(child) == ["booked", "booked"]


async def test_a_mentors_two_youths_do_not_overlap(pool: Pool, child: Child) -> None:
    twin = Child(pool)
    await child.admit()
    await twin.admit()
    await child.book(make_plan("2026-12-01T15:00", minutes=90))

    with pytest.raises(Conflict) as refused:
        await twin.book(make_plan("2026-12-01T16:00"))

    assert refused.value.code == "mentor-busy"


async def test_a_youths_two_sessions_do_not_overlap_whoever_holds_them(
    pool: Pool, child: Child
) -> None:
    await child.admit()
    await child.book(make_plan())
    await register(pool, make_mentor(mentor_id=UUID(int=78)))
    await pool.execute("UPDATE assignment SET mentor_id = $1", UUID(int=78))

    with pytest.raises(Conflict) as refused:
        await child.book(make_plan("2026-12-01T16:30"))

    assert refused.value.code == "youth-busy"


async def test_a_session_logged_twice_or_elsewhere_changes_nothing_more(child: Child) -> None:
    await child.admit()
    appointment_id = await child.book(make_plan())

    async with transaction(child.pool) as conn:
        await appointments.complete(conn, uuid4(), child.youth_id)
        await appointments.complete(conn, appointment_id, uuid4())
    assert await states(child) == ["booked"]

    for _ in range(2):
        async with transaction(child.pool) as conn:
            await appointments.complete(conn, appointment_id, child.youth_id)
    assert await child.pool.fetchval("SELECT version FROM appointment") == 2


async def test_an_appointment_that_does_not_exist_is_not_found(pool: Pool) -> None:
    async with transaction(pool) as conn:
        with pytest.raises(NotFound):
            await appointments.note_no_show(conn, uuid4(), only_mentor=None, now=NOW)
