"""Spans to a local Zipkin page. Everywhere else they leave as OTLP (WAYPOST_TRACES=otlp)."""

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


class ZipkinExporter(SpanExporter):
    def __init__(self, url: str) -> None:
        self.url = url

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = orjson.dumps([zipkin_span(span) for span in spans])
        try:
            answer = httpx.post(
                self.url, content=body, headers={"content-type": "application/json"}, timeout=2
            )
        except httpx.HTTPError:
            return SpanExportResult.FAILURE
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
    if span.parent:
        out["parentId"] = format(span.parent.span_id, "016x")
    if kind := KINDS.get(span.kind):
        out["kind"] = kind
    if span.status.description:
        out["tags"]["error"] = span.status.description
    return out
