"""An OpenTelemetry collector for tests: takes OTLP over HTTP in a thread of this process, and keeps the spans."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Told:
    """A span as it arrived: ids in hex, times in seconds since 1970, status by its number (2 is an error)."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    begin: float
    end: float
    status: int
    attributes: dict[str, Any]
    service: str


@dataclass
class Collector:
    """url: for OTEL_EXPORTER_OTLP_ENDPOINT. headers: of the newest export. hooks: headers of what came to url/hook."""

    url: str = ""
    spans: list[Told] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    hooks: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> list[Told]:
        return [span for span in list(self.spans) if span.name == name]

    def until(self, condition: Callable[[], Any], limit_s: float = 20) -> Any:
        """What the condition gives once it gives something; for other threads than the event loop's."""
        until = time.monotonic() + limit_s
        while not (found := condition()):
            assert time.monotonic() < until, [(span.name, span.parent) for span in self.spans]
            time.sleep(0.01)
        return found

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = _attributes(resource.resource.attributes).get("service.name", "")
            for scope in resource.scope_spans:
                self.spans += [_told(span, service) for span in scope.spans]


def _told(span: Any, service: str) -> Told:
    return Told(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        begin=span.start_time_unix_nano / 1e9,
        end=span.end_time_unix_nano / 1e9,
        status=span.status.code,
        attributes=_attributes(span.attributes),
        service=service,
    )


def _attributes(found: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in found}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens on loopback until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {k.lower(): v for k, v in self.headers.items()}
            if self.path == "/v1/traces":
                collector.headers = headers
                zipped = headers.get("content-encoding") == "gzip"
                collector.take(gzip.decompress(body) if zipped else body)
            else:
                collector.hooks.append(headers)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="collector")
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
