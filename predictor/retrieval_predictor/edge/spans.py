"""Exchanges as OpenTelemetry spans, sent by OTLP over HTTP: the only module that knows the SDK.

It is imported where spans are wanted and costs nothing elsewhere. Sampling, batching, headers,
certificates and the service's name follow the SDK's standard variables. The provider is ours alone:
it is not made the process's, so that no library's spans come along unasked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from retrieval_predictor import __version__
from retrieval_predictor.edge.tracing import Exchange, steps

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
"""The specification's default; gRPC would bring a second transport that says the same."""

_FLUSH_S = 2.0
"""A collector that does not answer holds the end of the process up for no longer."""


class Spans:
    """See `retrieval_predictor.edge.tracing.Tracing`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("retrieval_predictor", __version__)

    def record(self, exchange: Exchange) -> str:
        """See `retrieval_predictor.edge.tracing.Tracing`."""
        clock = _Clock()
        server = self._tracer.start_span(
            exchange.name,
            propagate.extract(exchange.headers),
            SpanKind.SERVER,
            exchange.facts,
            start_time=clock.unix_ns(exchange.started_s),
        )
        if server.is_recording():
            self._add_steps(server, exchange, clock)
        if exchange.is_fault:
            server.set_status(StatusCode.ERROR)
        server.end(clock.unix_ns(exchange.ended_s))
        return trace.format_trace_id(server.get_span_context().trace_id)

    def _add_steps(self, server: trace.Span, exchange: Exchange, clock: _Clock) -> None:
        inside = trace.set_span_in_context(server)
        for step in steps(exchange.timings) if exchange.timings else ():
            start_ns = clock.unix_ns(step.start_s)
            span = self._tracer.start_span(
                step.name, inside, attributes=step.facts, start_time=start_ns
            )
            span.end(clock.unix_ns(step.start_s + step.length_s))

    def flush(self) -> None:
        """See `retrieval_predictor.edge.tracing.Tracing`."""
        sending = threading.Thread(target=self._provider.force_flush, daemon=True)
        sending.start()
        sending.join(_FLUSH_S)


class _Clock:
    """Seconds of `time.perf_counter` to Unix nanoseconds, by one look at both."""

    def __init__(self) -> None:
        self._ahead_ns = time.time_ns() - time.perf_counter_ns()

    def unix_ns(self, perf_s: float) -> int:
        return self._ahead_ns + round(perf_s * 1e9)


def open_spans(service_name: str, environment: Mapping[str, str]) -> Spans:
    """Spans to the collector that the environment names.

    `service_name` is used where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES give none.

    Raises:
        ValueError: It asks for a transport that is not spoken here, or its numbers contradict.
    """
    protocol = next(filter(None, map(environment.get, _PROTOCOLS)), _PROTOCOL)
    if protocol != _PROTOCOL:
        raise ValueError(f"OTLP is sent as {_PROTOCOL}, {protocol} is asked for")
    ours = {"service.name": service_name, "service.version": __version__}
    told = OTELResourceDetector().detect().attributes
    resource = Resource.create({**ours, **told})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)
