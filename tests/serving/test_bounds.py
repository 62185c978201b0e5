"""What one worker holds is bounded, slow clients are let go, and large answers hold nobody up."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.support import checkpoints
from tests.support.metrics import metric
from tests.support.processes import Predictor, running
from tests.support.tensors import text_tensor
from tests.support.waiting import until

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

HELD_BYTES = 1 << 20


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Iterator[Predictor]:
    """One worker that holds a megabyte and five requests, and gives clients two seconds."""
    folder = tmp_path_factory.mktemp("bounds")
    model = checkpoints.bert(folder / "model")
    with running(
        folder / "run",
        model__uri=f"file://{model}",
        precision="fp32",
        limits__max_requests=5,
        limits__max_held_bytes=HELD_BYTES,
        limits__head_timeout_s=2,
        limits__answer_timeout_s=2,
    ) as one:
        yield one


def connected(predictor: Predictor) -> socket.socket:
    port = int(predictor.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def asking(body: bytes, version: str = "1.1", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"POST /embed HTTP/{version}\r\nhost: x\r\ncontent-length: {size}\r\n\r\n"
    return head.encode() + body


def everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def many(count: int) -> list[str]:
    return [f"bread {'water ' * (number % 7)}" for number in range(count)]


def test_a_head_that_trickles_is_refused_in_time(predictor: Predictor):
    with connected(predictor) as slow:
        started_s = time.monotonic()
        slow.sendall(b"POST /embed HT")
        assert everything(slow).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started_s >= 2


def test_a_head_without_end_is_refused_by_its_size(predictor: Predictor):
    with connected(predictor) as endless:
        endless.sendall(b"POST /embed HTTP/1.1\r\nx: " + b"y" * 70_000)
        assert everything(endless).startswith(b"HTTP/1.1 431")


def test_requests_beyond_the_budget_are_told_its_numbers(predictor: Predictor):
    slow = [connected(predictor) for _ in range(5)]
    try:
        for one in slow:
            one.sendall(asking(b"{", length=1000))
        until(lambda: predictor.post("/embed", json={"inputs": "a"}).status_code == 429)
        refused = predictor.post("/v1/embeddings", json={"input": "a"})
        assert refused.headers["retry-after"] == "1"
        assert "has 6 requests" in refused.json()["error"]["message"]
        tensors = [text_tensor(tritonclient.grpc, "text", ["a"])]
        client = tritonclient.grpc.InferenceServerClient(predictor.grpc)
        with client, pytest.raises(InferenceServerException) as told:
            client.infer("embedder", tensors)
        assert "RESOURCE_EXHAUSTED" in str(told.value.status())
        assert predictor.get("/v2/health/ready").status_code == 200
    finally:
        for one in slow:
            one.close()
    until(lambda: predictor.post("/embed", json={"inputs": "a"}).status_code == 200)
    rejected = metric(predictor.get("/metrics").text, "retrieval_rejected_total")
    assert rejected >= 2


def test_an_answer_that_nobody_reads_is_given_up_and_others_are_answered(predictor: Predictor):
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", int(predictor.url.rpartition(":")[2])))
    with deaf:
        body = json.dumps({"inputs": many(4096)}).encode()
        for _ in range(2):
            deaf.sendall(asking(body))
        for _ in range(10):
            assert predictor.post("/embed", json={"inputs": "a text"}).status_code == 200
            time.sleep(0.5)
        with pytest.raises((ConnectionResetError, AssertionError)):
            assert len(everything(deaf)) > 6_000_000


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_large_answer_is_whole_and_right_for_every_client(version: str, predictor: Predictor):
    texts = many(2048)
    some = predictor.post("/embed", json={"inputs": texts[:7]}).json()
    with connected(predictor) as one:
        one.sendall(asking(json.dumps({"inputs": texts}).encode(), version))
        if version == "1.0":
            head, _, content = everything(one).partition(b"\r\n\r\n")
            assert b"content-length" in head
        else:
            content = predictor.post("/embed", json={"inputs": texts}).content
    vectors = np.array(json.loads(content))
    np.testing.assert_allclose(vectors, np.resize(some, (2048, 48)), atol=1e-5)


def test_a_large_answer_is_right_in_every_dialect(predictor: Predictor):
    texts = many(2048)
    wanted = np.resize(predictor.post("/embed", json={"inputs": texts[:7]}).json(), (2048, 48))
    with httpx.Client(base_url=predictor.url, timeout=120) as client:
        answer = client.post("/v1/embeddings", json={"input": texts, "normalize": True}).json()
    given = [item["embedding"] for item in answer["data"]]
    np.testing.assert_allclose(np.array(given), wanted, atol=1e-5)
    tensors = [text_tensor(tritonclient.http, "text", texts)]
    normal = {"normalize": True}
    url = predictor.url.removeprefix("http://")
    with tritonclient.http.InferenceServerClient(url, network_timeout=120) as client:
        for binary in (True, False):
            asked = [tritonclient.http.InferRequestedOutput("embedding", binary_data=binary)]
            read = client.infer("embedder", tensors, outputs=asked, parameters=normal)
            np.testing.assert_allclose(read.as_numpy("embedding"), wanted, atol=1e-5)


def test_a_compressed_body_is_decoded_or_refused_by_its_encodings_name(predictor: Predictor):
    plain = json.dumps({"inputs": "a loaf of bread"}).encode()
    wanted = predictor.post("/embed", content=plain).json()
    for encoding, content in (("gzip", gzip.compress(plain)), ("identity", plain)):
        headers = {"content-encoding": encoding}
        assert predictor.post("/embed", content=content, headers=headers).json() == wanted
    refused = predictor.post("/embed", content=plain, headers={"content-encoding": "br"})
    assert (refused.status_code, "'br'" in refused.text) == (415, True)
    assert refused.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_tritons_client_may_compress(algorithm: str, predictor: Predictor):
    tensors = [text_tensor(tritonclient.http, "text", ["a loaf of bread"])]
    with tritonclient.http.InferenceServerClient(predictor.url.removeprefix("http://")) as client:
        read = client.infer("embedder", tensors, request_compression_algorithm=algorithm)
    assert read.as_numpy("embedding").shape == (1, 48)


def test_kserves_paths_of_openais_api_are_there_too(predictor: Predictor):
    answer = predictor.post("/openai/v1/embeddings", json={"input": "a text"})
    assert answer.json() == predictor.post("/v1/embeddings", json={"input": "a text"}).json()
    assert predictor.get("/openai/v1/models").json() == predictor.get("/v1/models").json()
    assert predictor.get("/openai/v2/models").status_code == 404
