"""What the demonstration prints: the chart, the picture, the table, the lines; and how it ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

import deploy.demo.__main__ as demo
from deploy.demo import picture, serve, token
from deploy.demo.account import Account, Line, Wrongs
from deploy.demo.actors import Refusal
from deploy.demo.backlog import Sample, chart
from deploy.demo.lines import lines, printed
from deploy.demo.picture import Goal, Picture, Session, drawn
from deploy.demo.shown import cells
from deploy.local.stack import Addresses
from deploy.local.up import HOME

# --- The chart -----------------------------------------------------------------------------------


def test_a_chart_rises_and_falls_with_the_backlog() -> None:
    heights = [0, 0, 6, 12, 12, 3, 0]
    samples = [Sample(float(at), 0, height) for at, height in enumerate(heights)]

    rows = [row.partition("┤")[2] for row in chart(samples, [], columns=7).split("\n")[:6]]

    assert rows == ["   ██", "   ██", "   ██", "  ███", "  ███▄", "  ████"]


def test_a_chart_names_its_top_and_says_when_what_happened() -> None:
    samples = [Sample(0.0, 0, 0), Sample(5.0, 40, 120), Sample(10.0, 0, 0)]

    told = chart(samples, [(2.5, "Kafka is stopped"), (9.0, "all is applied")], columns=20)

    assert told.startswith("   120 ┤")
    assert "a 2.5 s Kafka is stopped" in told
    assert "b 9.0 s all is applied" in told
    [letters] = [row for row in told.split("\n") if row.split() == ["a", "b"]]
    assert letters.index("a") - 8 == 5
    assert "10 s" in told


def test_one_waiting_event_is_seen_beside_a_thousand() -> None:
    samples = [Sample(0.0, 0, 1), Sample(1.0, 0, 1000)]

    [*_, lowest] = chart(samples, [], columns=2).split("\n")[:6]

    assert lowest.endswith("┤▁█")


def test_nothing_measured_is_an_empty_chart_and_no_error() -> None:
    assert "0 ┼" in chart([], [], columns=10)
    assert "█" not in chart([Sample(0.0, 0, 0)], [], columns=10)


# --- The picture ---------------------------------------------------------------------------------


def test_a_picture_has_a_row_for_each_goal_and_a_column_for_each_session() -> None:
    one, two = (
        Session(str(uuid4()), datetime(2026, 11, day, 15, 0, tzinfo=UTC), 75, units)
        for day, units in ((24, 5), (30, None))
    )
    picture = Picture(
        "Therapeutic Mentoring plan of REF-1",
        [
            Goal("Join a game.", "active", "improving", {one.id_: 1, two.id_: 3}),
            Goal("Cook a meal.", "cancelled", None, {one.id_: 0}),
        ],
        [one, two],
    )

    text = said(drawn(picture))

    assert "11-24 10:00" in text  # New York
    assert "● Join a game." in text
    assert "▂ 1" in text
    assert "▆ 3" in text
    assert "active, improving" in text
    assert "✗ Cook a meal." in text
    assert "▁ 0" in text
    assert "·" in text
    assert "75 min" in text
    assert "5 units" in text


def said(what: Any) -> str:
    console = Console(width=150, record=True, file=StringIO())
    console.print(what)
    return console.export_text()


# --- The table and the end -----------------------------------------------------------------------


def account(**changes: Any) -> Account:
    line = Line("urn:hub|REF-1", *(uuid4(), uuid4(), uuid4()), "River Inc", "admitted", "x", "")
    return replace(Account([line], [], [], 0, {}, Wrongs()), **changes)


def test_a_line_says_what_is_wrong_with_it() -> None:
    [line] = account().lines

    assert cells(line)[-1] == "[green]right"
    assert cells(replace(line, problems=["one", "two"]))[-1] == "[red]one; two"
    assert cells(replace(line, notices=["a note is due"]))[-1] == "[yellow]right; a note is due"
    assert cells(line)[0] == "REF-1"


NOT_RIGHT: Mapping[str, dict[str, Any]] = {
    "lost": {"wrongs": Wrongs(lost=1)},
    "twice": {"wrongs": Wrongs(twice=1)},
    "out of order": {"wrongs": Wrongs(out_of_order=1)},
    "held": {"wrongs": Wrongs(held=1)},
    "accepted and unknown": {"unknown": ["REF-9"]},
    "refused and known": {"ghosts": ["REF-9"]},
    "nothing at all": {"lines": []},
    "a referral not where it should be": {
        "lines": [replace(account().lines[0], problems=["it is elsewhere"])]
    },
}


@pytest.mark.parametrize("wrong", NOT_RIGHT.values(), ids=NOT_RIGHT.keys())
def test_an_account_with_anything_wrong_is_not_right(wrong: dict[str, Any]) -> None:
    assert account().is_right
    assert not account(**wrong).is_right


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(True, 0), (False, 1), (Refusal("No."), 2), (TimeoutError("Late."), 2)],
    ids=["right", "not right", "refused", "late"],
)
def test_how_the_demo_ends_is_its_exit_status(
    outcome: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def demonstrate(*_: object) -> bool:
        await asyncio.sleep(0)
        if isinstance(outcome, Exception):
            raise outcome
        return bool(outcome)

    class Up:
        def __init__(self, home: Path) -> None:
            self.home = home

        def up(self) -> None:
            return None

    monkeypatch.setattr(demo, "Stack", Up)
    monkeypatch.setattr(demo, "demonstrate", demonstrate)
    monkeypatch.setattr("sys.argv", ["demo", "--seed", "1"])

    assert demo.main() == status


@pytest.mark.parametrize("command", [token, picture, serve], ids=["token", "picture", "serve"])
def test_a_command_without_a_stack_says_what_to_do(
    command: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["command", "riverbend", "--home", str(tmp_path)])

    assert command.main() == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert str(tmp_path) in told.err
    assert "ever up" in told.err


# --- The lines -----------------------------------------------------------------------------------


class Journey:
    hub, task_id, referral_id = "riverbend", "T-1", "R-1"


def addresses(home: Path) -> Addresses:
    services = ("referral", "scheduling", "documentation", "notifications")
    return Addresses(
        home=str(home),
        base_url="http://127.0.0.1:8080",
        fhir="http://127.0.0.1:8080/fhir",
        token_url="",
        kafka="127.0.0.1:9092",
        ops=dict.fromkeys(services, "http://127.0.0.1:9001"),
        dsn={},
        simulators={"hub": "http://127.0.0.1:9100"},
        files={},
    )


def test_the_usual_folder_needs_no_options() -> None:
    told = printed(lines(addresses(HOME), Journey(), "no page"))  # type: ignore[arg-type]

    assert "make down" in told
    assert "--home" not in told
    assert "--env-file" not in told


def test_another_folder_is_named_in_each_line_that_needs_it(tmp_path: Path) -> None:
    found = lines(addresses(tmp_path), Journey(), "no page")  # type: ignore[arg-type]

    assert "make down" not in printed(found)
    for part in ("deploy.demo.token", "waypost", "up down"):
        [line, *_] = [line for line in found if part in line.text]
        assert str(tmp_path) in line.text, part
