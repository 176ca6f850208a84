"""Spans on their way to the local trace page, which may start after the services."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from deploy.local.machine import free_ports
from deploy.local.zipkin import Zipkin
from services.chassis.zipkin import ZipkinExporter


class Page:
    """What a trace page is told, by a server that can be started late."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        [self.port] = free_ports(1)
        self.server: HTTPServer | None = None

    def start(self) -> None:
        told = self.spans

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                told.extend(json.loads(body))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = HTTPServer(("127.0.0.1", self.port), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    yield page
    page.stop()


def test_spans_that_nobody_took_yet_come_with_the_next_ones(page: Page) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "referral"}))
    exporter = ZipkinExporter(f"http://127.0.0.1:{page.port}/api/v2/spans")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")

    with tracer.start_as_current_span("first"):
        pass
    page.start()
    with tracer.start_as_current_span("second"):
        pass
    with tracer.start_as_current_span("third"):
        pass

    assert [span["name"] for span in page.spans] == ["first", "second", "third"]
    assert {span["localEndpoint"]["serviceName"] for span in page.spans} == {"referral"}


def test_the_page_listens_on_loopback_only_and_stays_small(tmp_path: Any) -> None:
    command = Zipkin(tmp_path / "zipkin.jar", 9411).part().command

    assert "--armeria.ports[0].ip=127.0.0.1" in command
    assert "-Xmx64m" in command
