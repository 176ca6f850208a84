"""What an operator sees of the endpoints that are told: one that is dead shows, no address does."""

import re
from datetime import timedelta

import pytest

from services.cli import endpoints
from services.cli.databases import console
from tests.notifications.conftest import ehr, rig
from tests.notifications.rig import Rig, task_changed

__all__ = ["ehr", "rig"]


async def shown(rig: Rig, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """The table by client, as it is printed."""
    await endpoints.show(rig.pool)
    rows = [re.split(r"[┃│]", line) for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in row[1:-1]] for row in rows if len(row) > 2]
    head, *rest = cells
    return {row[0]: dict(zip(head, row, strict=True)) for row in rest}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 160)


async def test_a_dead_endpoint_shows_what_waits_for_it_and_the_others_do_not(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    well, dead = rig.hub(), rig.hub()
    for hub in (well, dead):
        await rig.subscribed(hub, "referral-progress")
    dead.behave("500")
    for hub in (well, dead):
        child = await rig.child(hub)
        for version in (1, 2, 3):
            await rig.hear(task_changed(child, version))
    await rig.work()

    table = await shown(rig, capsys)
    assert (table[well.name]["subscriptions"], table[well.name]["queued"]) == ("1 active", "0")
    assert (table[well.name]["tried for"], table[well.name]["next try"]) == ("-", "-")
    assert table[dead.name]["queued"] == "3"
    assert re.fullmatch(r"\d+ s", table[dead.name]["tried for"])
    assert re.fullmatch(r"in \d+ s", table[dead.name]["next try"])


async def test_what_was_given_up_stays_in_sight(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = rig.hub()
    await rig.subscribed(hub, "referral-progress")
    child = await rig.child(hub)
    hub.behave("500")
    await rig.hear(task_changed(child, 1))
    await rig.work()
    await rig.later(timedelta(days=30))
    await rig.work()

    row = (await shown(rig, capsys))[hub.name]
    assert (row["subscriptions"], row["given up"], row["queued"]) == ("1 off", "1", "0")


async def test_an_address_is_never_shown(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    hub = rig.hub()  # its address may hold a secret of the hub's
    await rig.subscribed(hub, "referral-progress")

    await endpoints.show(rig.pool)

    assert hub.endpoint not in capsys.readouterr().out


async def test_without_subscribers_that_is_said(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    await endpoints.show(rig.pool)

    assert "Nobody has subscribed" in capsys.readouterr().out
