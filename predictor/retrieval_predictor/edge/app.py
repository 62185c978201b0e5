"""Put our routes in the place of KServe's.

KServe's own v2 JSON path walks every float twice: a vector of 1024 costs an API worker 3.8 ms of
CPU, ours 0.56 ms on the same URL (medians of five rounds in turn, `bench/overhead.py`). None of its
other routes is reachable: they log a stack trace for each probe that is refused, and let anyone
unload the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI
from kserve import model_server
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from retrieval_predictor.edge.ahead import Ahead
from retrieval_predictor.edge.frontend import Frontend, frontend
from retrieval_predictor.edge.routes import posts, routes
from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.wire import processes

_HELLO_S = 5.0
"""A new worker takes requests once it knows what every engine does: at once where all are warm.

One that is down is waited for no longer than this, so that a worker is not down because of it.
"""

_KSERVE_LOGGERS = ("kserve", "kserve.trace", "uvicorn", "uvicorn.access", "uvicorn.error")


def quieten() -> None:
    """Take KServe's and uvicorn's loggers over: no access log, one format, warnings only."""
    settings = frontend().settings
    configure_logging(settings.log_format, settings.log_level, is_discreet=True)
    logging.captureWarnings(capture=True)
    for name in _KSERVE_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").propagate = False  # uvicorn makes lines while one listens
    logging.getLogger("py.warnings").setLevel(logging.ERROR)  # libraries' deprecations


@asynccontextmanager
async def _lifespan(_app: Any) -> AsyncIterator[None]:
    front = frontend()
    quieten()
    processes.die_with_parent()
    processes.sign(front.settings.runtime_dir, "api")
    front.engine.open()
    await front.engine.heard(_HELLO_S)
    yield
    await front.engine.close()
    if front.tracing is not None:
        await asyncio.to_thread(front.tracing.flush)


def install() -> None:
    """Make the server of this process ours; each process calls it once, before it listens."""
    model_server.app = _Application(application(frontend()))


def application(front: Frontend) -> ASGIApp:
    """Every route of this predictor, and nothing else."""
    ours = routes(front)
    handlers = {HTTPException: _no_route(ours)}
    rest = Starlette(routes=ours, lifespan=_lifespan, exception_handlers=handlers)
    return Ahead(posts(front), rest)


class _Application(FastAPI):
    """What KServe adds its routes and layers to, and has uvicorn serve; ours answers instead.

    Nor is FastAPI asked, which looks for telemetry in the environment on every request.
    """

    def __init__(self, ours: ASGIApp) -> None:
        super().__init__(openapi_url=None)
        self._ours = ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._ours(scope, receive, send)


def _no_route(ours: Sequence[BaseRoute]) -> Callable[[Request, Exception], Response]:
    """What no route answers: another path (404), or another method than the path's (405)."""

    def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        allowed = _methods(ours, request) if error.status_code == 405 else ""
        text = "another method is wanted" if allowed else "no such route"
        content = orjson.dumps({"error": f"{text}; GET /docs lists what there is"})
        headers = {"allow": allowed} if allowed else {}
        return Response(content, error.status_code, headers, media_type="application/json")

    return answer


def _methods(ours: Sequence[BaseRoute], request: Request) -> str:
    """Every method of the request's path; one path may have a route for each."""
    matching = (one for one in ours if one.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({m for one in matching for m in getattr(one, "methods", None) or ()}))
