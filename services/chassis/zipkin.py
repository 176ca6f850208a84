"""Spans to a local Zipkin page. Everywhere else they leave as OTLP (WAYPOST_TRACES=otlp)."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

# Zipkin knows no "internal": such a span has no kind.
KINDS = {
    SpanKind.SERVER: "SERVER",
    SpanKind.CLIENT: "CLIENT",
    SpanKind.PRODUCER: "PRODUCER",
    SpanKind.CONSUMER: "CONSUMER",
}


MOST_HELD = 5_000  # spans kept while the page is away; it may start after us


class ZipkinExporter(SpanExporter):
    """Posts spans; those that nobody took are sent again with the next ones."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.held: deque[bytes] = deque(maxlen=MOST_HELD)
        # Never the environment's proxy: the page is on this machine.
        self.http = httpx.Client(timeout=2, trust_env=False)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.held.extend(orjson.dumps(zipkin_span(span)) for span in spans)
        body = b"[" + b",".join(self.held) + b"]"
        try:
            answer = self.http.post(
                self.url, content=body, headers={"content-type": "application/json"}
            )
        except httpx.HTTPError:
            return SpanExportResult.FAILURE
        self.held.clear()  # also when it said no: it would say so again
        return SpanExportResult.SUCCESS if answer.is_success else SpanExportResult.FAILURE


def zipkin_span(span: ReadableSpan) -> dict[str, Any]:
    ids, begun, ended = span.context, span.start_time or 0, span.end_time or 0
    out: dict[str, Any] = {
        "traceId": format(ids.trace_id, "032x"),
        "id": format(ids.span_id, "016x"),
        "name": span.name,
        "timestamp": begun // 1000,
        "duration": max(1, (ended - begun) // 1000),
        "localEndpoint": {"serviceName": str(span.resource.attributes["service.name"])},
        "tags": {name: str(value) for name, value in (span.attributes or {}).items()},
    }
    if span.links:  # Zipkin knows none
        linked = (one.context for one in span.links)
        out["tags"]["links"] = " ".join(f"{to.trace_id:032x}-{to.span_id:016x}" for to in linked)
    if span.parent:
        out["parentId"] = format(span.parent.span_id, "016x")
    if kind := KINDS.get(span.kind):
        out["kind"] = kind
    if peer := out["tags"].get("peer.service"):
        out["remoteEndpoint"] = {"serviceName": peer}  # an edge to a partner who sends no spans
    if span.status.description:
        out["tags"]["error"] = span.status.description
    return out
