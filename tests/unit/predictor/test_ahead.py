"""A route is answered ahead of another application, which has everything else."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from retrieval_predictor.serving.ahead import Ahead


async def ours(request: Request) -> Response:
    return PlainTextResponse(f"ours {request.path_params['name']}")


async def theirs(request: Request) -> Response:
    return PlainTextResponse(f"theirs {request.url.path}")


class Layer:
    """A middleware that leaves a mark, as KServe's leave their cost."""

    def __init__(self, app) -> None:
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        async def marked(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-layer", b"passed"))
            await send(message)

        await self._app(scope, receive, marked)


@pytest.fixture
def client() -> httpx.AsyncClient:
    routes = [Route("/models/{name}/infer", ours, methods=["POST"])]
    application = Starlette(routes=[*routes, Route("/health", theirs)])
    served = Ahead(routes, Layer(application))
    transport = httpx.ASGITransport(app=served)
    return httpx.AsyncClient(transport=transport, base_url="http://predictor")


async def test_a_route_of_ours_passes_no_layer_of_theirs(client: httpx.AsyncClient):
    answer = await client.post("/models/embedder/infer")
    assert (answer.text, "x-layer" in answer.headers) == ("ours embedder", False)


async def test_any_other_path_is_theirs(client: httpx.AsyncClient):
    answer = await client.get("/health")
    assert (answer.text, answer.headers["x-layer"]) == ("theirs /health", "passed")


async def test_another_method_is_refused_with_what_is_allowed(client: httpx.AsyncClient):
    answer = await client.get("/models/embedder/infer")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
