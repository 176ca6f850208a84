"""What an operator sees and does about events that stand still."""

import asyncio
import json
import re
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
import typer
from typer.testing import CliRunner

from services.chassis import outbox, work
from services.chassis.db import Pool, transaction
from services.cli import inboxes, story
from services.cli.__main__ import app
from services.cli.databases import SERVICES, console, dsn_of, load
from tests.chassis.rig import NOW, STREAMS, Noted, Rig, applied, noted, retold, waiting
from tests.chassis.story import Owner
from tests.conftest import OpenDatabase
from tests.postgres import Server

FIRST, SECOND = STREAMS[:2]
EVERY = [noted(FIRST, n) for n in range(1, 6)]


@pytest.fixture
async def rig(
    pool: Pool, open_database: OpenDatabase, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Rig:
    """A consumer "scheduling"; the other services' databases are there, and still."""
    await open_database("two")
    for service in SERVICES:
        name = "one" if service == "scheduling" else "two"
        monkeypatch.setenv(f"WAYPOST_{service.upper()}_DSN", server.dsn(name))
    rig = Rig(pool)
    monkeypatch.setattr(inboxes, "inbox_of", lambda _: rig.inbox)
    monkeypatch.setattr(console, "width", 200)
    monkeypatch.setattr(story.console, "width", 250)
    return rig


@pytest.fixture
async def owner(open_database: OpenDatabase) -> Owner:
    """The producer of what scheduling hears."""
    return Owner(await open_database("two"))


async def test_status_counts_what_is_told_heard_and_held(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.poison.add((FIRST, 2))
    await rig.receive(EVERY)

    await inboxes.show_status()

    line = next(text for text in capsys.readouterr().out.splitlines() if "scheduling" in text)
    for part in ("1 ValueError", "3 predecessor", "1 refused"):
        assert part in line


async def test_status_says_who_is_how_far_behind_on_a_narrow_screen_too(
    rig: Rig, owner: Owner, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    for _ in range(3):
        await owner.append(FIRST)
    await rig.receive([noted(FIRST, 1)])

    await inboxes.show_status()

    head, *rows = [re.split(r"[┃│]", line) for line in capsys.readouterr().out.splitlines()]
    cells = {row[1].strip(): [cell.strip() for cell in row] for row in [head, *rows] if row[1:]}
    behind, last = cells["service"].index("behind"), cells["service"].index("late")
    # One database stands for all three others here: two of them are heard by scheduling.
    assert cells["scheduling"][behind] == str(2 * 3 - 1)
    assert cells["notifications"][behind] == str(2 * 3)
    assert cells["notifications"][last] == "-"


async def test_waiting_names_what_stands_still_and_why(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.poison.add((FIRST, 2))
    await rig.receive([*EVERY, noted(SECOND, 1), retold(noted(SECOND, 1))])

    await inboxes.show_waiting()

    said = capsys.readouterr().out
    assert "ValueError" in said
    assert "frozen: number-reused" in said


async def test_an_id_stays_in_one_piece_on_a_narrow_screen(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    rig.poison.add((FIRST, 2))
    await rig.receive(EVERY)

    await inboxes.show_waiting()

    assert str(FIRST.stream_id) in capsys.readouterr().out


async def test_retry_dry_run_tells_and_changes_nothing_then_retry_heals(rig: Rig) -> None:
    rig.poison.add((FIRST, 2))
    await rig.receive(EVERY)

    assert await inboxes.retry_service("scheduling", None, dry_run=False, thaw=False) == 1
    rig.poison.clear()
    assert await inboxes.retry_service("scheduling", None, dry_run=True, thaw=False) == 0
    assert (await applied(rig.pool))[FIRST] == [1]
    assert await inboxes.retry_service("scheduling", None, dry_run=False, thaw=False) == 0

    assert (await applied(rig.pool))[FIRST] == [1, 2, 3, 4, 5]


async def test_what_waits_is_shown_without_its_values(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.poison.add((FIRST, 2))
    told = {"youth_id": str(FIRST.stream_id), "n": 2, "received_on": "2026-03-01", "gone": None}
    told |= {"Jordan Example": 1, "gaps": ["consent"], "urgent": True}
    await rig.receive([EVERY[0], noted(FIRST, 2, body=json.dumps(told).encode())])

    assert await inboxes.show_one("scheduling", FIRST)

    said = capsys.readouterr().out
    for part in ("ValueError", str(FIRST.stream_id), "number", "text of 10", "list of 1", "null"):
        assert part in said
    for part in ("2026-03-01", "Jordan", "consent"):
        assert part not in said
    assert not await inboxes.show_one("scheduling", SECOND)
    acts = [row["act"] for row in await rig.pool.fetch("SELECT act FROM audit")]
    assert acts == ["waypost waiting show"]


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"\xff\x00", "2 bytes that are no JSON"), (b"[1, 2]", "list of 2"), (b'"name"', "text of 4")],
)
def test_a_body_that_is_no_event_is_masked_too(body: bytes, said: str) -> None:
    assert inboxes.masked_fields(body) == [("?", said)]


def test_waiting_alone_lists(rig: Rig) -> None:
    asked = [CliRunner().invoke(app, ["waiting", *more]) for more in ([], ["list"])]

    assert {answer.exit_code for answer in asked} == {0}
    assert len({answer.output for answer in asked}) == 1


async def test_a_retry_of_many_keeps_its_pace(rig: Rig) -> None:
    rig.poison = {(stream, 1) for stream in STREAMS}
    await rig.receive([noted(stream, 1) for stream in STREAMS])
    rig.poison.clear()
    begun = time.monotonic()

    left = await retry_all(inboxes.Pace(per_second=10))

    assert left == 0
    assert time.monotonic() - begun >= (len(STREAMS) - 1) / 10


async def test_a_retry_of_many_stops_where_nothing_is_mended(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.poison = {(stream, 1) for stream in STREAMS}
    await rig.receive([noted(stream, 1) for stream in STREAMS])

    left = await retry_all(inboxes.Pace(per_second=1000, stop_after=2))

    assert left == len(STREAMS)
    assert f"2 in a row stand still; {len(STREAMS) - 2} not tried" in capsys.readouterr().out
    attempts = await rig.pool.fetch("SELECT attempts FROM inbox_waiting")
    assert sorted(row["attempts"] for row in attempts) == [1] * (len(STREAMS) - 2) + [2, 2]


async def test_a_retry_that_is_stopped_leaves_the_rest_as_it_was(rig: Rig) -> None:
    rig.poison = {(stream, 1) for stream in STREAMS}
    await rig.receive([noted(stream, 1) for stream in STREAMS])
    rig.poison.clear()
    task = asyncio.create_task(retry_all(inboxes.Pace(per_second=1)))
    async with asyncio.timeout(60):
        while not await applied(rig.pool):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    task.cancel()
    await asyncio.wait([task])

    assert len(await applied(rig.pool)) + len(await waiting(rig.pool)) == len(STREAMS)
    assert await waiting(rig.pool)


async def retry_all(pace: inboxes.Pace) -> int:
    return await inboxes.retry_service("scheduling", None, dry_run=False, thaw=False, pace=pace)


async def test_a_frozen_stream_goes_on_only_when_thawed_and_as_its_producer_says(
    rig: Rig, owner: Owner
) -> None:
    await owner.append(FIRST)
    [told] = await owner.events({FIRST: 0})
    await rig.receive([retold(told), told])

    assert await inboxes.retry_service("scheduling", None, dry_run=False, thaw=False) == 1
    assert await applied(rig.pool) == {}
    assert await thaw_all() == 0

    assert await applied(rig.pool) == {FIRST: [1]}
    assert await rig.pool.fetchval("SELECT last_event_id FROM inbox_cursor") == told.event_id
    acts = await rig.pool.fetch("SELECT act, resources FROM audit")
    assert [tuple(row) for row in acts] == [("waypost thaw", [f"stream/{FIRST.stream_id}"])]


async def test_a_stream_whose_producer_was_restored_is_thawed_from_the_moment_that_is_named(
    rig: Rig, owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        await owner.append(FIRST)
    await rig.receive(await owner.events({FIRST: 0}))
    await owner.pool.execute("DELETE FROM event WHERE sequence > 1")
    await owner.pool.execute("UPDATE stream SET last_sequence = 1")
    restored = await owner.pool.fetchval("SELECT clock_timestamp()")
    for _ in range(3):
        await owner.append(FIRST)
    await rig.receive(await owner.events({FIRST: 0}))

    assert await thaw_all() == 1
    assert "restored; say when" in capsys.readouterr().out
    assert await applied(rig.pool) == {FIRST: [1, 2, 3]}
    assert await thaw_all(restored) == 0

    # What was applied of the history that is gone stays; of the other all, once and in order.
    assert await applied(rig.pool) == {FIRST: [1, 2, 3, 2, 3, 4]}
    assert await waiting(rig.pool) == []


async def thaw_all(restored: datetime | None = None) -> int:
    return await inboxes.retry_service(
        "scheduling", None, dry_run=False, thaw=True, restored=restored
    )


async def test_skip_gives_up_one_event_and_is_in_the_audit(rig: Rig) -> None:
    rig.poison.add((FIRST, 2))
    await rig.receive(EVERY)

    await inboxes.skip_one("scheduling", FIRST, "sent by mistake")

    assert (await applied(rig.pool))[FIRST] == [1, 3, 4, 5]
    assert await waiting(rig.pool) == []
    [record] = await rig.pool.fetch("SELECT kind, act, resources FROM audit")
    assert record["kind"] == "operator"
    assert record["resources"] == [f"event/{EVERY[1].event_id}"]


async def test_skip_refuses_an_event_that_is_merely_missing(rig: Rig) -> None:
    await rig.receive([noted(FIRST, 2)])

    with pytest.raises(typer.BadParameter, match="Number 1 was not refused"):
        await inboxes.skip_one("scheduling", FIRST, "late")


async def test_story_shows_what_was_told_who_heard_it_and_what_is_due(
    rig: Rig,
) -> None:
    async with transaction(rig.pool) as conn:
        event_id = await outbox.append(conn, Noted(youth_id=FIRST.stream_id, n=1), at=NOW)
        payload = {"youth_id": str(FIRST.stream_id)}
        await work.add(conn, "remind", payload, due_at=NOW, lane=None)
        await work.add(conn, "remind", {}, due_at=NOW, lane=f"hub/{FIRST.stream_id}")
        await work.add(conn, "remind", {"youth_id": str(UUID(int=77))}, due_at=NOW, lane=None)
    await rig.receive(EVERY)

    journey = story.Journey({FIRST.stream_id})
    await story.read_service(journey, "scheduling", FIRST.stream_id)

    assert [row["event_id"] for _, row in journey.told] == [event_id]
    assert len(journey.work) == 2
    assert ("scheduling", "referral", FIRST.stream_id) in journey.heard


def test_an_env_file_fills_what_the_environment_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYPOST_REFERRAL_DSN", "from the environment")
    monkeypatch.setenv("WAYPOST_SCHEDULING_DSN", "")  # so that it is put back afterwards
    monkeypatch.delenv("WAYPOST_SCHEDULING_DSN")
    file = tmp_path / "waypost.env"
    file.write_text("export WAYPOST_REFERRAL_DSN='a'\nexport WAYPOST_SCHEDULING_DSN='b c'\n")

    load(file)

    assert dsn_of("referral") == "from the environment"
    assert dsn_of("scheduling") == "b c"
    monkeypatch.delenv("WAYPOST_SCHEDULING_DSN")
    with pytest.raises(typer.BadParameter, match="Where is the database of scheduling"):
        dsn_of("scheduling")
