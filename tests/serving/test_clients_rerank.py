"""Cohere's clients and Hugging Face's work unchanged."""

from __future__ import annotations

import cohere
import httpx
import pytest
from huggingface_hub import InferenceClient

from tests.support.asking import DOCUMENTS, QUERY, TEXTS, assert_same, scores, vectors
from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


@pytest.mark.parametrize("make", [cohere.Client, cohere.ClientV2])
def test_cohere(reranker: Predictor, make):
    with httpx.Client() as transport:
        client = make(api_key="none", base_url=reranker.url, httpx_client=transport)
        answer = client.rerank(model="reranker", query=QUERY, documents=DOCUMENTS)
    wanted = scores(reranker)
    assert [result.index for result in answer.results] == [1, 0]
    assert_same([result.relevance_score for result in answer.results], wanted[::-1])


@pytest.mark.parametrize("make", [cohere.AsyncClient, cohere.AsyncClientV2])
async def test_cohere_async_gives_back_the_best(reranker: Predictor, make):
    async with httpx.AsyncClient() as transport:
        client = make(api_key="none", base_url=reranker.url, httpx_client=transport)
        answer = await client.rerank(model="reranker", query=QUERY, documents=DOCUMENTS, top_n=1)
    assert [result.index for result in answer.results] == [1]


@pytest.mark.parametrize("path", ["", "/embed"])
def test_hugging_face(embedder: Predictor, path: str):
    client = InferenceClient(model=embedder.url + path)
    assert_same(client.feature_extraction(TEXTS), vectors(embedder))
    assert client.feature_extraction(TEXTS, dimensions=32).shape == (2, 32)
