"""Stories S19, S20 and S30 (DOMAIN.md §11): what may be signed, and what it is worth."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from contracts import rules
from deploy.demo.actors import World, until
from deploy.demo.cast import Cast
from deploy.demo.children import GOALS
from deploy.demo.journey import SESSIONS, SUPERVISOR, Journey
from deploy.local.stack import Addresses
from tests.stories import records
from tests.stories.scenes import afternoon, becomes, in_service, pass_day, settle, write_up

DEVICES = 6


async def test_s19_a_session_at_the_time_of_a_signed_one_stays_a_draft_until_resolved(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    first, second = cast.journeys(2)
    mentor = await in_service(cast, [first, second])
    start, minutes = afternoon(world, draw), draw.randrange(40, 120)
    then = start + timedelta(minutes=draw.randrange(20, minutes))
    pass_day(world, start)
    one = await write_up(first, mentor, start, minutes)
    two = await write_up(second, mentor, then, minutes)

    await first.sign(mentor, one)
    refused = await second.sign(mentor, two, refused_ok=True)

    assert (refused.status, refused.body["code"]) == (409, "mentor-sessions-overlap")
    assert await states(addresses, one, two) == ["signed", "draft"]

    path = f"{SESSIONS}/{one['session_id']}"
    await world.staff(SUPERVISOR, "POST", f"{path}/return", {"reason": "It ended earlier."})
    assert await states(addresses, one, two) == ["draft", "draft"]
    goals = await first.goals(mentor, start.isoformat())
    await world.staff(mentor, "PUT", path, first.note(start, then, goals))  # now they touch
    await settle(second, mentor, two)
    await settle(first, mentor, one)

    assert await states(addresses, one, two) == ["final", "final"]
    assert (await records.note(addresses, one["session_id"]))["ends_at"] == then
    for journey, note in ((first, one), (second, two)):
        assert await encounters(journey, 1) == {note["session_id"]}
        told = await records.told(addresses, "documentation", journey)
        assert told.count("SessionLogged.v1") == 1


async def test_s19_of_overlapping_sessions_signed_at_once_exactly_one_is_signed(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journeys = cast.journeys(2)
    mentor = await in_service(cast, journeys)
    start = afternoon(world, draw)
    pass_day(world, start)
    drafts = [
        (journey, await write_up(journey, mentor, start + timedelta(minutes=shift), 60))
        for shift in draw.sample(range(60), DEVICES // 2)
        for journey in journeys
    ]

    answers = await asyncio.gather(
        *(journey.sign(mentor, note, refused_ok=True) for journey, note in drafts)
    )

    assert Counter(answer.status for answer in answers) == {200: 1, 409: DEVICES - 1}
    found = await states(addresses, *(note for _, note in drafts))
    assert Counter(found) == {"signed": 1, "draft": DEVICES - 1}


async def test_s19_one_note_signed_on_two_devices_at_once_is_signed_once(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journey = cast.journeys(1)[0]
    mentor = await in_service(cast, [journey])
    start = afternoon(world, draw)
    pass_day(world, start)
    note = await write_up(journey, mentor, start, 60)
    other = World(addresses, run=f"{world.run}, another device")
    elsewhere = replace(journey, world=other)

    answers = await asyncio.gather(
        *(one.sign(mentor, note, refused_ok=True) for one in (journey, elsewhere))
    )
    await other.http.aclose()
    await journey.cosign(note)

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert await encounters(journey, 1) == {note["session_id"]}
    told = await records.told(addresses, "documentation", journey)
    assert told.count("SessionLogged.v1") == 1


async def test_s20_a_goal_that_the_hub_dropped_is_cited_by_no_billable_session_since(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journey = cast.journeys(1)[0]
    journey.child = replace(journey.child, goals=tuple(draw.sample(GOALS, 2)))
    gone = draw.randrange(2)
    mentor = await in_service(cast, [journey])
    before = afternoon(world, draw)
    pass_day(world, before)
    both = await journey.goals(mentor, before.isoformat())
    ids = {goal["text"]: goal["goal_id"] for goal in both}
    dropped, kept = ids[journey.child.goals[gone]], ids[journey.child.goals[1 - gone]]
    earlier = await write_up(journey, mentor, before, 60)

    world.skip_to(before + timedelta(days=1))
    await journey.drop_goal(gone)
    start = afternoon(world, draw)

    async def citable() -> list[str]:
        return [goal["goal_id"] for goal in await journey.goals(mentor, start.isoformat())]

    await becomes("the plan without the goal", citable, [kept])
    pass_day(world, start)
    await settle(journey, mentor, earlier)  # of a day on which the goal still stood
    body = journey.note(start, start + timedelta(minutes=60), both)
    note = await journey.draft(mentor, body)
    refused = await journey.sign(mentor, note, refused_ok=True)

    assert (refused.status, refused.body["code"]) == (422, "goal-not-on-plan")
    assert await states(addresses, note) == ["draft"]

    active = [goal for goal in both if goal["goal_id"] == kept]
    path = f"{SESSIONS}/{note['session_id']}"
    corrected = journey.note(start, start + timedelta(minutes=60), active)
    await world.staff(mentor, "PUT", path, corrected)
    await settle(journey, mentor, note)
    later = start + timedelta(minutes=90)
    unbilled = journey.note(later, later + timedelta(minutes=60), both) | {"billable": False}
    unbilled_note = await journey.draft(mentor, unbilled)
    await settle(journey, mentor, unbilled_note)

    assert await states(addresses, earlier, note, unbilled_note) == ["final"] * 3
    logged = await records.bodies(addresses, "documentation", journey, "SessionLogged.v1")
    assert [sorted(one["goal_ids"]) for one in logged] == [sorted([kept, dropped]), [kept], [kept]]
    assert [(one["billable"], one["units"]) for one in logged] == [(True, 4), (True, 4), (False, 0)]
    assert await audited(addresses, f"POST {path}/sign") == [422, 200]
    retired = await records.bodies(addresses, "documentation", journey, "GoalRetired.v1")
    assert [one["goal_id"] for one in retired] == [dropped]
    plan = await until("the hub's CarePlan", journey.care_plan)
    assert [one["reference"] for one in plan["goal"]] == [f"Goal/{kept}"]


async def test_s30_units_are_whole_quarters_of_an_hour_by_the_rule_of_the_day(
    cast: Cast, world: World, addresses: Addresses, draw: Random
) -> None:
    journey = cast.journeys(1)[0]
    mentor = await in_service(cast, [journey])
    start = afternoon(world, draw)
    pass_day(world, start)
    lengths = [53, 14, 14 + 59 / 60, 22, 24, draw.randrange(15, 120)]
    draw.shuffle(lengths)
    pack = rules.load()
    size = pack.value("unit.minutes", on=start.date()).value
    assert (size, pack.value("unit.rounding", on=start.date()).value) == (15, "floor")

    begin = start
    for length in lengths:
        await settle(journey, mentor, await write_up(journey, mentor, begin, length))
        begin += timedelta(minutes=length)

    rows = await records.notes(addresses, journey)
    worth = [row["units"] for row in rows]
    assert worth == [int(length) // size for length in lengths]
    assert (worth[lengths.index(53)], worth[lengths.index(14)]) == (3, 0)
    logged = await records.bodies(addresses, "documentation", journey, "SessionLogged.v1")
    assert [one["units"] for one in logged] == worth
    assert [one["rule_pack_version"] for one in logged] == [
        row["rule_pack_version"] for row in rows
    ]
    assert len(await encounters(journey, len(lengths))) == len(lengths)
    shown = await journey.world.read(journey.hub, f"Encounter?patient=Patient/{journey.youth_id}")
    lasted = sorted(entry["resource"]["length"]["value"] for entry in shown["entry"])
    assert lasted == sorted(int(length) for length in lengths)  # minutes; units are not its concern


async def states(addresses: Addresses, *notes: Any) -> list[str]:
    return [(await records.note(addresses, note["session_id"]))["state"] for note in notes]


async def encounters(journey: Journey, number: int) -> set[str]:
    """The sessions that the hub reads, once there are so many of them."""
    path = f"Encounter?patient=Patient/{journey.youth_id}"

    async def found() -> set[str] | None:
        bundle = await journey.world.read(journey.hub, path)
        ids = {str(UUID(entry["resource"]["id"])) for entry in (bundle or {}).get("entry", ())}
        return ids if len(ids) >= number else None

    ids: set[str] = await until(f"{journey.child.placer}: Encounters", found)
    return ids


async def audited(addresses: Addresses, act: str) -> list[int]:
    """What each attempt at an act was answered, in order."""
    query = "SELECT status FROM audit WHERE act = $1 ORDER BY at"
    return [row["status"] for row in await records.fetch(addresses, "documentation", query, act)]
