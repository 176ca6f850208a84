"""Logs and traces say ids and classes; the text of an exception stays inside."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.chassis import logs, telemetry
from services.chassis.zipkin import zipkin_span

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


def sparingly() -> logs.Sparingly:
    filters = (each for handler in logging.getLogger().handlers for each in handler.filters)
    return next(each for each in filters if isinstance(each, logs.Sparingly))


def lines(out: io.StringIO) -> list[dict[str, Any]]:
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


def test_a_library_that_repeats_itself_is_heard_once_in_ten_seconds(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(sparingly(), "clock", lambda: now)
    library, ours = logging.getLogger("aiokafka.client"), logging.getLogger("services.test")

    for now in (0.0, 1.0, 9.0, 11.0, 12.0):
        library.error("Unable to connect to %s", now)
        library.warning("Another thing")
        ours.warning("said")

    said = lines(out)
    assert [line.get("unsaid") for line in said if line["event"].startswith("Unable")] == [None, 2]
    assert len([line for line in said if line["event"] == "Another thing"]) == 2
    assert len([line for line in said if line["event"] == "said"]) == 5


def test_messages_that_differ_are_forgotten_after_a_while(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(sparingly(), "clock", lambda: now)

    for number in range(2_000):
        now = float(number)
        logging.getLogger("aiokafka").error(f"with its value {number}")  # noqa: G004

    assert len(lines(out)) == 2_000
    assert len(sparingly().said) < 1_000


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    ended, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ended))
    telemetry.provide(provider)
    yield ended
    telemetry.provide(TracerProvider())


def test_a_request_made_for_several_causes_is_found_from_the_trace_of_each(
    exported: InMemorySpanExporter,
) -> None:
    causes = [{"traceparent": f"00-{digit * 32}-{digit * 16}-01"} for digit in "ab"]

    with telemetry.span("work"), telemetry.asking("hub", "tell hub", also=causes):
        sent = telemetry.carried()["traceparent"]

    spans = {f"{one.context.trace_id:032x}": one for one in exported.get_finished_spans()[:-1]}
    _, own, id_, _ = sent.split("-")
    for digit in "ab":
        there = spans[digit * 32]
        assert there.parent
        assert f"{there.parent.span_id:016x}" == digit * 16
        assert zipkin_span(there)["tags"]["links"] == f"{own}-{id_}"
        assert zipkin_span(there)["remoteEndpoint"] == {"serviceName": "hub"}
        linked = f"{digit * 32}-{there.context.span_id:016x}"
        assert linked in zipkin_span(spans[own])["tags"]["links"]
    assert {one.name for one in spans.values()} == {"tell hub"}


def test_where_nobody_looks_several_causes_have_no_spans_of_their_own() -> None:
    ended, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ended))
    telemetry.provide(provider, exported=False)
    cause = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}

    with telemetry.asking("hub", "tell hub", also=[cause]):
        pass

    telemetry.provide(TracerProvider())
    assert ended.get_finished_spans() == ()


@pytest.fixture
def unexported() -> Iterator[None]:
    telemetry.provide(TracerProvider(), exported=False)
    yield
    telemetry.provide(TracerProvider())


def test_a_span_that_nobody_will_see_still_has_its_place_in_the_trace(unexported: None) -> None:
    given = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00", "tracestate": "hub=1"}

    with telemetry.span("request", parent=given, ce_sequence=1):
        outer = telemetry.carried()
        with telemetry.span("command"):
            inner = telemetry.carried()
    with telemetry.span("another"):
        other = telemetry.carried()

    version, trace, span, flags = outer["traceparent"].split("-")
    assert (version, trace, flags) == ("00", "a" * 32, "00")
    assert span != "b" * 16
    assert inner["traceparent"].split("-")[1] == trace
    assert inner["traceparent"] != outer["traceparent"]
    assert inner["tracestate"] == outer["tracestate"] == "hub=1"
    assert other["traceparent"].split("-")[1] != trace
    assert other["traceparent"].endswith("-01")  # who exports below us keeps it
    assert telemetry.carried() == {}


@pytest.mark.parametrize(
    "said",
    [
        f"00-{'a' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-00",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"01-{'a' * 32}-{'b' * 16}-01-more",
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-03",
        "nonsense",
        "",
    ],
)
@pytest.mark.parametrize("state", ["", "hub=1"])
def test_a_trace_context_is_read_as_the_standard_says(said: str, state: str) -> None:
    headers = {"traceparent": said, "tracestate": state}

    ours = trace.get_current_span(telemetry.context_of(headers)).get_span_context()
    theirs = TraceContextTextMapPropagator().extract(headers)

    assert ours == trace.get_current_span(theirs).get_span_context()
