"""What is kept of a request that has its answer: counts, a log line, and a span.

REST and gRPC both end here. Of what a caller sent only ids, sizes and times are kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol.faults import code_of, fault_of
from retrieval_predictor.edge.protocol.usage import truncated_inputs
from retrieval_predictor.edge.tracing import Exchange, Fact, trace_id_of
from retrieval_predictor.telemetry import metrics
from retrieval_predictor.wire.work import Embeddings, Scores

log = structlog.get_logger(__name__)

CLIENT_GONE = 499
"""The status counted for a client that left before its answer, as nginx counts it."""

_GRPC = "grpc"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, on `time.perf_counter`.

    `route` is the endpoint's, never the path or a name that the caller wrote. `headers` have
    lower-case names.
    """

    route: str
    protocol: str
    headers: Mapping[str, str]
    request_id: str
    started_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended: with an answer, with an error, or with neither for a client that left.

    `read_s` is when its last byte had come; a request without an answer needs none.
    """

    answer: Embeddings | Scores | None = None
    error: Exception | None = None
    read_s: float = 0.0

    @property
    def status(self) -> int:
        """The HTTP status, also for gRPC."""
        if self.error is not None:
            return fault_of(self.error).status
        return CLIENT_GONE if self.answer is None else 200


def settle(front: Frontend, asked: Asked, ended: Ended) -> None:
    """Count a request, and log and trace it where that is wanted."""
    ended_s = time.perf_counter()
    _count(front, asked, ended, ended_s)
    level = _level(ended.status)
    is_logged = log.is_enabled_for(level)
    trace_id = trace_id_of(asked.headers) if is_logged else None
    if front.tracing is not None:
        trace_id = front.tracing.record(_exchange(front, asked, ended, ended_s))
    if is_logged:
        _log(level, asked, ended, ended_s - asked.started_s, trace_id)


def _count(front: Frontend, asked: Asked, ended: Ended, ended_s: float) -> None:
    model = front.settings.name
    labels = (model, front.task, asked.protocol)
    metrics.series(metrics.requests, *labels, str(ended.status)).inc()
    if ended.answer is None:
        return
    metrics.series(metrics.request_duration_s, *labels).observe(ended_s - ended.read_s)
    metrics.series(metrics.tokenise_s, model).observe(ended.answer.timings.tokenise_s)
    if cut := truncated_inputs(ended.answer):
        metrics.truncated_inputs.labels(model, front.task).inc(cut)


def _level(status: int) -> int:
    if status < 500:
        return logging.DEBUG
    return logging.ERROR if status == 500 else logging.WARNING


def _log(level: int, asked: Asked, ended: Ended, duration_s: float, trace_id: str | None) -> None:
    facts: dict[str, object] = {
        "route": asked.route,
        "status": ended.status,
        "request_id": asked.request_id,
        "trace_id": trace_id,
        "duration_ms": round(duration_s * 1000, 3),
    }
    if ended.error is not None:
        facts["code"] = code_of(ended.error)
    if level == logging.ERROR:
        facts["exc_info"] = ended.error
    log.log(level, "request" if ended.status < 500 else "request_failed", **facts)


def _exchange(front: Frontend, asked: Asked, ended: Ended, ended_s: float) -> Exchange:
    answer = ended.answer
    facts: dict[str, Fact] = {
        **(_rpc_facts(asked, ended) if asked.protocol == _GRPC else _http_facts(asked, ended)),
        "gen_ai.operation.name": "embeddings" if front.is_embedder else "rerank",
        "gen_ai.request.model": front.settings.name,
        "gen_ai.response.model": front.settings.model.uri,
        "retrieval.request_id": asked.request_id,
    }
    if ended.error is not None:
        facts["error.type"] = code_of(ended.error)
    if answer is not None:
        facts["gen_ai.usage.input_tokens"] = int(answer.token_counts.sum())
        facts["retrieval.texts"] = int(answer.token_counts.size)
        facts["retrieval.truncated_inputs"] = truncated_inputs(answer)
    timings = answer.timings if answer else None
    name = asked.route if asked.protocol == _GRPC else f"POST {asked.route}"
    return Exchange(
        name, asked.headers, asked.started_s, ended_s, facts, timings, ended.status >= 500
    )


def _http_facts(asked: Asked, ended: Ended) -> dict[str, Fact]:
    """OpenTelemetry semantic conventions, HTTP server spans."""
    return {
        "http.request.method": "POST",
        "http.route": asked.route,
        "http.response.status_code": ended.status,
    }


def _rpc_facts(asked: Asked, ended: Ended) -> dict[str, Fact]:
    """OpenTelemetry semantic conventions, RPC server spans."""
    ok_or_gone = "CANCELLED" if ended.answer is None else "OK"
    status = fault_of(ended.error).grpc if ended.error else ok_or_gone
    return {
        "rpc.system.name": _GRPC,
        "rpc.method": asked.route,
        "rpc.response.status_code": status,
    }
