"""Put endpoints on the wire: read, answer, and give every error its status and body."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from retrieval_predictor.protocol.faults import body_of, fault_of, headers_of
from retrieval_predictor.protocol.oip_rest import LENGTH_HEADER
from retrieval_predictor.protocol.usage import truncated_inputs
from retrieval_predictor.serving import pages
from retrieval_predictor.serving.account import CLIENT_GONE, Asked, Ended, settle
from retrieval_predictor.serving.body import read_body
from retrieval_predictor.serving.callers import REQUEST_ID_HEADER, caller_of, request_id_of
from retrieval_predictor.serving.calls import (
    EMBEDDER_ENDPOINTS,
    RERANKER_ENDPOINTS,
    Endpoint,
    Incoming,
    Reply,
)
from retrieval_predictor.serving.connection import while_connected
from retrieval_predictor.serving.frontend import Frontend

TRUNCATED_HEADER = "x-truncated-inputs"
_REQUEST_ID = REQUEST_ID_HEADER.encode("ascii")
_LAST = (b"connection", b"close")
"""A client that stayed connected to a pod that ends would send its next request to nobody."""


@dataclass(frozen=True, slots=True)
class Served:
    """A response on its way, and how its request ended."""

    response: Response
    ended: Ended


def routes(front: Frontend) -> list[BaseRoute]:
    """Every route of this predictor's component."""
    endpoints = EMBEDDER_ENDPOINTS if front.is_embedder else RERANKER_ENDPOINTS
    computing = [
        Route(endpoint.path, _Handler(front, endpoint), methods=["POST"]) for endpoint in endpoints
    ]
    return [*computing, *pages.routes(front, endpoints)]


class _Handler:
    """An endpoint as an application of its own; Starlette wraps a plain function in three more."""

    def __init__(self, front: Frontend, endpoint: Endpoint) -> None:
        self._front = front
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await _handle(self._front, self._endpoint, Request(scope, receive))
        await response(scope, receive, send)


async def _handle(front: Frontend, endpoint: Endpoint, request: Request) -> Response:
    started_s = time.perf_counter()
    request_id = request_id_of(request.headers)
    served = await _serve(front, endpoint, request, request_id)
    served.response.raw_headers.append((_REQUEST_ID, request_id.encode("ascii")))
    if front.engine.is_draining:
        served.response.raw_headers.append(_LAST)
    asked = Asked(endpoint.path, endpoint.protocol, request.headers, request_id, started_s)
    settle(front, asked, served.ended)
    return served.response


async def _serve(front: Frontend, endpoint: Endpoint, request: Request, request_id: str) -> Served:
    try:
        incoming = await _incoming(front, request, request_id)
        read_s = time.perf_counter()
        reply = await while_connected(request, endpoint.handle(front, incoming))
    except ClientDisconnect:
        return Served(Response(status_code=CLIENT_GONE), Ended())
    except Exception as error:  # noqa: BLE001  (one place turns errors into answers)
        return Served(_refusal(endpoint, error), Ended(error=error))
    return Served(_response(reply), Ended(reply.answer, read_s=read_s))


async def _incoming(front: Frontend, request: Request, request_id: str) -> Incoming:
    """The request with its body; who may not ask is told so before the body is read."""
    address = request.client.host if request.client else ""
    caller = caller_of(request.headers, address, front.keys.check(request.headers))
    limits = front.settings.limits
    body = await read_body(request, limits.max_body_bytes, limits.body_timeout_s)
    path, length = request.path_params, request.headers.get(LENGTH_HEADER)
    return Incoming(body, caller, request_id, path.get("name"), path.get("version"), length)


def _response(reply: Reply) -> Response:
    headers = dict(reply.headers)
    if cut := truncated_inputs(reply.answer):
        headers[TRUNCATED_HEADER] = str(cut)
    return Response(reply.content, headers=headers)


def _refusal(endpoint: Endpoint, error: Exception) -> Response:
    return Response(
        body_of(error, endpoint.dialect),
        status_code=fault_of(error).status,
        media_type="application/json",
        headers=headers_of(error),
    )
