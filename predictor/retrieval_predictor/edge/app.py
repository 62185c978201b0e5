"""Every route of a predictor as one application.

KServe's own v2 JSON path walks every float twice: a vector of 1024 costs an API worker 3.8 ms of
CPU, ours 0.56 ms on the same URL (medians of five rounds in turn, `bench/overhead.py`). None of its
routes is there: they log a stack trace for each probe that is refused, and let anyone unload the
model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp

from retrieval_predictor.edge.ahead import Ahead
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.routes import posts, routes


def application(front: Frontend) -> ASGIApp:
    """Every route of this predictor, and nothing else."""
    ours = routes(front)
    handlers = {HTTPException: _no_route(ours)}
    rest = Starlette(routes=ours, exception_handlers=handlers)
    return Ahead(posts(front), rest)


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
