"""The Open Inference Protocol, point by point; docs/conformance.md shows the same tables."""

from __future__ import annotations

import httpx
import pytest

from tests.conformance import grpc, rest
from tests.conformance.call import outcome
from tests.conformance.point import Point
from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


def name(point: Point | grpc.Point) -> str:
    return f"{point.part}: {point.method} {point.says}"


@pytest.mark.parametrize("point", rest.POINTS, ids=name)
def test_rest_does_what_the_protocol_asks(point: Point, embedder: Predictor, reranker: Predictor):
    predictor = reranker if point.reranker else embedder
    answer = httpx.request(
        point.method,
        predictor.url + point.path,
        content=point.content,
        headers=dict(point.headers),
        timeout=30,
    )
    assert answer.status_code == point.status, answer.text
    assert point.check(answer), answer.text


@pytest.mark.parametrize("point", grpc.POINTS, ids=name)
def test_grpc_does_what_the_protocol_asks(point: grpc.Point, embedder: Predictor):
    status, answer = outcome(embedder.grpc, point)
    assert (status, bool(point.check(answer))) == (point.status, True), answer


@pytest.mark.parametrize("path", ["load", "unload"])
def test_nobody_can_load_or_unload_the_model_over_rest(path: str, embedder: Predictor):
    assert embedder.post(f"/v2/repository/models/embedder/{path}").status_code == 404
    assert embedder.get("/v2/models/embedder").status_code == 200


def test_another_path_and_another_method_are_told_apart(embedder: Predictor):
    assert embedder.get("/nowhere").status_code == 404
    answer = embedder.get("/v1/embeddings")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert list(answer.json()) == ["error"]
