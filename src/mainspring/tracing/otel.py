"""OpenTelemetry's SDK, set up by its standard environment variables; imported only where they ask for traces."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from mainspring import __version__
from mainspring.core.errors import MainspringError
from mainspring.core.trace import Trace
from mainspring.tracing import Call, Span, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)
_LAST_SPANS_S = 2.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


def tracer_from(environ: Mapping[str, str] = os.environ) -> Tracer | None:
    """What the environment asks for; None where it does not. Raises MainspringError for what can't be had.

    Beside the variables that the SDK reads itself (sampler, service name, resource, batches, endpoint, headers):
    OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_[TRACES_]PROTOCOL.
    """
    chosen = [one.strip() for one in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if one.strip()]
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or chosen == ["none"]:
        return None
    if not chosen and not any(environ.get(name) for name in _ENDPOINTS):
        return None
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ids = _ids()
    resource = Resource.create({"service.version": __version__, **_named(environ)})
    provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    for name in chosen or ["otlp"]:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name, environ)))
    log.info("traces go to %s", ", ".join(chosen or ["otlp"]))
    return _Otel(provider, ids)


def _named(environ: Mapping[str, str]) -> dict[str, str]:
    told = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if told else {"service.name": "mainspring"}


def _exporter(name: str, environ: Mapping[str, str]) -> Any:
    """The exporter of an installed package by its standard name."""
    asked = name
    if name == "otlp":
        protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
        )
        asked, name = f"otlp over {protocol}", _PROTOCOLS.get(protocol, protocol)
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    found = [one for one in entry_points(group="opentelemetry_traces_exporter") if one.name == name]
    if not found:
        raise MainspringError(
            f"Traces can't be sent by {asked}: no installed package does that. OTEL_TRACES_EXPORTER can be otlp,"
            " console or none, OTEL_EXPORTER_OTLP_PROTOCOL http/protobuf; for grpc, install"
            " opentelemetry-exporter-otlp-proto-grpc."
        )
    return found[0].load()()


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Chosen(RandomIdGenerator):
        """Gives the next span an id that was known before. Spans begin in the event loop alone."""

        span_id: str | None = None

        def generate_span_id(self) -> int:
            return int(self.span_id, 16) if self.span_id else super().generate_span_id()

    return Chosen()


class _Otel:
    """Implements Tracer."""

    def __init__(self, provider: TracerProvider, ids: Any) -> None:
        from opentelemetry import propagate, trace

        self._provider = provider
        self._tracer = provider.get_tracer("mainspring", __version__)
        self._ids = ids
        self._extract = propagate.extract
        self._api = trace
        self._kinds = {"internal": trace.SpanKind.INTERNAL, "client": trace.SpanKind.CLIENT}

    def call(self, method: str, headers: Mapping[str, str]) -> Call:
        """A span of a request, under the one that the headers name."""
        context = self._extract(dict(headers))
        parent = self._api.get_current_span(context).get_span_context()
        span = self._tracer.start_span(method, context=context, kind=self._api.SpanKind.SERVER)
        return _OtelCall(span, f"{parent.span_id:016x}" if parent.is_valid else None)

    def tell(self, span: Span) -> None:
        """A span with the id that it has in its trace."""
        trace = span.trace
        if not trace.sampled:
            return
        self._ids.span_id = trace.span_id
        try:
            made = self._tracer.start_span(
                span.name,
                context=self._above(trace),
                kind=self._kinds[span.kind],
                attributes=dict(span.attributes),
                start_time=_nanoseconds(span.begin),
            )
        finally:
            self._ids.span_id = None
        for name, at in span.events.items():
            made.add_event(name, timestamp=_nanoseconds(at))
        if span.error is not None:
            made.set_status(self._api.StatusCode.ERROR, span.error)
        made.end(_nanoseconds(max(span.begin, span.end)))

    def close(self) -> None:
        """Send what is left; a collector that does not answer holds up nobody for long."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(_LAST_SPANS_S)

    def _above(self, trace: Trace) -> Any:
        api = self._api
        above = api.SpanContext(
            trace_id=int(trace.trace_id, 16),
            span_id=int(trace.parent_id or trace.span_id, 16),
            is_remote=True,
            trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED),
            trace_state=api.TraceState.from_header([trace.state]) if trace.state else None,
        )
        return api.set_span_in_context(api.NonRecordingSpan(above))


class _OtelCall:
    """Implements Call."""

    def __init__(self, span: Any, parent_id: str | None) -> None:
        self._span = span
        at = span.get_span_context()
        state = at.trace_state.to_header() if at.trace_state else ""
        ids = (f"{at.trace_id:032x}", f"{at.span_id:016x}")
        self.trace = Trace(*ids, parent_id, bool(at.trace_flags.sampled), state)

    def end(self, name: str, status: int, attributes: Mapping[str, str | int]) -> None:
        """It was answered; a fault of the server is an error."""
        from opentelemetry.trace import StatusCode

        self._span.update_name(name)
        self._span.set_attributes({**attributes, "http.response.status_code": status})
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000
