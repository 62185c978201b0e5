"""Put endpoints on the wire: read, search, and give every error its status and body."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from retrieval_predictor.edge.body import read_body
from retrieval_predictor.edge.callers import (
    REQUEST_ID_HEADER,
    caller_of,
    read_headers,
    request_id_of,
)
from retrieval_predictor.edge.connection import while_connected
from retrieval_predictor.edge.protocol.faults import body_of, code_of, fault_of, headers_of
from retrieval_predictor.edge.protocol.oip_rest import LENGTH_HEADER
from retrieval_predictor.telemetry import metrics
from retrieval_search.edge.calls import ENDPOINTS, Endpoint, Incoming
from retrieval_search.edge.frontend import Frontend

log = structlog.get_logger(__name__)

CLIENT_GONE = 499
"""The status counted for a client that left before its answer, as nginx counts it."""

_TASK = "search"
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Served:
    """A response on its way; `read_s` is when the request's last byte had come, 0 for never."""

    status: int
    content: bytes
    headers: Mapping[str, str]
    error: Exception | None = None
    read_s: float = 0.0


def routes(front: Frontend) -> list[BaseRoute]:
    """Every route that searches."""
    return [Route(one.path, Handler(front, one), methods=["POST"]) for one in ENDPOINTS]


def posts(front: Frontend) -> dict[str, ASGIApp]:
    """What answers a POST, by its path with the served name in it."""
    name = front.settings.served_name
    return {one.path.replace("{name}", name): Handler(front, one) for one in ENDPOINTS}


class Handler:
    """An endpoint as an application of its own."""

    def __init__(self, front: Frontend, endpoint: Endpoint) -> None:
        self._front = front
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI 3 has it."""
        headers = read_headers(scope)
        request_id = request_id_of(headers)
        served = await self._serve(scope, receive, headers, request_id)
        self._settle(served, request_id)
        more = {REQUEST_ID_HEADER: request_id}
        if self._front.index.phase == "draining":
            more["connection"] = "close"
        await _send(send, served, more)

    async def _serve(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], request_id: str
    ) -> Served:
        try:
            incoming = await self._incoming(scope, receive, headers, request_id)
            read_s = time.perf_counter()
            handled = self._endpoint.handle(self._front, incoming)
            content = await while_connected(receive, handled)
        except ClientDisconnect:
            return Served(CLIENT_GONE, b"", {})
        except Exception as error:  # noqa: BLE001  (one place turns errors into answers)
            content = body_of(error, self._endpoint.dialect)
            return Served(fault_of(error).status, content, _JSON | headers_of(error), error)
        return Served(200, content, _JSON, read_s=read_s)

    async def _incoming(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], request_id: str
    ) -> Incoming:
        """The request with its body; who may not ask is told so before the body is read."""
        limits = self._front.settings.limits
        address = scope["client"][0] if scope["client"] else ""
        caller = caller_of(headers, address, self._front.keys.check(headers))
        announced = headers.get("content-length", "")
        body = await read_body(receive, announced, limits.max_body_bytes, limits.body_timeout_s)
        name = scope.get("path_params", {}).get("name")
        return Incoming(body, caller, request_id, name, headers.get(LENGTH_HEADER))

    def _settle(self, served: Served, request_id: str) -> None:
        labels = (self._front.settings.served_name, _TASK, self._endpoint.protocol)
        metrics.series(metrics.requests, *labels, str(served.status)).inc()
        if served.read_s:
            taken_s = time.perf_counter() - served.read_s
            metrics.series(metrics.request_duration_s, *labels).observe(taken_s)
        level = logging.DEBUG if served.status < 500 else logging.WARNING
        if log.is_enabled_for(level):
            facts = {"route": self._endpoint.path, "status": served.status}
            code = code_of(served.error) if served.error else None
            is_ours = served.status == 500
            log.log(level, "request", request_id=request_id, code=code, **facts,
                    exc_info=served.error if is_ours else None)  # fmt: skip


async def _send(send: Send, served: Served, more: Mapping[str, str]) -> None:
    """Write a response, as ASGI 3 has it."""
    headers = {"content-length": str(len(served.content)), **served.headers, **more}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": served.status, "headers": raw})
    await send({"type": "http.response.body", "body": served.content})
