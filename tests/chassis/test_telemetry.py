"""Logs and traces say ids and classes; the text of an exception stays inside."""

import asyncio
import json
import logging

import pytest

from services.chassis import telemetry

TEXT = "Jordan Example, born 2012-03-01"


@pytest.fixture
def root() -> logging.Logger:
    return logging.getLogger()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def logging_as_a_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, root: logging.Logger
) -> None:
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    telemetry.log_as_json("referral", "DEBUG")


def test_an_exception_is_logged_as_its_class(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("services.test")
    try:
        raise ValueError(TEXT)
    except ValueError:
        log.exception("failed", extra={"referral_id": "r1"})

    [line] = lines(capsys)
    assert (line["event"], line["error"], line["referral_id"]) == ("failed", "ValueError", "r1")
    assert TEXT not in json.dumps(line)


def test_arguments_of_a_message_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("aiokafka").error("Failed: %s\nsecond line", TEXT)

    [line] = lines(capsys)
    assert line["event"] == "Failed: %s"
    assert TEXT not in json.dumps(line)


def test_what_nobody_awaited_is_logged_as_its_class(capsys: pytest.CaptureFixture[str]) -> None:
    loop = asyncio.new_event_loop()
    telemetry.quiet_loop_errors(loop, {"message": TEXT, "exception": KeyError(TEXT)})
    loop.close()

    [line] = lines(capsys)
    assert line["reason"] == "KeyError"
    assert TEXT not in json.dumps(line)


def test_a_line_carries_the_trace_it_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    with telemetry.span("request"):
        trace = telemetry.trace_id()
        logging.getLogger("services.test").info("done")

    [line] = lines(capsys)
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
