"""The response models of the real clients read our answers."""

from collections.abc import Callable, Sequence
from typing import Any

import cohere
import httpx
import httpx2
import numpy as np
import orjson
import pytest
import tritonclient.http
from cohere.types import RerankResponse
from cohere.v2.types import V2RerankResponse
from kserve import InferInput, InferRequest, InferResponse
from openai import OpenAI, RateLimitError
from openai.types import CreateEmbeddingResponse
from pydantic import TypeAdapter

from retrieval_predictor.edge.protocol import faults, oip, oip_rest, openai, rerank
from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.edge.protocol.oip import InferCall
from retrieval_predictor.errors import Overloaded
from retrieval_predictor.wire.work import EmbedRequest
from tests.support.wire import Whole, embeddings, json_bytes, scores, whole

VECTORS = np.random.default_rng(7).standard_normal((3, 16)).astype(np.float32)
ANSWER = embeddings(VECTORS, tokens=[3, 4, 5])
TEXTS = ["a", "日本", ""]


def openai_client(answer: Callable[[bytes], httpx2.Response]) -> OpenAI:
    transport = httpx2.MockTransport(lambda request: answer(request.content))
    client = httpx2.Client(transport=transport)
    return OpenAI(api_key="k", base_url="http://embedder/v1", max_retries=0, http_client=client)


def embed(body: bytes) -> httpx2.Response:
    call = openai.parse(body, 3)
    assert call.request.inputs == tuple(TEXTS)
    content = b"".join(openai.render(call, ANSWER, "embedder"))
    return httpx2.Response(200, content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
def test_openais_client_asks_and_reads(encoding):
    with openai_client(embed) as client:
        read = client.embeddings.create(input=TEXTS, model="embedder", **encoding)
    CreateEmbeddingResponse.model_validate(read.model_dump(), strict=True)
    assert np.array_equal(np.array([e.embedding for e in read.data], np.float32), VECTORS)
    assert (read.model, read.usage.prompt_tokens, read.usage.total_tokens) == ("embedder", 12, 12)


def test_openais_client_knows_an_overload_when_it_meets_one():
    error = Overloaded(tokens=1, queued_tokens=2, limit_tokens=3, retry_after_s=1.5)

    def refuse(_: bytes) -> httpx2.Response:
        body = faults.body_of(error, Dialect.OPENAI)
        status = faults.fault_of(error).status
        return httpx2.Response(status, content=body, headers=faults.headers_of(error))

    with openai_client(refuse) as client, pytest.raises(RateLimitError, match="limit of 3") as seen:
        client.embeddings.create(input="a", model="embedder")
    assert seen.value.response.headers["retry-after"] == "2"


def rank(request: httpx.Request) -> httpx.Response:
    call = rerank.parse(request.content, 2)
    pieces = rerank.render(call, scores([0.25, 0.75]), model="reranker", answer_id="r-1")
    body = b"".join(pieces)
    return httpx.Response(200, content=body, headers={"content-type": "application/json"})


def cohere_client(kind: Any) -> Any:
    client = httpx.Client(transport=httpx.MockTransport(rank))
    return kind(api_key="k", base_url="http://reranker", httpx_client=client)


@pytest.mark.parametrize("kind", [cohere.Client, cohere.ClientV2])
def test_coheres_clients_ask_and_read(kind):
    read = cohere_client(kind).rerank(model="reranker", query="q", documents=["a", "b"], top_n=2)
    assert [(r.index, r.relevance_score) for r in read.results] == [(1, 0.75), (0, 0.25)]
    assert (read.id, read.meta.tokens.input_tokens) == ("r-1", 20)


def test_coheres_first_client_gets_its_documents_back():
    read = cohere_client(cohere.Client).rerank(
        query="q", documents=["a", {"text": "b", "title": "t"}], return_documents=True
    )
    assert [r.document.text for r in read.results] == ["b", "a"]
    assert read.results[0].document.title == "t"


@pytest.mark.parametrize("model", [RerankResponse, V2RerankResponse])
def test_coheres_models_hold_the_answer_without_coercion(model):
    call = rerank.parse(json_bytes({"query": "q", "documents": ["a", "b"]}), 2)
    pieces = rerank.render(call, scores([0.25, 0.75]), model="reranker", answer_id="r-1")
    body = b"".join(pieces)
    assert TypeAdapter(model).validate_json(body).results[0].index == 1


def triton_request(
    *, binary_in: bool, binary_out: bool, outputs: Sequence[str] = oip.EMBEDDER_OUTPUTS
) -> InferCall:
    text = tritonclient.http.InferInput("text", [3, 1], "BYTES")
    text.set_data_from_numpy(np.array([[t] for t in TEXTS], dtype=object), binary_data=binary_in)
    asked = [
        tritonclient.http.InferRequestedOutput(name, binary_data=binary_out) for name in outputs
    ]
    body, length = tritonclient.http.InferenceServerClient.generate_request_body(
        [text], outputs=asked, request_id="42", parameters={"input_type": "query"}
    )
    return oip_rest.parse(body, None if length is None else str(length), 3)


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tritons_client_asks_and_reads(binary_in, binary_out):
    call = triton_request(binary_in=binary_in, binary_out=binary_out)
    assert oip.to_embed_request(call, 3) == EmbedRequest(tuple(TEXTS), prompt_name="query")
    outputs = oip.embedding_outputs(call, ANSWER)
    body = whole(oip_rest.render(call, outputs, model="embedder", answer_id="fresh"))
    assert (body.json_bytes is not None) is binary_out
    read = tritonclient.http.InferenceServerClient.parse_response_body(
        body.content, header_length=body.json_bytes
    )
    assert np.array_equal(read.as_numpy("embedding"), VECTORS)
    assert read.as_numpy("token_count").tolist() == [3, 4, 5]
    assert read.get_response()["id"] == "42"


def test_tritons_client_without_outputs_gets_them_all_as_bytes():
    call = triton_request(binary_in=True, binary_out=True, outputs=())
    body = whole(
        oip_rest.render(
            call, oip.embedding_outputs(call, ANSWER), model="embedder", answer_id="fresh"
        )
    )
    assert body.json_bytes == len(body.content) - VECTORS.nbytes - 3 * 4


@pytest.mark.parametrize("binary", [True, False])
def test_kserves_client_asks_and_reads(binary):
    asked = InferRequest(
        "embedder",
        [kserve_text(binary=binary)],
        parameters={"binary_data_output": binary},
    )
    sent, length = asked.to_rest()
    body = sent if isinstance(sent, bytes) else orjson.dumps(sent)
    call = oip_rest.parse(body, None if length is None else str(length), 3)
    assert oip.to_embed_request(call, 3).inputs == tuple(TEXTS)
    outputs = oip.embedding_outputs(call, ANSWER)
    rendered = whole(oip_rest.render(call, outputs, model="embedder", answer_id="fresh"))
    read = kserve_response(rendered)
    assert np.array_equal(read.get_output_by_name("embedding").as_numpy(), VECTORS)
    assert read.model_name == "embedder"


def kserve_text(*, binary: bool) -> Any:
    text = InferInput("text", [3], "BYTES")
    text.set_data_from_numpy(np.array(TEXTS, dtype=object), binary_data=binary)
    return text


def kserve_response(body: Whole) -> Any:
    if body.json_bytes is None:
        return InferResponse.from_rest(orjson.loads(body.content))
    return InferResponse.from_bytes(body.content, body.json_bytes)
