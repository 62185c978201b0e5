"""What an answered request tells a trace: whether anybody wants it, and the steps it took.

The standard variables of OpenTelemetry decide, because collectors, their operator and every SDK
already share them: a name of our own would be a second name for the same knob
(OpenTelemetry specification, "OTLP Exporter Configuration" and "Environment Variables").
Engines send their times along with their rows, so the API workers know every step when the answer
is ready; an engine needs no exporter. Nothing here, and no span, holds a text of a user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from retrieval_predictor.wire.work import Timings

Fact = str | int | float | bool

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_TRACEPARENT = re.compile(
    r"(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}"
)
"""W3C Trace Context, section 3.2.2; later versions may carry more behind it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a request's time; it starts at `start_s` on `time.perf_counter`."""

    name: str
    start_s: float
    length_s: float
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, as told to a trace; seconds are those of `time.perf_counter`.

    `headers` have lower-case names and may carry the caller's trace. `timings` are there where
    rows were computed. `is_fault` says that the answer blames this service.
    """

    name: str
    headers: Mapping[str, str]
    started_s: float
    ended_s: float
    facts: Mapping[str, Fact]
    timings: Timings | None = None
    is_fault: bool = False


class Tracing(Protocol):
    """Whoever takes exchanges to a collector."""

    def record(self, exchange: Exchange) -> str:
        """Tell of an exchange; gives the id of the trace it belongs to, 32 hexadecimal digits."""

    def flush(self) -> None:
        """Send what is left, for a short while at most."""


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether spans are to be exported: an endpoint is named, and nothing speaks against it."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    named = any(environment.get(name, "").strip() for name in _ENDPOINTS)
    return named and exporter == "otlp" and not is_off


def trace_id_of(headers: Mapping[str, str]) -> str | None:
    """The id of the trace that a request says it belongs to, by its `traceparent`."""
    found = _TRACEPARENT.match(headers.get("traceparent", ""))
    return found[1] if found else None


def steps(timings: Timings) -> Iterator[Step]:
    """Tokenise, queue and forward, one after the other; rows out of the cache have only the first.

    What passes between two of them, such as the way to the engine, belongs to none.
    """
    start_s, passes = timings.started_s, timings.passes
    yield Step("tokenise", start_s, timings.tokenise_s)
    start_s += timings.tokenise_s
    if timings.queue_s or timings.forward_s:
        yield Step("queue", start_s, timings.queue_s)
        facts = {
            "retrieval.batches": passes.count,
            "retrieval.batch.texts": passes.texts,
            "retrieval.batch.tokens": passes.tokens,
        }
        yield Step("forward", start_s + timings.queue_s, timings.forward_s, facts)
