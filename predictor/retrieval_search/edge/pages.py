"""What can be read of a search service: health, facts, metrics, documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retrieval_predictor import __version__
from retrieval_predictor.edge import reference
from retrieval_predictor.edge.exposition import render_metrics
from retrieval_predictor.edge.protocol.faults import Dialect, body_of, fault_of, headers_of
from retrieval_predictor.errors import NotReady, RetrievalError
from retrieval_search.edge.frontend import Frontend
from retrieval_search.edge.openapi import document

Content = Callable[[Frontend], Any]


def routes(front: Frontend) -> list[Route]:
    """Every page."""
    open_pages: Mapping[str, Content] = {
        "/": lambda _front: {"status": "alive"},
        "/v2/health/live": lambda _front: {"live": True},
        "/health": _health,
        "/v2/health/ready": _ready,
        "/v2/models/{name}": _metadata,
        "/v2/models/{name}/ready": _ready,
    }
    keyed: Mapping[str, Content] = {"/info": _info}
    return [
        *(_route(front, path, content, is_keyed=False) for path, content in open_pages.items()),
        *(_route(front, path, content, is_keyed=True) for path, content in keyed.items()),
        Route("/metrics", _metrics(front), methods=["GET"]),
        Route("/openapi.json", _openapi(front), methods=["GET"]),
        Route("/docs", _docs(front), methods=["GET"]),
    ]


def _health(front: Frontend) -> Any:
    _ready(front)
    return {"status": "ok", **front.index.state}


def _ready(front: Frontend) -> Any:
    if not front.index.is_ready:
        raise NotReady(front.index.phase)
    return {"name": front.settings.served_name, "ready": True}


def _info(front: Frontend) -> Any:
    return {
        "version": __version__,
        "name": front.settings.served_name,
        "component": "retriever",
        "phase": front.index.phase,
        "index": front.index.state,
        "settings": front.settings.model_dump(mode="json"),
    }


def _metadata(front: Frontend) -> Any:
    outputs = (("ids", "BYTES"), ("texts", "BYTES"), ("scores", "FP32"))
    return {
        "name": front.settings.served_name,
        "platform": "",
        "inputs": [{"name": "query", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1, -1]} for name, kind in outputs],
    }


def _route(front: Frontend, path: str, content: Content, *, is_keyed: bool) -> Route:
    async def show(request: Request) -> Response:
        try:
            if is_keyed:
                front.keys.check(request.headers)
            front.accept_index(request.path_params.get("name"))
            body, status, headers = orjson.dumps(content(front)), 200, {}
        except RetrievalError as error:
            body, status = body_of(error, Dialect.OIP), fault_of(error).status
            headers = headers_of(error)
        return Response(body, status, headers, media_type="application/json")

    return Route(path, show, methods=["GET"])


def _metrics(front: Frontend) -> Callable[[Request], Any]:
    async def show(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        content, content_type = render_metrics(front.settings.runtime_dir, accept)
        return Response(content, headers={"content-type": content_type})

    return show


def _openapi(front: Frontend) -> Callable[[Request], Any]:
    async def show(_request: Request) -> Response:
        content = orjson.dumps(document(front.settings))
        return Response(content, media_type="application/json")

    return show


def _docs(front: Frontend) -> Callable[[Request], Any]:
    async def show(request: Request) -> Response:
        page = reference.page(document(front.settings), str(request.base_url).rstrip("/"))
        return Response(page, media_type="text/html")

    return show
