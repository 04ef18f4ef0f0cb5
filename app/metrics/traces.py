"""Traces for OpenTelemetry: a span for each answer and each commit, made when it has ended. It needs the extra otel."""

import time
from importlib import util
from typing import Any, Final

from starlette.types import Scope

from app import VERSION

NANOSECONDS: Final = 1_000_000_000
PATH: Final = "/v1/traces"
FLUSH_MILLISECONDS: Final = 2_000
"""How long the end of the program waits for the collector."""


class NotInstalled(Exception):
    """KENNEL_OTEL_URL needs the extra otel (opentelemetry), which is not installed: make otel installs it."""


class Traces:
    """Sends spans to a collector by OTLP over HTTP, from a thread of its own; what it does not take is dropped.

    A span has the route, never the path, and neither headers nor bodies. A caller's `traceparent` is its parent.
    """

    def __init__(self, url: str) -> None:
        if util.find_spec("opentelemetry.sdk") is None:
            raise NotInstalled
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource({"service.name": "kennel", "service.version": VERSION})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=url.rstrip("/") + PATH)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("kennel", VERSION)
        self._parent = TraceContextTextMapPropagator().extract
        self._kinds = SpanKind

    def answered(self, listener: str, scope: Scope, status: int, seconds: float) -> None:
        """Make the span of an answer that begins now."""
        route = getattr(scope.get("route"), "path", "")
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        attributes = {
            "http.request.method": scope["method"],
            "http.route": route,
            "http.response.status_code": status,
            "kennel.listener": listener,
        }
        context = self._parent({"traceparent": parent.decode("latin-1")})
        self._span(f"{scope['method']} {route}".strip(), seconds, attributes, self._kinds.SERVER, context)

    def committed(self, command: str, requests: int, seconds: float) -> None:
        """Make the span of a transaction that has ended now."""
        attributes = {"kennel.command": command, "kennel.requests": requests}
        self._span(f"commit {command}", seconds, attributes, self._kinds.INTERNAL, None)

    def close(self) -> None:
        """Send what is left, and end."""
        self._provider.force_flush(FLUSH_MILLISECONDS)
        self._provider.shutdown()

    def _span(self, name: str, seconds: float, attributes: dict[str, Any], kind: Any, context: Any) -> None:
        end = time.time_ns()
        begin = end - int(seconds * NANOSECONDS)
        span = self._tracer.start_span(name, context, kind, attributes, start_time=begin)
        span.end(end)
