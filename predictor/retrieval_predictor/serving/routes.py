"""Put endpoints on the wire: read, time, count, and give every error its status and body."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from retrieval_predictor import metrics
from retrieval_predictor.protocol.faults import body_of, code_of, fault_of, headers_of
from retrieval_predictor.protocol.oip_rest import LENGTH_HEADER
from retrieval_predictor.protocol.usage import truncated_inputs
from retrieval_predictor.serving import pages
from retrieval_predictor.serving.body import read_body
from retrieval_predictor.serving.callers import caller_of
from retrieval_predictor.serving.calls import (
    EMBEDDER_ENDPOINTS,
    RERANKER_ENDPOINTS,
    Endpoint,
    Incoming,
    Reply,
)
from retrieval_predictor.serving.connection import while_connected
from retrieval_predictor.serving.frontend import Frontend

log = structlog.get_logger(__name__)

TRUNCATED_HEADER = "x-truncated-inputs"

CLIENT_GONE = 499
"""The status counted for a client that left before its answer, as nginx counts it."""


def routes(front: Frontend) -> list[BaseRoute]:
    """Every route of this predictor's component."""
    endpoints = EMBEDDER_ENDPOINTS if front.is_embedder else RERANKER_ENDPOINTS
    computing = [
        Route(endpoint.path, _handler(front, endpoint), methods=["POST"]) for endpoint in endpoints
    ]
    return [*computing, *pages.routes(front)]


def _handler(front: Frontend, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            incoming = await _incoming(front, request)
        except ClientDisconnect:
            return _gone(front, endpoint)
        except Exception as error:  # noqa: BLE001  (one place turns errors into answers)
            return _refuse(front, endpoint, error)
        return await _answer(front, endpoint, request, incoming)

    return handle


async def _incoming(front: Frontend, request: Request) -> Incoming:
    """The request with its body; who may not ask is told so before the body is read."""
    address = request.client.host if request.client else ""
    caller = caller_of(request.headers, address, front.keys.check(request.headers))
    limits = front.settings.limits
    body = await read_body(request, limits.max_body_bytes, limits.body_timeout_s)
    length = request.headers.get(LENGTH_HEADER)
    return Incoming(body, caller, request.path_params.get("name"), length)


async def _answer(
    front: Frontend, endpoint: Endpoint, request: Request, incoming: Incoming
) -> Response:
    started_s = time.perf_counter()
    try:
        reply = await while_connected(request, endpoint.handle(front, incoming))
    except ClientDisconnect:
        return _gone(front, endpoint)
    except Exception as error:  # noqa: BLE001  (one place turns errors into answers)
        return _refuse(front, endpoint, error)
    labels = (front.settings.name, front.task, endpoint.protocol)
    _count(front, endpoint, 200)
    metrics.request_duration_s.labels(*labels).observe(time.perf_counter() - started_s)
    return _accept(front, reply)


def _accept(front: Frontend, reply: Reply) -> Response:
    cut = truncated_inputs(reply.answer)
    headers = dict(reply.headers)
    if cut:
        headers[TRUNCATED_HEADER] = str(cut)
        metrics.truncated_inputs.labels(front.settings.name, front.task).inc(cut)
    metrics.tokenise_s.labels(front.settings.name).observe(reply.answer.timings.tokenise_s)
    return Response(reply.content, headers=headers)


def _gone(front: Frontend, endpoint: Endpoint) -> Response:
    _count(front, endpoint, CLIENT_GONE)
    return Response(status_code=CLIENT_GONE)


def _count(front: Frontend, endpoint: Endpoint, status: int) -> None:
    labels = (front.settings.name, front.task, endpoint.protocol, str(status))
    metrics.requests.labels(*labels).inc()


def _refuse(front: Frontend, endpoint: Endpoint, error: Exception) -> Response:
    fault = fault_of(error)
    if fault.status == 500:
        log.error("request_failed", route=endpoint.path, exc_info=error)
    _count(front, endpoint, fault.status)
    log.debug("request_refused", route=endpoint.path, code=code_of(error))
    return Response(
        body_of(error, endpoint.dialect),
        status_code=fault.status,
        media_type="application/json",
        headers=headers_of(error),
    )
