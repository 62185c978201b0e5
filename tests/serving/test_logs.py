"""A request is found in the logs by its id, and no text of a user's is ever in them."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests.support.processes import Predictor, running
from tests.support.tensors import text_tensor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

SECRET = "the-merger-closes-in-march"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
INFER = "/v2/models/embedder/infer"
ROUTES = ("/v1/embeddings", "/embed", INFER)


def tensor(**changed: object) -> dict:
    one = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [SECRET]}
    return {"inputs": [{**one, **changed}]}


BODIES: dict[str, object] = {
    "a good text": {"input": SECRET, "inputs": SECRET},
    "a text that is cut": {"input": SECRET * 500, "inputs": SECRET * 500},
    "too long and not to be cut": {"inputs": SECRET * 500, "truncate": False},
    "another type": {"input": {SECRET: SECRET}, "inputs": {SECRET: SECRET}},
    "mixed types": {"input": [SECRET, 5], "inputs": [SECRET, 5]},
    "nested": {"input": [[[SECRET]]], "inputs": [[[SECRET]]]},
    "an unknown field": {"input": "a", "inputs": "a", SECRET: SECRET},
    "a text for a number": {"input": "a", "dimensions": SECRET},
    "another model": {"input": SECRET, "model": SECRET},
    "an unknown prompt": {"input": SECRET, "inputs": SECRET, "prompt_name": SECRET},
    "an unknown encoding": {"input": SECRET, "encoding_format": SECRET},
    "a lone surrogate": f'{{"input": "{SECRET} \\ud800", "inputs": "{SECRET} \\ud800"}}',
    "half a body": f'{{"input": "{SECRET}',
    "no JSON": SECRET,
    "latin-1": f'{{"input": "{SECRET} \xe9"}}'.encode("latin-1"),
    "a list": [SECRET],
    "too many texts": {"input": [SECRET] * 5000, "inputs": [SECRET] * 5000},
    "too large": SECRET * 400_000,
    "a good tensor": tensor(),
    "a tensor of another type": tensor(datatype="FP32"),
    "a tensor of a shape that lies": tensor(shape=[7]),
    "a tensor of another name": tensor(name=SECRET),
    "a tensor with a type of its own": tensor(datatype=SECRET),
    "a tensor with parameters": {**tensor(), "parameters": {SECRET: SECRET}},
    "an output nobody has": {**tensor(), "outputs": [{"name": SECRET}]},
}
OTHERS = (
    ("POST", f"/v1/models/{SECRET}"),
    ("POST", "/v1/models/embedder:predict"),
    ("POST", "/v1/models/embedder:explain"),
    ("POST", f"/v2/models/{SECRET}/infer"),
    ("POST", "/v2/repository/models/embedder/load"),
    ("POST", "/openai/v1/embeddings"),
    ("PUT", "/v1/embeddings"),
    ("GET", f"/{SECRET}"),
)


@pytest.fixture(scope="module")
def talkative(tmp_path_factory) -> Iterator[Predictor]:
    """Everything is logged that can be."""
    settings = {"log_level": "debug", "max_input_tokens": 128}
    with running(tmp_path_factory.mktemp("talkative"), **settings) as predictor:
        yield predictor


def sent(predictor: Predictor, method: str, path: str, body: object, **headers: str) -> None:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    httpx.request(method, predictor.url + path, content=content, headers=headers, timeout=60)


def said(predictor: Predictor, needle: str) -> str:
    """The log, once it holds this."""
    deadline_s = time.monotonic() + 60
    while needle not in (log := predictor.log.read_text()):
        assert time.monotonic() < deadline_s, f"{needle!r} is not in the log:\n{log[-2000:]}"
        time.sleep(0.05)
    return log


@pytest.mark.parametrize("case", BODIES)
def test_no_text_is_logged_whatever_is_sent(case, talkative):
    for path in ROUTES:
        sent(talkative, "POST", path, BODIES[case])
    sent(talkative, "POST", "/embed", {"inputs": "last"}, **{"x-request-id": f"end-{len(case)}"})
    assert SECRET not in said(talkative, f"end-{len(case)}")


def test_no_text_is_logged_by_routes_of_others(talkative):
    for method, path in OTHERS:
        for body in (BODIES["a good text"], BODIES["a good tensor"], BODIES["no JSON"]):
            sent(talkative, method, path, body)
    sent(talkative, "POST", "/embed", {"inputs": "last"}, **{"x-request-id": "end-others"})
    assert SECRET not in said(talkative, "end-others")


def test_no_text_is_logged_by_grpc(talkative):
    client = triton.InferenceServerClient(talkative.grpc)
    good = text_tensor(triton, "text", [SECRET])
    numbers = triton.InferInput("text", [1], "FP32")
    numbers.set_data_from_numpy(np.zeros(1, dtype=np.float32))
    calls = (
        {"model_name": SECRET, "inputs": [good]},
        {"model_name": "embedder", "inputs": [text_tensor(triton, SECRET, [SECRET])]},
        {"model_name": "embedder", "inputs": [good, good]},
        {"model_name": "embedder", "inputs": [numbers]},
        {"model_name": "embedder", "inputs": [good], "parameters": {"input_type": SECRET}},
        {"model_name": "embedder", "inputs": [good], "headers": {"x-request-timeout": SECRET}},
    )
    for call in calls:
        with suppress(InferenceServerException):
            client.infer(**call)
    client.infer("embedder", [good], headers={"x-request-id": "end-grpc"})
    assert SECRET not in said(talkative, "end-grpc")


def test_no_text_is_logged_of_a_client_that_leaves(talkative):
    body = json.dumps({"input": [f"{SECRET} {n}" for n in range(2000)]}).encode()
    head = f"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    host, port = talkative.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b"x-request-id: gone\r\n\r\n" + body)
    line = line_of(said(talkative, '"gone"'), "gone")
    assert line["status"] == 499
    assert SECRET not in talkative.log.read_text()


def line_of(log: str, request_id: str) -> dict:
    lines = (json.loads(line) for line in log.splitlines() if f'"{request_id}"' in line)
    (found,) = [line for line in lines if line.get("request_id") == request_id]
    return found


def test_a_request_is_found_by_its_id_with_its_trace(talkative):
    headers = {"x-request-id": "found-me", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    answer = talkative.post("/v1/embeddings", json={"input": ""}, headers=headers)
    assert answer.headers["x-request-id"] == "found-me"
    line = line_of(said(talkative, "found-me"), "found-me")
    assert (line["route"], line["trace_id"]) == ("/v1/embeddings", TRACE)
    assert line["status"] == answer.status_code


@pytest.mark.parametrize("named", ["", "two words", "x" * 129, "caf\xe9"])
def test_an_id_that_does_not_fit_is_replaced(named, talkative):
    headers = [(b"x-request-id", named.encode("latin-1"))]
    answer = talkative.post("/embed", json={"inputs": "a"}, headers=headers)
    assert len(answer.headers["x-request-id"]) == 32


def test_a_refusal_has_the_id_too_and_an_answer_is_named_by_it(talkative):
    refused = talkative.post("/embed", content=b"{", headers={"x-request-id": "no"})
    assert (refused.status_code, refused.headers["x-request-id"]) == (400, "no")
    inferred = talkative.post(INFER, json=tensor(), headers={"x-request-id": "yes"})
    assert inferred.json()["id"] == "yes"
