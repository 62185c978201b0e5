"""Put endpoints on the wire: read, answer, and give every error its status and body."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from retrieval_predictor.edge import pages
from retrieval_predictor.edge.account import CLIENT_GONE, Asked, Ended, settle
from retrieval_predictor.edge.body import read_body
from retrieval_predictor.edge.budget import Holding
from retrieval_predictor.edge.callers import (
    REQUEST_ID_HEADER,
    caller_of,
    plain_address,
    read_headers,
    request_id_of,
)
from retrieval_predictor.edge.calls import (
    EMBEDDER_ENDPOINTS,
    RERANKER_ENDPOINTS,
    Endpoint,
    Incoming,
    Reply,
)
from retrieval_predictor.edge.connection import while_connected
from retrieval_predictor.edge.encoding import plain, refuse_unknown
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol.faults import body_of, fault_of, headers_of
from retrieval_predictor.edge.protocol.oip_rest import LENGTH_HEADER
from retrieval_predictor.edge.protocol.pieces import gathered
from retrieval_predictor.edge.protocol.usage import truncated_inputs

TRUNCATED_HEADER = "x-truncated-inputs"
_JSON = {"content-type": "application/json"}
_SMALL_BYTES = 1 << 14
"""A response that its connection keeps until it is read; with a larger one its request waits."""

Wire = tuple[Scope, Receive, Holding]
"""A request's way in: what is known of it, its body, and what it holds of the worker's budget."""


@dataclass(frozen=True, slots=True)
class Served:
    """A response on its way, and how its request ended.

    `rest` are the pieces behind `content`, None where that is all.
    """

    status: int
    content: bytes
    headers: dict[str, str]
    ended: Ended
    rest: Iterator[bytes] | None = None


def routes(front: Frontend) -> list[BaseRoute]:
    """Every route of this predictor's component."""
    computing = [
        Route(endpoint.path, _Handler(front, endpoint), methods=["POST"])
        for endpoint in _endpoints(front)
    ]
    return [*computing, *pages.routes(front, _endpoints(front))]


def posts(front: Frontend) -> dict[str, ASGIApp]:
    """What answers a POST, by the paths that name the served model or none."""
    name = front.settings.name
    return {
        endpoint.path.replace("{name}", name): _Handler(front, endpoint)
        for endpoint in _endpoints(front)
        if "{version}" not in endpoint.path
    }


def _endpoints(front: Frontend) -> tuple[Endpoint, ...]:
    return EMBEDDER_ENDPOINTS if front.is_embedder else RERANKER_ENDPOINTS


class _Handler:
    """An endpoint as an application of its own; Starlette wraps a plain function in three more."""

    def __init__(self, front: Frontend, endpoint: Endpoint) -> None:
        self._front = front
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_s = time.perf_counter()
        front, endpoint, headers = self._front, self._endpoint, read_headers(scope)
        request_id = request_id_of(headers)
        asked = Asked(endpoint.path, endpoint.protocol, headers, request_id, started_s)
        with Holding(front.budget) as holding:
            served = await _serve(front, endpoint, asked, (scope, receive, holding))
            settle(front, asked, served.ended)
            more = {REQUEST_ID_HEADER: request_id}
            if front.engine.is_draining:
                more["connection"] = "close"  # a client that stayed would ask nobody next time
            await _send(scope, receive, send, served, more)


async def _serve(front: Frontend, endpoint: Endpoint, asked: Asked, wire: Wire) -> Served:
    receive = wire[1]
    try:
        incoming = await _incoming(front, asked, wire)
        read_s = time.perf_counter()
        reply = await while_connected(receive, endpoint.handle(front, incoming))
        pieces = gathered(reply.pieces)
        content, second = next(pieces, b""), next(pieces, None)
    except ClientDisconnect:
        return Served(CLIENT_GONE, b"", {}, Ended())
    except Exception as error:  # noqa: BLE001  (one place turns errors into answers)
        headers = _JSON | headers_of(error)
        content = body_of(error, endpoint.dialect)
        return Served(fault_of(error).status, content, headers, Ended(error=error))
    rest = None if second is None else chain((second,), pieces)
    return Served(200, content, _headers(reply), Ended(reply.answer, read_s=read_s), rest)


async def _incoming(front: Frontend, asked: Asked, wire: Wire) -> Incoming:
    """The request with its body; who may not ask is told so before the body is read."""
    scope, receive, holding = wire
    headers, limits = asked.headers, front.settings.limits
    address = plain_address(scope["client"][0]) if scope["client"] else ""
    caller = caller_of(headers, address, front.keys.check(headers))
    holding.open()
    encoding = headers.get("content-encoding", "")
    refuse_unknown(encoding)
    announced, limit_bytes = headers.get("content-length", ""), limits.max_body_bytes
    sent = await read_body(receive, announced, limit_bytes, limits.body_timeout_s, holding.take)
    body = await plain(sent, encoding, limit_bytes, holding.take) if encoding else sent
    named, length = scope.get("path_params", {}), headers.get(LENGTH_HEADER)
    model, version = named.get("name"), named.get("version")
    return Incoming(body, caller, holding, asked.request_id, model, version, length)


def _headers(reply: Reply) -> dict[str, str]:
    if cut := truncated_inputs(reply.answer):
        return {**reply.headers, TRUNCATED_HEADER: str(cut)}
    return reply.headers


async def _send(
    scope: Scope, receive: Receive, send: Send, served: Served, more: dict[str, str]
) -> None:
    """Write a response, as ASGI 3 has it; a large one in pieces, as they are read."""
    content, rest = served.content, served.rest
    if rest is not None and scope["http_version"] == "1.0":  # which has no chunks
        content, rest = b"".join((content, *rest)), None
    length = {"content-length": str(len(content))} if rest is None else {}
    headers = {**length, **served.headers, **more}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": served.status, "headers": raw})
    if rest is None and len(content) <= _SMALL_BYTES:
        await send({"type": "http.response.body", "body": content})
        return
    with contextlib.suppress(ClientDisconnect):
        await while_connected(receive, _write(send, chain((content,), rest or ())))
        await send({"type": "http.response.body", "body": b""})


async def _write(send: Send, pieces: Iterable[bytes]) -> None:
    """Send pieces, each once most of the one before has been read; others get a turn in between."""
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
