"""Triton's clients work unchanged: HTTP and gRPC, JSON and binary tensors."""

from __future__ import annotations

import numpy as np
import pytest
import tritonclient.grpc.aio
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.support.asking import DOCUMENTS, QUERY, TEXTS, assert_same, scores, vectors
from tests.support.processes import Predictor
from tests.support.tensors import text_tensor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


@pytest.mark.parametrize("binary", [True, False])
def test_triton_over_http(embedder: Predictor, binary: bool):
    client = tritonclient.http.InferenceServerClient(embedder.url.removeprefix("http://"))
    text = tritonclient.http.InferInput("text", [2], "BYTES")
    text.set_data_from_numpy(np.array(TEXTS, dtype=object), binary_data=binary)
    wanted = [tritonclient.http.InferRequestedOutput("embedding", binary_data=binary)]
    result = client.infer("embedder", [text], outputs=wanted, request_id="mine")
    extensions = client.get_server_metadata()["extensions"]
    client.close()
    assert result.get_response()["id"] == "mine"
    assert "binary_tensor_data" in extensions
    assert_same(result.as_numpy("embedding"), vectors(embedder))


async def test_triton_over_grpc(embedder: Predictor):
    async with tritonclient.grpc.aio.InferenceServerClient(embedder.grpc) as client:
        assert await client.is_model_ready("embedder")
        facts = await client.get_model_metadata("embedder", as_json=True)
        result = await client.infer("embedder", [text_tensor(tritonclient.grpc, "text", TEXTS)])
    assert facts["outputs"][0]["shape"] == ["-1", "384"]
    assert_same(result.as_numpy("embedding"), vectors(embedder))
    assert result.as_numpy("token_count").tolist() == [3, 5]


async def test_a_grpc_error_has_its_status_and_its_numbers(embedder: Predictor):
    async with tritonclient.grpc.aio.InferenceServerClient(embedder.grpc) as client:
        with pytest.raises(InferenceServerException, match="1 to 384") as refused:
            await client.infer(
                "embedder",
                [text_tensor(tritonclient.grpc, "text", TEXTS)],
                parameters={"dimensions": 5000},
            )
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


async def test_triton_over_grpc_reranks(reranker: Predictor):
    inputs = [
        text_tensor(tritonclient.grpc, "query", [QUERY]),
        text_tensor(tritonclient.grpc, "documents", DOCUMENTS),
    ]
    async with tritonclient.grpc.aio.InferenceServerClient(reranker.grpc) as client:
        assert_same((await client.infer("reranker", inputs)).as_numpy("scores"), scores(reranker))
