"""Where traces go, and the span around each request. What spans are: `telemetry`."""

from typing import Literal

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.logs import log_as_json
from services.chassis.telemetry import PASSED_ON, SpanKind, provide, span


def start(
    service: str,
    *,
    traces: Literal["none", "zipkin", "otlp"] = "none",
    url: str | None = None,
    level: str = "INFO",
) -> None:
    """Begin to log as JSON lines and to export spans; call once, when the process starts."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = exporter_for(traces, url)
    if exporter:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    provide(provider, exported=exporter is not None)
    log_as_json(service, level)


def exporter_for(traces: str, url: str | None) -> SpanExporter | None:
    if traces == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=url or "http://127.0.0.1:4318/v1/traces")
    if traces == "zipkin":
        from services.chassis.zipkin import ZipkinExporter

        return ZipkinExporter(url or "http://127.0.0.1:9411/api/v2/spans")
    return None


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
