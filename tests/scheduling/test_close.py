"""An episode goes on by a machine's word and ends by a person's (DOMAIN.md 5.8)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from contracts.events import ReferralClosed, ReferralWithdrawn
from services.chassis.db import Pool
from services.chassis.errors import Refused
from tests.scheduling.builders import NOW, TODAY, Child, make_plan
from tests.scheduling.door import Door

SUPERVISOR, COORDINATOR = "supervisor:sofia", "coordinator:cleo"


async def close(
    door: Door, episode_id: UUID, reason: str = "goals_achieved", by: str = SUPERVISOR, **more: Any
) -> httpx.Response:
    return await door.post(f"/episodes/{episode_id}/close", {"reason": reason, **more}, by=by)


async def states(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT state FROM appointment ORDER BY lower(during)")
    return [row["state"] for row in rows]


async def test_a_hold_that_is_over_is_told_with_its_reason(child: Child) -> None:
    episode_id = await child.admit()
    await child.hear(child.disengaged())

    await child.hear(child.engaged(date(2026, 12, 4)), at=NOW + timedelta(days=12))

    assert (await child.told())[-2:] == ["EpisodeOnHold", "EpisodeResumed"]
    assert await child.body("EpisodeResumed") == {
        "youth_id": str(child.youth_id),
        "referral_id": str(child.referral_id),
        "episode_id": str(episode_id),
        "reason": "hub_inactive",
        "effective": "2026-12-04",
    }


async def test_a_closed_episode_cancels_what_is_planned_and_frees_the_mentor(
    child: Child, door: Door
) -> None:
    episode_id = await child.admit()
    await child.book(make_plan("2026-11-25T16:00"))
    await child.book(make_plan("2026-12-08T16:00"))
    door.clock.at = NOW + timedelta(days=7)

    answer = await close(door, episode_id)

    assert answer.status_code == 200
    assert answer.json() == {
        "episode_id": str(episode_id),
        "referral_id": str(child.referral_id),
        "youth_id": str(child.youth_id),
        "state": "closed",
        "opened_on": "2026-11-22",
        "closed_on": "2026-11-29",
        "close_reason": "goals_achieved",
    }
    assert await states(child.pool) == ["booked", "cancelled"]
    told = await child.told()
    assert told[-4:] == [
        *("EpisodeClosing", "AppointmentCancelled", "EpisodeClosed", "AssignmentEnded"),
    ]
    assert (await child.body("AppointmentCancelled"))["reason"] == "agency"
    closed = await child.body("EpisodeClosed")
    assert (closed["reason"], closed["effective"]) == ("goals_achieved", "2026-11-29")
    assert await child.body("EpisodeClosing") == closed
    assert await child.pool.fetchval("SELECT ended FROM assignment") == date(2026, 11, 29)
    assert await child.pool.fetchval("SELECT state FROM waitlist_entry") == "left"


async def test_an_episode_on_hold_is_closed_with_what_was_frozen(child: Child, door: Door) -> None:
    episode_id = await child.admit()
    await child.book(make_plan())
    await child.hear(child.disengaged())

    answer = await close(door, episode_id, "hub_ended", by=COORDINATOR)

    assert answer.status_code == 200
    assert await states(child.pool) == ["cancelled"]


async def test_closed_twice_for_one_reason_is_closed_once(child: Child, door: Door) -> None:
    episode_id = await child.admit()
    first = await close(door, episode_id, "moved")
    door.clock.at = NOW + timedelta(days=3)

    again, otherwise = await close(door, episode_id, "moved"), await close(door, episode_id, "died")

    assert again.json() == first.json()
    assert (otherwise.status_code, otherwise.json()["code"]) == (409, "episode-closed")
    assert (await child.told()).count("EpisodeClosed") == 1


async def test_no_fact_opens_a_closed_episode_again(child: Child, door: Door) -> None:
    episode_id = await child.admit()
    await close(door, episode_id)
    told = await child.told()

    await child.hear(child.denied(), child.confirmed(), child.disengaged(), child.engaged())
    end = ReferralClosed(
        youth_id=child.youth_id, referral_id=child.referral_id, reason="discharged"
    )
    await child.hear(end)

    assert await child.told() == told
    assert await child.pool.fetchval("SELECT state FROM episode") == "closed"


async def test_nothing_is_booked_in_a_closed_episode(child: Child, door: Door) -> None:
    episode_id = await child.admit()
    await close(door, episode_id)

    with pytest.raises(Refused, match="The episode is closed"):
        await child.book(make_plan())


@pytest.mark.parametrize("reason", ["goals_achieved", "no_necessity", "higher_level"])
async def test_what_a_youth_needs_is_for_a_supervisor_to_judge(
    child: Child, door: Door, reason: str
) -> None:
    episode_id = await child.admit()

    refused = await close(door, episode_id, reason, by=COORDINATOR)

    assert refused.status_code == 403
    assert await child.pool.fetchval("SELECT state FROM episode") == "open"
    assert (await close(door, episode_id, reason)).status_code == 200


async def test_a_family_is_out_of_reach_after_three_days_on_which_it_was_tried(
    child: Child, door: Door
) -> None:
    episode_id = await child.admit()
    days = ["2026-11-10", "2026-11-14", "2026-11-14", str(TODAY + timedelta(days=1))]

    too_few = await close(door, episode_id, "disengaged", attempts=days)
    enough = await close(door, episode_id, "disengaged", attempts=[*days, "2026-11-20"])

    assert (too_few.status_code, too_few.json()["code"]) == (422, "attempts-too-few")
    assert enough.status_code == 200
    assert await child.pool.fetchval("SELECT attempts FROM episode") == [
        date(2026, 11, day) for day in (10, 14, 20)
    ]


async def test_an_ended_referral_is_a_reason_only_once_it_has_ended(
    child: Child, door: Door
) -> None:
    episode_id = await child.admit()
    refused = await close(door, episode_id, "referral_ended")
    await child.hear(
        ReferralWithdrawn(
            youth_id=child.youth_id, referral_id=child.referral_id, reason="withdrawn"
        )
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "referral-not-ended")
    assert (await close(door, episode_id, "referral_ended")).status_code == 200


async def test_an_episode_that_has_not_begun_is_not_closed_here(child: Child, door: Door) -> None:
    await child.wait()
    pending = (await child.assign()).episode_id

    refused, unknown = await close(door, pending), await close(door, UUID(int=404))

    assert (refused.status_code, refused.json()["code"]) == (422, "episode-not-open")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no-such-episode")


async def test_a_hub_reads_when_the_episode_ended_and_who_cared(child: Child, door: Door) -> None:
    episode_id = await child.admit()
    hub = door.hub(child.hub)
    before = (await door.get(f"/fhir/EpisodeOfCare/{episode_id}", by=hub)).json()
    await close(door, episode_id)

    episode = (await door.get(f"/fhir/EpisodeOfCare/{episode_id}", by=hub)).json()

    assert episode["status"] == "finished"
    assert episode["period"] == {"start": "2026-11-22", "end": "2026-11-22"}
    assert episode["careManager"] == before["careManager"]
