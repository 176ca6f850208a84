"""Stories S14 and S21 to S24 (DOMAIN.md §11): what was right changes, and what follows from it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from deploy.demo.actors import World
from deploy.demo.care import COORDINATOR, SCHEDULER, SESSIONS, SUPERVISOR
from deploy.demo.cast import Cast
from deploy.demo.children import same_child
from deploy.demo.journey import Journey
from deploy.local.stack import Addresses
from tests.stories import records
from tests.stories.scenes import (
    afternoon,
    becomes,
    held,
    in_service,
    lines,
    pass_day,
    write_up,
)

ADMIN = "ada.admin"
GAP = ("on-hold", "The mentor can no longer come; another one is sought.")


async def test_s14_two_hubs_referrals_are_joined_by_a_person(
    cast: Cast, world: World, addresses: Addresses
) -> None:
    """The first goes on as one child's; both hubs read what became of their own Task."""
    first, second = cast.journeys(2)
    second.child = replace(same_child(first.child, second.child), member_id=second.child.member_id)
    await first.refer()
    await first.be_accepted()
    await second.refer()
    assert await records.state_of(addresses, second) == "duplicate_review"

    path = f"/api/referral/referrals/{second.referral_id}/merge"
    await world.staff(COORDINATOR, "POST", path, {"survivor": first.referral_id})

    assert await records.state_of(addresses, second) == "merged"
    assert (await second.task())["status"] == "cancelled"
    for journey in (first, second):
        assert await told(addresses, journey, "ReferralMerged.v1")() == 1
    assert await waiting(addresses, second) in ([], ["left"])
    await first.attest()
    await first.be_matched()  # the survivor goes on
    assert (await first.task())["status"] == "accepted"


async def test_s21_a_session_without_a_note_is_told_at_each_level_and_signed_by_nobody_else(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    (journey,) = cast.journeys(1)
    mentor = await in_service(cast, [journey])
    start = afternoon(world, draw)
    await journey.book([start], 60)
    ended = start + timedelta(hours=1)

    for number, hours in enumerate((25, 73, 24 * 7 + 1), 1):
        world.skip_to(ended + timedelta(hours=hours))
        await becomes(f"told {number} times", overdue(addresses, journey), number)

    levels = await records.bodies(addresses, "documentation", journey, "NoteOverdue.v1")
    assert len({one["level"] for one in levels}) == 3
    assert await held(journey, start)() == []  # no line without a note
    draft = await write_up(journey, mentor, start, 60)
    answer = await world.staff(
        SUPERVISOR, "POST", f"{SESSIONS}/{draft['session_id']}/sign", refused_ok=True
    )
    assert answer.status == 403


async def test_s22_s23_a_late_note_says_why_and_a_correction_changes_its_units(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    (journey,) = cast.journeys(1)
    mentor = await in_service(cast, [journey])
    start = afternoon(world, draw)
    world.skip_to(start + timedelta(days=9))
    goals = await journey.goals(mentor, start.isoformat())
    body = journey.note(start, start + timedelta(minutes=60), goals)
    note = await journey.draft(mentor, body | {"late_reason": None})

    refused = await journey.sign(mentor, note, refused_ok=True)
    assert (refused.status, refused.body["code"]) == (422, "late-reason-missing")
    path = f"{SESSIONS}/{note['session_id']}"
    await world.staff(mentor, "PUT", path, body | {"late_reason": "The mentor was ill."})
    signed = await journey.sign(mentor, note)
    assert "late" in signed.body["cosign"]
    await journey.cosign(note)

    shorter = journey.note(start, start + timedelta(minutes=45), goals) | {"reason": "time"}
    await world.staff(mentor, "POST", f"{path}/amend", shorter)
    await journey.sign(mentor, note)
    await journey.cosign(note)

    (amended,) = await records.bodies(addresses, "documentation", journey, "SessionNoteAmended.v1")
    assert (amended["version"], amended["units"]) == (2, 3)
    (line,) = await lines(journey, start)
    assert line["units"] == 3
    await becomes("the hub reads the correction", read_version(journey, note), "2")


async def test_s24_a_mentor_leaves_and_each_youth_is_told_of_once(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journeys = cast.journeys(2)
    mentor = await in_service(cast, journeys)
    gone = journeys[0].mentor
    start = afternoon(world, draw)
    for number, journey in enumerate(journeys):
        await journey.book([start + timedelta(days=7, hours=2 * number)], 60)
    leaves_on = world.now().date() + timedelta(days=1)
    body = {"reason": "mentor_leave", "leaves_on": leaves_on.isoformat()}

    try:
        left = await world.staff(ADMIN, "POST", f"/api/scheduling/mentors/{gone}/leave", body)
        await world.staff(ADMIN, "POST", f"/api/scheduling/mentors/{gone}/leave", body)
        pass_day(world, start)

        assert {j.referral_id for j in journeys} <= set(left.body["referrals"])
        for journey in journeys:
            for type_ in ("MentorUnavailable.v1", "AppointmentCancelled.v1"):
                count = scheduled(addresses, journey, type_)
                await becomes(f"{journey.child.placer}: {type_}", count, 1)
            await becomes("another is sought", sought(journey), True)
            await becomes("its Task says why it waits", waits(journey), GAP)
            holds = partial(task_changes, addresses, journey, "on-hold")
            await becomes("its hub was told once", holds, 1)
            await becomes("of each change", partial(untold, addresses, journey), 0)
        draft = await write_up(journeys[0], mentor, start - timedelta(days=1), 30, billable=False)
        assert draft["state"] == "draft"  # what was held before is still written up
        await journeys[0].be_matched()
        assert journeys[0].mentor != gone
        await becomes("no longer sought", sought(journeys[0]), False)
    finally:
        await world.staff(ADMIN, "POST", f"/api/scheduling/mentors/{gone}/return")


# --- What is read --------------------------------------------------------------------------------


def told(addresses: Addresses, journey: Journey, type_: str) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return (await records.told(addresses, "referral", journey)).count(type_)

    return count


def scheduled(addresses: Addresses, journey: Journey, type_: str) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return (await records.told(addresses, "scheduling", journey)).count(type_)

    return count


def overdue(addresses: Addresses, journey: Journey) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return (await records.told(addresses, "documentation", journey)).count("NoteOverdue.v1")

    return count


def waits(journey: Journey) -> Callable[[], Awaitable[tuple[str, str | None]]]:
    async def shown() -> tuple[str, str | None]:
        task = await journey.task()
        return task["status"], task.get("statusReason", {}).get("text")

    return shown


async def task_changes(addresses: Addresses, journey: Journey, *only: str) -> int:
    """How often its Task changed, or changed to one of these states."""
    found = await records.bodies(addresses, "referral", journey, "ReferralStatusChanged.v1")
    return len([one for one in found if not only or one["status"] in only])


async def untold(addresses: Addresses, journey: Journey) -> int:
    """How many changes of its Task its hub has not been told of."""
    heard = await records.heard_of(journey.world, journey.hub, journey.task_id)
    return await task_changes(addresses, journey) - heard


def read_version(journey: Journey, note: Any) -> Callable[[], Awaitable[str]]:
    async def version() -> str:
        found = await journey.world.read(journey.hub, f"Encounter/{note['session_id']}")
        return str(found["meta"]["versionId"])

    return version


def sought(journey: Journey) -> Callable[[], Awaitable[bool]]:
    async def listed() -> bool:
        answer = await journey.world.staff(SCHEDULER, "GET", "/api/scheduling/reassignments")
        return journey.referral_id in str(answer.body)

    return listed


async def waiting(addresses: Addresses, journey: Journey) -> list[str]:
    query = "SELECT state FROM waitlist_entry WHERE referral_id = $1::uuid"
    rows = await records.fetch(addresses, "scheduling", query, journey.referral_id)
    return [row["state"] for row in rows]
