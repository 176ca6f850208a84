"""Spans: one trace from a hub's request through every event that it causes; ids only.

A trace context is accepted from HTTP, stored with events and work, and passed on in requests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = [
    "PASSED_ON",
    "SpanKind",
    "asking",
    "carried",
    "provide",
    "span",
    "stop",
    "trace_id",
    "trace_of",
]

OURS = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")
PASSED_ON = ("traceparent", "tracestate")  # and no baggage: it is the caller's text

# A provider of our own, also before `provide`: without one, ids would be zeros and links lost.
_provider = TracerProvider()
_tracer = _provider.get_tracer("waypost")  # to ask for it costs more than a span
_exported = True
_propagator = TraceContextTextMapPropagator()
_ids = RandomIdGenerator()


def provide(provider: TracerProvider, *, exported: bool = True) -> None:
    """Send the spans of this process there; call once, when it starts.

    Not `exported`: nobody will see them, so they have ids, which are logged and passed on, and
    nothing else. A span that is kept costs as much as a row that is written.
    """
    global _provider, _tracer, _exported
    _provider, _tracer, _exported = provider, provider.get_tracer("waypost"), exported


def stop() -> None:
    _provider.shutdown()


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
    under = context_of(parent) if parent else None
    current: Span
    if _exported:
        current = _tracer.start_span(
            name, context=under, kind=kind, links=links, attributes=attributes
        )
    else:
        current = only_ids(under)
    token = context.attach(trace.set_span_in_context(current, under or context.get_current()))
    try:
        yield current
    except BaseException as error:
        current.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        context.detach(token)
        current.end()


def context_of(headers: Mapping[str, str]) -> context.Context:
    """The trace context in headers; one that we wrote ourselves is read without ado."""
    said = OURS.fullmatch(headers.get("traceparent", ""))
    if not said or headers.get("tracestate"):
        return _propagator.extract(headers)
    trace_id, span_id, flags = (int(part, 16) for part in said.groups())
    if not trace_id or not span_id:
        return _propagator.extract(headers)
    place = SpanContext(trace_id, span_id, True, TraceFlags(flags))
    return trace.set_span_in_context(NonRecordingSpan(place))


def only_ids(under: context.Context | None) -> Span:
    """A span that says nothing of itself; whoever is below it belongs to the same trace."""
    parent = trace.get_current_span(under).get_span_context()
    if parent.is_valid:
        id_, flags, state = parent.trace_id, parent.trace_flags, parent.trace_state
    else:
        id_, flags, state = _ids.generate_trace_id(), TraceFlags(TraceFlags.SAMPLED), None
    return NonRecordingSpan(SpanContext(id_, _ids.generate_span_id(), False, flags, state))


@contextmanager
def asking(peer: str, name: str, *, also: Sequence[Mapping[str, str]] = ()) -> Iterator[Span]:
    """A span around a request that we make; `peer` is who is asked, as a trace page names it.

    `also`: headers of other trace contexts for which it is made. Each has a span of its own there,
    and these and the one that the request carries are linked both ways.
    """
    with ExitStack() as stack, span(name, kind=SpanKind.CLIENT) as current:
        current.set_attribute("peer.service", peer)
        for headers in also if _exported else ():
            link = Link(current.get_span_context())
            there = _tracer.start_span(
                name,
                context=context_of(headers),
                kind=SpanKind.CLIENT,
                links=[link],
                attributes={"peer.service": peer},
            )
            stack.callback(there.end)
            current.add_link(there.get_span_context())
        yield current


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
