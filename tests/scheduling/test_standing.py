"""Papers and supervisors change: each youth's stream is told from which day (S25)."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.chassis.db import Pool, transaction
from services.chassis.errors import Refused
from services.scheduling.commands import people
from services.scheduling.domain.people import LICENCE, Paper
from tests.scheduling.builders import (
    LATER,
    MENTOR,
    PAPERS,
    SUPERVISOR,
    Child,
    make_mentor,
    make_person,
    make_plan,
    register,
)
from tests.scheduling.door import work_off

DAY = "MentorStandingChanged"
NEXT = UUID(int=13)


async def papers(pool: Pool, *held: Paper) -> None:
    """The mentor's papers as an administrator now enters them."""
    await register(pool, make_mentor(max_hours=60, papers=held))
    await work_off(pool)


def until(last: date, kind: str = "cori") -> tuple[Paper, ...]:
    return tuple(Paper(kind, last) if paper.kind == kind else paper for paper in PAPERS)


async def told(child: Child) -> dict[str, Any] | None:
    """The last word on the mentor's standing, without ids."""
    if DAY not in await child.told():
        return None
    found = await child.body(DAY)
    return {name: found[name] for name in ("effective", "standing", "standing_until")}


async def test_a_lapse_that_is_found_late_counts_from_the_day_after_the_last_good_one(
    child: Child, pool: Pool
) -> None:
    await child.admit()

    await papers(pool, *until(date(2026, 11, 2)))

    assert await told(child) == {
        "effective": "2026-11-03",
        "standing": False,
        "standing_until": "2026-11-02",
    }
    with pytest.raises(Refused, match="credentials or supervision end on 2026-11-02"):
        await child.book(make_plan("2026-12-01T16:00"))


async def test_the_same_papers_again_tell_nothing(child: Child, pool: Pool) -> None:
    await child.admit()

    await papers(pool, *PAPERS)

    assert await told(child) is None


async def test_a_lapse_that_was_told_is_not_told_again(child: Child, pool: Pool) -> None:
    await child.admit()

    for _ in range(2):
        await papers(pool, *until(date(2026, 11, 2)))

    assert (await child.told()).count(DAY) == 1


async def test_a_renewal_counts_from_today_and_mends_no_day_before(
    child: Child, pool: Pool
) -> None:
    await child.admit()
    await papers(pool, *until(date(2026, 11, 2)))

    await papers(pool, *PAPERS)

    assert await told(child) == {
        "effective": "2026-11-22",
        "standing": True,
        "standing_until": LATER.isoformat(),
    }
    assert await child.book(make_plan("2026-12-01T16:00"))


async def test_a_paper_that_is_gone_ends_good_standing_today(child: Child, pool: Pool) -> None:
    await child.admit()

    await papers(pool, *PAPERS[1:])

    assert await told(child) == {
        "effective": "2026-11-22",
        "standing": False,
        "standing_until": "2026-11-21",
    }


async def test_an_earlier_end_that_is_still_to_come_is_told_as_good_until_then(
    child: Child, pool: Pool
) -> None:
    await child.admit()

    await papers(pool, *until(date(2026, 12, 31)))

    assert await told(child) == {
        "effective": "2026-11-22",
        "standing": True,
        "standing_until": "2026-12-31",
    }


async def test_a_supervisors_licence_that_lapsed_is_the_mentors_lapse(
    child: Child, pool: Pool
) -> None:
    await child.admit()
    lapsed = Paper(LICENCE, date(2026, 11, 15))

    async with transaction(pool) as conn:
        person = make_person(SUPERVISOR, family="Okafor")
        await people.register_supervisor(conn, person, (lapsed,))
    await work_off(pool)

    found = await told(child)
    assert found
    assert (found["effective"], found["standing"]) == ("2026-11-16", False)


async def test_another_supervisor_is_told_on_her_first_day(child: Child, pool: Pool) -> None:
    await child.admit()
    entry = people.MentorEntry(
        person=make_person(MENTOR),
        mentor=make_mentor(max_hours=60),
        degree="BA Psychology",
        interests=(),
        supervisor_id=NEXT,
        supervised_from=date(2026, 12, 1),
    )
    async with transaction(pool) as conn:
        person = make_person(NEXT, family="Vega")
        await people.register_supervisor(conn, person, (Paper(LICENCE, LATER),))
        await people.register_mentor(conn, entry)

    await work_off(pool)
    before = await child.body(DAY)
    await work_off(pool, days=9)
    after = await child.body(DAY)

    assert (before["supervisor_id"], before["standing_until"]) == (str(SUPERVISOR), "2026-11-30")
    assert (after["supervisor_id"], after["effective"]) == (str(NEXT), "2026-12-01")
    assert after["standing_until"] == LATER.isoformat()


async def test_every_youth_of_the_mentor_is_told(pool: Pool) -> None:
    await register(pool, make_mentor(max_hours=60))
    children = [Child(pool) for _ in range(3)]
    for one in children:
        await one.admit()

    await papers(pool, *until(date(2026, 11, 2)))

    for one in children:
        assert (await one.told())[-1] == DAY


async def test_a_mentor_without_youths_leaves_no_work(pool: Pool) -> None:
    await register(pool)

    await papers(pool, *until(date(2026, 11, 2)))

    assert await pool.fetchval("SELECT count(*) FROM work") == 0
