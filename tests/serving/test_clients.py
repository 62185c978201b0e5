"""Clients that teams already have: they work unchanged."""

from __future__ import annotations

import asyncio

import cohere
import httpx
import numpy as np
import openai
import pytest
import tritonclient.grpc.aio
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.support.processes import Predictor
from tests.support.tensors import text_tensor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]
TEXTS = ["hello", "world of vectors"]


def by_openai(predictor: Predictor) -> np.ndarray:
    client = openai.OpenAI(base_url=predictor.url + "/v1", api_key="none")
    answer = client.embeddings.create(model="embedder", input=TEXTS)
    client.close()
    return np.array([item.embedding for item in answer.data])


def test_openai(embedder: Predictor):
    assert by_openai(embedder).shape == (2, 384)


@pytest.mark.parametrize("binary", [True, False])
def test_triton_over_http_with_and_without_binary_tensors(embedder: Predictor, binary: bool):
    client = tritonclient.http.InferenceServerClient(embedder.url.removeprefix("http://"))
    text = tritonclient.http.InferInput("text", [2], "BYTES")
    text.set_data_from_numpy(np.array(TEXTS, dtype=object), binary_data=binary)
    wanted = [tritonclient.http.InferRequestedOutput("embedding", binary_data=binary)]
    result = client.infer("embedder", [text], outputs=wanted, request_id="mine")
    client.close()
    assert result.get_response()["id"] == "mine"
    np.testing.assert_allclose(result.as_numpy("embedding"), by_openai(embedder), atol=1e-6)


async def test_triton_over_grpc(embedder: Predictor):
    async with tritonclient.grpc.aio.InferenceServerClient(embedder.grpc) as client:
        assert await client.is_model_ready("embedder")
        result = await client.infer("embedder", [text_tensor(tritonclient.grpc, "text", TEXTS)])
    vectors = await asyncio.to_thread(by_openai, embedder)
    np.testing.assert_allclose(result.as_numpy("embedding"), vectors, atol=1e-6)
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
        text_tensor(tritonclient.grpc, "query", ["bread"]),
        text_tensor(tritonclient.grpc, "documents", ["a loaf of bread", "a bank"]),
    ]
    async with tritonclient.grpc.aio.InferenceServerClient(reranker.grpc) as client:
        scores = (await client.infer("reranker", inputs)).as_numpy("scores")
    assert scores[0] > scores[1]


@pytest.mark.parametrize("make", [cohere.Client, cohere.ClientV2])
def test_cohere(reranker: Predictor, make):
    with httpx.Client() as transport:
        client = make(api_key="none", base_url=reranker.url, httpx_client=transport)
        answer = client.rerank(
            model="reranker", query="bread", documents=["a bank", "a loaf of bread"], top_n=1
        )
    assert [result.index for result in answer.results] == [1]
