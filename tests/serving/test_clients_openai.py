"""OpenAI's client, and LangChain on top of it, work unchanged."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from langchain_openai import OpenAIEmbeddings

from tests.support.asking import TEXTS, assert_same, vectors
from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_openai(embedder: Predictor, encoding: str | None):
    """Without an encoding the client asks for base64 and decodes it."""
    more: dict[str, Any] = {"encoding_format": encoding} if encoding else {}
    with openai.OpenAI(base_url=embedder.url + "/v1", api_key="none") as client:
        answer = client.embeddings.create(model="embedder", input=TEXTS, **more)
    assert answer.usage.prompt_tokens == 8
    rows: list[Any] = [item.embedding for item in answer.data]
    if encoding == "base64":
        rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in rows]
    assert_same(rows, vectors(embedder))


async def test_openai_async_cuts_dimensions(embedder: Predictor):
    async with openai.AsyncOpenAI(base_url=embedder.url + "/v1", api_key="none") as client:
        answer = await client.embeddings.create(model="embedder", input=TEXTS, dimensions=32)
    cut = vectors(embedder)[:, :32]
    wanted = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    assert_same([item.embedding for item in answer.data], wanted)


def test_openai_finds_the_model(embedder: Predictor):
    with openai.OpenAI(base_url=embedder.url + "/v1", api_key="none") as client:
        assert [model.id for model in client.models.list()] == ["embedder"]
        assert client.models.retrieve("embedder").id == "embedder"
        with pytest.raises(openai.NotFoundError, match="'other'"):
            client.models.retrieve("other")


def test_openai_raises_its_own_errors(embedder: Predictor):
    with openai.OpenAI(base_url=embedder.url + "/v1", api_key="none") as client:
        with pytest.raises(openai.NotFoundError, match="'gpt-4'") as unknown:
            client.embeddings.create(model="gpt-4", input="a")
        with pytest.raises(openai.BadRequestError, match="1 to 384"):
            client.embeddings.create(model="embedder", input="a", dimensions=5000)
    assert unknown.value.code == "unknown_model"


@pytest.fixture
async def langchain(embedder: Predictor) -> AsyncIterator[OpenAIEmbeddings]:
    make: Any = OpenAIEmbeddings  # its fields go by aliases
    with httpx.Client() as client:
        async with httpx.AsyncClient() as async_client:
            yield make(
                base_url=embedder.url + "/v1",
                api_key="none",
                model="embedder",
                check_embedding_ctx_length=False,
                http_client=client,
                http_async_client=async_client,
            )


def test_langchain_that_sends_texts(embedder: Predictor, langchain: OpenAIEmbeddings):
    assert_same(langchain.embed_documents(TEXTS), vectors(embedder))
    assert_same(langchain.embed_query(TEXTS[0]), vectors(embedder)[0])


async def test_langchain_async(embedder: Predictor, langchain: OpenAIEmbeddings):
    assert_same(await langchain.aembed_documents(TEXTS), vectors(embedder))


def test_token_ids_as_langchain_sends_them_by_default_are_refused_with_the_remedy(
    embedder: Predictor,
):
    """They are of OpenAI's vocabulary, and this model has words of its own at these places."""
    client = openai.OpenAI(base_url=embedder.url + "/v1", api_key="none")
    remedy = "check_embedding_ctx_length=False"
    with client, pytest.raises(openai.BadRequestError, match=remedy) as refused:
        client.embeddings.create(model="embedder", input=[[15339], [14957, 1917]])
    assert refused.value.code == "token_ids_refused"
