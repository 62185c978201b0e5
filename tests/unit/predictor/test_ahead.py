"""A POST to a path of ours is answered ahead of another application, which has everything else."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from retrieval_predictor.edge.ahead import Ahead

ours = PlainTextResponse("ours")
theirs = PlainTextResponse("theirs")


class Layer:
    """A middleware that leaves a mark, as others leave their cost."""

    def __init__(self, app) -> None:
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        async def marked(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-layer", b"passed")]
            await send(message)

        await self._app(scope, receive, marked)


@pytest.fixture
def client() -> httpx.AsyncClient:
    routes = [
        Route("/models/{name}/infer", theirs, methods=["POST"]),
        Route("/health", theirs, methods=["GET"]),
    ]
    served = Ahead({"/models/embedder/infer": ours}, Layer(Starlette(routes=routes)))
    transport = httpx.ASGITransport(app=served)
    return httpx.AsyncClient(transport=transport, base_url="http://predictor")


async def test_a_path_of_ours_passes_no_layer_of_theirs(client: httpx.AsyncClient):
    answer = await client.post("/models/embedder/infer")
    assert (answer.text, "x-layer" in answer.headers) == ("ours", False)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("POST", "/models/another/infer")]
)
async def test_any_other_path_is_theirs(client: httpx.AsyncClient, method: str, path: str):
    answer = await client.request(method, path)
    assert (answer.text, answer.headers["x-layer"]) == ("theirs", "passed")


async def test_another_method_is_refused_with_what_is_allowed(client: httpx.AsyncClient):
    answer = await client.get("/models/embedder/infer")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
