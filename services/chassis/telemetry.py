"""Traces and logs: one trace from a hub's request through every event it causes; ids only.

A trace context is accepted from HTTP, stored with events and work, and passed on in requests.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import orjson
import structlog
from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SpanKind", "TraceRequests", "carried", "span", "start", "stop", "trace_id", "trace_of"]

PASSED_ON = ("traceparent", "tracestate")  # and no baggage: it is the caller's text
FOREIGN = ("aiokafka", "asyncio", "faststream", "httpx", "httpcore", "uvicorn", "alembic")

# A provider of our own, also before `start`: without one, ids would be zeros and links lost.
_provider = TracerProvider()
_propagator = TraceContextTextMapPropagator()


def start(
    service: str,
    *,
    traces: Literal["none", "zipkin", "otlp"] = "none",
    url: str | None = None,
    level: str = "INFO",
) -> None:
    """Begin to log as JSON lines and to export spans; call once, when the process starts."""
    global _provider
    _provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if exporter := exporter_for(traces, url):
        _provider.add_span_processor(BatchSpanProcessor(exporter))
    log_as_json(service, level)


def stop() -> None:
    _provider.shutdown()


def exporter_for(traces: str, url: str | None) -> SpanExporter | None:
    if traces == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=url or "http://127.0.0.1:4318/v1/traces")
    if traces == "zipkin":
        from services.chassis.zipkin import ZipkinExporter

        return ZipkinExporter(url or "http://127.0.0.1:9411/api/v2/spans")
    return None


# --- Spans ---------------------------------------------------------------------------------------


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Mapping[str, str] | None = None,
    links: Sequence[Link] = (),
    **attributes: str | int,
) -> Iterator[Span]:
    """A span under `parent`, headers of a trace context; without one, under the current span.

    A failure is noted as a class name: messages may hold what the database or a hub said.
    """
    under = _propagator.extract(parent) if parent else None
    current = _provider.get_tracer("waypost").start_span(
        name, context=under, kind=kind, links=links, attributes=attributes
    )
    token = context.attach(trace.set_span_in_context(current, under or context.get_current()))
    try:
        yield current
    except BaseException as error:
        current.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        context.detach(token)
        current.end()


def carried() -> dict[str, str]:
    """The current trace context as headers; empty outside of any span."""
    headers: dict[str, str] = {}
    _propagator.inject(headers)
    return headers


def trace_id() -> str | None:
    found = trace.get_current_span().get_span_context()
    return format(found.trace_id, "032x") if found.is_valid else None


def trace_of(headers: Mapping[str, str]) -> str | None:
    """The trace's id in stored headers."""
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 else None


class TraceRequests:
    """ASGI middleware: one span per request, under the caller's; a malformed parent is ignored."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        parent = {name: sent[name] for name in PASSED_ON if name in sent}
        method = scope["method"]
        with span(method, kind=SpanKind.SERVER, parent=parent) as current:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    current.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, answer)
            # The route's template, never the path: it may hold what a stranger typed.
            route = getattr(scope.get("route"), "path", "unknown route")
            current.update_name(f"{method} {route}")


# --- Logs ----------------------------------------------------------------------------------------


def log_as_json(service: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                said_plainly,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                with_ids(service),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=as_json),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in FOREIGN:
        logging.getLogger(name).setLevel("WARNING")


EventDict = MutableMapping[str, Any]


def said_plainly(_: object, __: str, event: EventDict) -> EventDict:
    """Only the constant part of a message, and of an exception only its class: no values."""
    record: logging.LogRecord = event["_record"]
    event["event"] = str(record.msg).splitlines()[0] if record.msg else ""
    error, _, _ = event.pop("exc_info", None) or (None, None, None)
    if error:
        event["error"] = error.__name__
    for more in ("stack_info", "color_message"):  # uvicorn says things twice, once in colour
        event.pop(more, None)
    return event


def with_ids(service: str) -> structlog.typing.Processor:
    def add(_: object, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        if (id_ := trace_id()) and "trace_id" not in event:
            event["trace_id"] = id_
        return event

    return add


def as_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def quiet_loop_errors(loop: asyncio.AbstractEventLoop, details: Mapping[str, Any]) -> None:
    """asyncio's handler prints the exception's text; ours says which class it was."""
    error = details.get("exception")
    reason = type(error).__name__ if error else "unknown"
    logging.getLogger(__name__).error("unhandled-in-loop", extra={"reason": reason})
