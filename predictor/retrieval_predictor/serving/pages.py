"""Routes that compute nothing: what is served, how it is doing, and the metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retrieval_predictor import __version__
from retrieval_predictor.errors import NotReady, RetrievalError
from retrieval_predictor.protocol.faults import Dialect, body_of, fault_of, headers_of
from retrieval_predictor.serving.exposition import render_metrics
from retrieval_predictor.serving.frontend import Frontend
from retrieval_predictor.serving.keys import Keys

Page = Callable[[Frontend], Awaitable[Any]]


async def models(front: Frontend) -> Any:
    """GET /v1/models, in OpenAI's shape."""
    entry = {"id": front.settings.name, "object": "model", "created": 0, "owned_by": "retrieval"}
    return {"object": "list", "data": [{**entry, "root": front.settings.model.uri}]}


async def info(front: Frontend) -> Any:
    """GET /info: the model's facts and every setting in force."""
    state = front.engine.state
    return {
        "version": __version__,
        "name": front.settings.name,
        "component": front.settings.component,
        "phase": front.engine.phase,
        "engines": front.engine.phases,
        "model": state.get("card"),
        "warm_up": state.get("warm_up"),
        "limits": state.get("limits"),
        "limits_problem": state.get("limits_problem"),
        "settings": front.settings.model_dump(mode="json"),
    }


async def health(front: Frontend) -> Any:
    """GET /health: 200 once the model is warm, 503 before and while draining."""
    _require_ready(front)
    return {"status": "ok", "phase": front.engine.phase, "warm_up": front.engine.state["warm_up"]}


async def stats(front: Frontend) -> Any:
    """GET /stats: queue, budget and how busy the device is, now."""
    return await front.engine.stats()


async def ready(front: Frontend) -> Any:
    """GET /v2/health/ready. KServe's own logs a stack trace for each probe it refuses."""
    _require_ready(front)
    return {"ready": True}


async def model_ready(front: Frontend) -> Any:
    """GET /v2/models/{name}/ready."""
    _require_ready(front)
    return {"name": front.settings.name, "ready": True}


def _require_ready(front: Frontend) -> None:
    if not front.engine.is_ready:
        raise NotReady(front.engine.phase)


def routes(front: Frontend) -> list[Route]:
    """The pages' routes."""
    guarded: dict[str, Page] = {"/v1/models": models, "/info": info, "/stats": stats}
    opened: dict[str, Page] = {
        "/health": health,
        "/v2/health/ready": ready,
        f"/v2/models/{front.settings.name}/ready": model_ready,
    }
    none = Keys(None, time.monotonic)
    shown = [_route(front, path, page, front.keys) for path, page in guarded.items()]
    shown += [_route(front, path, page, none) for path, page in opened.items()]
    return [*shown, Route("/metrics", _metrics(front), methods=["GET"])]


def _route(front: Frontend, path: str, page: Page, keys: Keys) -> Route:
    async def show(request: Request) -> Response:
        try:
            keys.check(request.headers)
            content, status, headers = orjson.dumps(await page(front)), 200, {}
        except RetrievalError as error:
            content, status = body_of(error, Dialect.OIP), fault_of(error).status
            headers = headers_of(error)
        return Response(content, status, headers, media_type="application/json")

    return Route(path, show, methods=["GET"])


def _metrics(front: Frontend) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        content, content_type = render_metrics(
            front.settings.runtime_dir, request.headers.get("accept", "")
        )
        return Response(content, headers={"content-type": content_type})

    return show
