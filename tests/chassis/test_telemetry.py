"""Logs and traces say ids and classes; the text of an exception stays inside."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from services.chassis import logs, telemetry

TEXT = "Jordan Example, born 2012-03-01"


@pytest.fixture(autouse=True)
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process would write to its standard output."""
    out, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    logs.log_as_json("referral", "DEBUG")
    yield out
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_exception_is_logged_as_its_class(out: io.StringIO) -> None:
    log = logging.getLogger("services.test")
    try:
        raise ValueError(TEXT)
    except ValueError:
        log.exception("failed", extra={"referral_id": "r1"})

    [line] = lines(out)
    assert (line["event"], line["error"], line["referral_id"]) == ("failed", "ValueError", "r1")
    assert TEXT not in json.dumps(line)


def test_arguments_of_a_message_are_not_logged(out: io.StringIO) -> None:
    logging.getLogger("aiokafka").error("Failed: %s\nsecond line", TEXT)

    [line] = lines(out)
    assert line["event"] == "Failed: %s"
    assert TEXT not in json.dumps(line)


def test_what_nobody_awaited_is_logged_as_its_class(out: io.StringIO) -> None:
    loop = asyncio.new_event_loop()
    logs.quiet_loop_errors(loop, {"message": TEXT, "exception": KeyError(TEXT)})
    loop.close()

    [line] = lines(out)
    assert line["reason"] == "KeyError"
    assert TEXT not in json.dumps(line)


def test_a_line_carries_the_trace_it_belongs_to(out: io.StringIO) -> None:
    with telemetry.span("request"):
        trace = telemetry.trace_id()
        logging.getLogger("services.test").info("done")

    [line] = lines(out)
    assert line["trace_id"] == trace
    assert line["service"] == "referral"


def test_a_failed_span_names_a_class_only() -> None:
    with (
        pytest.raises(ValueError, match="Jordan"),
        telemetry.span("request") as current,
    ):
        raise ValueError(TEXT)

    assert current.status.description == "ValueError"  # type: ignore[attr-defined]
    assert current.events == ()  # type: ignore[attr-defined]
