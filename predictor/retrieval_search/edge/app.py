"""Everything that an API worker answers, as one application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from retrieval_predictor.edge.ahead import Ahead
from retrieval_predictor.edge.callers import read_headers
from retrieval_predictor.edge.keys import Keys
from retrieval_predictor.edge.protocol.faults import Dialect, body_of, headers_of
from retrieval_predictor.errors import Unauthorised
from retrieval_search.edge import pages, tools
from retrieval_search.edge.frontend import Frontend
from retrieval_search.edge.routes import posts, routes

_HELLO_S = 5.0
"""A new worker takes requests once it knows what the index process does, or after so long."""


def application(front: Frontend) -> ASGIApp:
    """Every route of a search service, and nothing else."""
    mcp = tools.server(front)
    agents = tools.application(mcp)
    ours = [*routes(front), *pages.routes(front), _agents(front.keys, agents)]

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        front.index.open()
        await front.index.heard(_HELLO_S)
        async with mcp.session_manager.run():
            yield
        await front.index.close()
        await _close(front)

    handlers = {HTTPException: _no_route}
    rest = Starlette(routes=ours, lifespan=lifespan, exception_handlers=handlers)
    return Ahead(posts(front), rest)


async def _close(front: Frontend) -> None:
    for one in (front.searcher.embedder, front.searcher.reranker):
        if one is not None:
            await one.service.close()


class _Keyed:
    """An application that asks for a key where keys are asked for."""

    def __init__(self, keys: Keys, inner: ASGIApp) -> None:
        self._keys = keys
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._keys.check(read_headers(scope))
        except Unauthorised as error:
            answer = Response(body_of(error, Dialect.OIP), 401, headers_of(error))
            await answer(scope, receive, send)
            return
        await self._inner(scope, receive, send)


def _agents(keys: Keys, agents: ASGIApp) -> Route:
    return Route(tools.PATH, _Keyed(keys, agents), methods=["GET", "POST", "DELETE"])


def _no_route(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, HTTPException):
        raise error
    text = "another method is wanted" if error.status_code == 405 else "no such route"
    content = orjson.dumps({"error": f"{text}; GET /docs lists what there is"})
    return Response(content, error.status_code, error.headers, media_type="application/json")
