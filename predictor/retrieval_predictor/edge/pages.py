"""Routes that compute nothing: what is served, how it is doing, and the metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retrieval_predictor import __version__
from retrieval_predictor.edge import facts, openapi, reference
from retrieval_predictor.edge.calls import Endpoint
from retrieval_predictor.edge.exposition import render_metrics
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.keys import Keys
from retrieval_predictor.edge.protocol.faults import Dialect, body_of, fault_of, headers_of
from retrieval_predictor.errors import NotReady, RetrievalError

_ACCEPT_CHARACTERS = 256

Show = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A route that shows something; a `name` or `version` in its path must be the model's."""

    path: str
    content: Callable[[Frontend], Awaitable[Any]]
    needs_key: bool = False
    dialect: Dialect = Dialect.OIP


async def models(front: Frontend) -> Any:
    """GET /v1/models, in OpenAI's shape."""
    return {"object": "list", "data": [await model(front)]}


async def model(front: Frontend) -> Any:
    """GET /v1/models/{name}, in OpenAI's shape."""
    entry = {"id": front.settings.name, "object": "model", "created": 0, "owned_by": "retrieval"}
    return {**entry, "root": front.settings.model.uri}


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


async def alive(front: Frontend) -> Any:
    """GET /: KServe's liveness."""
    del front
    return {"status": "alive"}


async def live(front: Frontend) -> Any:
    """GET /v2/health/live."""
    del front
    return {"live": True}


async def ready(front: Frontend) -> Any:
    """GET /v2/health/ready."""
    _require_ready(front)
    return {"ready": True}


async def model_ready(front: Frontend) -> Any:
    """GET /v2/models/{name}/ready."""
    _require_ready(front)
    return {"name": front.settings.name, "ready": True}


async def server_metadata(front: Frontend) -> Any:
    """GET /v2."""
    del front
    return facts.server_facts()


async def served(front: Frontend) -> Any:
    """GET /v2/models, KServe's list of names."""
    return {"models": [front.settings.name]}


async def model_metadata(front: Frontend) -> Any:
    """GET /v2/models/{name}."""
    return facts.model_facts(front)


PAGES = (
    Page("/v1/models", models, needs_key=True, dialect=Dialect.OPENAI),
    Page("/v1/models/{name}", model, needs_key=True, dialect=Dialect.OPENAI),
    Page("/info", info, needs_key=True),
    Page("/stats", stats, needs_key=True),
    Page("/", alive),
    Page("/health", health),
    Page("/v2", server_metadata),
    Page("/v2/health/live", live),
    Page("/v2/health/ready", ready),
    Page("/v2/models", served),
    Page("/v2/models/{name}", model_metadata),
    Page("/v2/models/{name}/ready", model_ready),
    Page("/v2/models/{name}/versions/{version}", model_metadata),
    Page("/v2/models/{name}/versions/{version}/ready", model_ready),
)

KEYED = frozenset(page.path for page in PAGES if page.needs_key)
"""Pages that need a key where keys are asked for."""


def routes(front: Frontend, endpoints: Collection[Endpoint]) -> list[Route]:
    """The pages' routes; `/docs` and `/openapi.json` also tell of the endpoints."""
    nobody = Keys(None, time.monotonic)
    shown = [_route(front, page, front.keys if page.needs_key else nobody) for page in PAGES]
    others = {
        "/metrics": _metrics(front),
        "/openapi.json": _openapi(front, endpoints),
        "/docs": _docs(front, endpoints),
    }
    return [*shown, *(Route(path, show, methods=["GET"]) for path, show in others.items())]


def _require_ready(front: Frontend) -> None:
    if not front.engine.is_ready:
        raise NotReady(front.engine.phase)


def _route(front: Frontend, page: Page, keys: Keys) -> Route:
    async def show(request: Request) -> Response:
        asked = request.path_params
        try:
            keys.check(request.headers)
            front.accept_model(asked.get("name"), asked.get("version"))
            content, status, headers = orjson.dumps(await page.content(front)), 200, {}
        except RetrievalError as error:
            content, status = body_of(error, page.dialect), fault_of(error).status
            headers = headers_of(error)
        return Response(content, status, headers, media_type="application/json")

    return Route(page.path, show, methods=["GET"])


def _metrics(front: Frontend) -> Show:
    """All who ask while the page is being made get that page; it is made in a thread."""
    making: dict[str, asyncio.Task[tuple[bytes, str]]] = {}

    async def show(request: Request) -> Response:
        accept = request.headers.get("accept", "")[:_ACCEPT_CHARACTERS]
        task = making.get(accept)
        if task is None:
            work = asyncio.to_thread(render_metrics, front.settings.runtime_dir, accept)
            task = making[accept] = asyncio.create_task(work)
            task.add_done_callback(lambda _: making.pop(accept))
        content, content_type = await asyncio.shield(task)
        return Response(content, headers={"content-type": content_type})

    return show


def _openapi(front: Frontend, endpoints: Collection[Endpoint]) -> Show:
    async def show(request: Request) -> Response:
        del request
        content = orjson.dumps(openapi.document(front, endpoints, KEYED))
        return Response(content, media_type="application/json")

    return show


def _docs(front: Frontend, endpoints: Collection[Endpoint]) -> Show:
    async def show(request: Request) -> Response:
        address = str(request.base_url).rstrip("/")
        page = reference.page(openapi.document(front, endpoints, KEYED), address)
        return Response(page, media_type="text/html")

    return show
