"""An OpenTelemetry collector: takes OTLP over HTTP and keeps the spans it is sent."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.load import serving


@dataclass(slots=True)
class Collector:
    """What came in so far; `service` is the name that the last sender gave itself."""

    url: str = ""
    service: str = ""
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """POST /v1/traces."""
        body = await request.read()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(body)
        for resource in sent.resource_spans:
            self.service = facts(resource.resource)["service.name"]
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")

    def of(self, trace_id: str, count: int, timeout_s: float = 30.0) -> list[Span]:
        """The spans of a trace, once there are so many, in the order of their starts."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            found = [one for one in self.spans if one.trace_id.hex() == trace_id]
            if len(found) >= count:
                return sorted(found, key=lambda span: (span.start_time_unix_nano, -len(span.name)))
            assert time.monotonic() < deadline_s, f"{len(found)} spans of {trace_id}, not {count}"
            time.sleep(0.05)


def facts(holder: Any) -> dict[str, Any]:
    """The attributes of a span or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    with serving(web.post("/v1/traces", collector.take)) as url:
        collector.url = url
        yield collector
