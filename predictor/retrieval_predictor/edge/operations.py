"""What each route is for, with an example of what it takes and gives: the words of `/docs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol import oip, schemas
from retrieval_predictor.edge.protocol.schemas import BOOLEAN, STRING, Bounds, Schema, many, record


@dataclass(frozen=True, slots=True)
class Operation:
    """One route in words: the schemas of its body and its answer, and an example of each.

    A page has no body. `media` is the content type of its answer.
    """

    summary: str
    answer: Schema
    shown: Any = None
    body: Schema | None = None
    sent: Any = None
    media: str = "application/json"


def computing(front: Frontend, bounds: Bounds) -> dict[str, Operation]:
    """The routes that compute, by path."""
    infer = _infer(front, bounds)
    both = {f"/v2/models/{{name}}{part}/infer": infer for part in ("", "/versions/{version}")}
    return {**both, **(_embedding(bounds) if front.is_embedder else _reranking(bounds))}


def showing(front: Frontend) -> dict[str, Operation]:
    """The routes that compute nothing, by path."""
    name = front.settings.name
    entry = {"id": name, "object": "model", "created": 0, "owned_by": "retrieval", "root": "hf://…"}
    ready = Operation("Ready, or 503", record({"ready": BOOLEAN}), {"ready": True})
    named = record({"name": STRING, "ready": BOOLEAN})
    model_ready = Operation("The model is ready, or 503", named, {"name": name, "ready": True})
    state = {"type": "object"}
    return {
        "/v1/models": Operation(
            "What is served, in OpenAI's words",
            record({"object": STRING, "data": many(_model())}),
            {"object": "list", "data": [entry]},
        ),
        "/v1/models/{name}": Operation("The model, in OpenAI's words", _model(), entry),
        "/info": Operation("The model's facts and every setting in force", state),
        "/stats": Operation("Queue, budget and how busy the device is, now", state),
        "/": Operation("Alive", record({"status": STRING}), {"status": "alive"}),
        "/health": Operation("Ready, with what the warm-up cost, or 503", state),
        "/v2": Operation(
            "Name, version and extensions of the server",
            record({"name": STRING, "version": STRING, "extensions": many(STRING)}),
        ),
        "/v2/health/live": Operation("Alive", record({"live": BOOLEAN}), {"live": True}),
        "/v2/health/ready": ready,
        "/v2/models": Operation("Names", record({"models": many(STRING)}), {"models": [name]}),
        "/v2/models/{name}": _metadata(),
        "/v2/models/{name}/ready": model_ready,
        "/v2/models/{name}/versions/{version}": _metadata(),
        "/v2/models/{name}/versions/{version}/ready": model_ready,
        "/metrics": Operation("Prometheus metrics of all processes", STRING, media="text/plain"),
    }


def _infer(front: Frontend, bounds: Bounds) -> Operation:
    inputs, outputs = (
        (("text",), oip.embedder_outputs(bounds.outputs))
        if front.is_embedder
        else (("query", "documents"), oip.RERANKER_OUTPUTS)
    )
    texts = {"text": ["a text"], "query": ["bread"], "documents": ["a loaf", "a bank"]}
    sent = [
        {"name": name, "datatype": "BYTES", "shape": [len(texts[name])], "data": texts[name]}
        for name in inputs
    ]
    tensor = {"name": outputs[0], "datatype": "FP32", "shape": [1, 2], "data": [0.6, -0.8]}
    head = {"model_name": front.settings.name, "id": "42", "parameters": {"truncated_inputs": 0}}
    return Operation(
        "Open Inference Protocol, with Triton's binary tensor extension",
        schemas.infer_answer(),
        {**head, "outputs": [tensor]},
        schemas.infer_request(bounds, inputs, outputs),
        {"id": "42", "inputs": sent},
    )


def _embedding(bounds: Bounds) -> dict[str, Operation]:
    tei = Operation(
        "Vectors, in text-embeddings-inference's shape",
        schemas.tei_answer(),
        [[0.6, -0.8]],
        schemas.tei_request(bounds),
        {"inputs": "a text"},
    )
    usage = {"prompt_tokens": 4, "total_tokens": 4, "truncated_inputs": 0}
    item = {"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}
    openai = Operation(
        "Vectors, in OpenAI's shape",
        schemas.openai_answer(),
        {"object": "list", "data": [item], "model": "embedder", "usage": usage},
        schemas.openai_request(bounds),
        {"input": ["a text"]},
    )
    return {"/v1/embeddings": openai, "/embed": tei, "/": tei, **_of_tokens(bounds)}


def _of_tokens(bounds: Bounds) -> dict[str, Operation]:
    body, sent = schemas.token_request(bounds), {"inputs": "a text"}
    sparse = Operation(
        "Weights of the tokens of each text, in text-embeddings-inference's shape",
        schemas.sparse_answer(),
        [[{"index": 10, "value": 0.05}, {"index": 7986, "value": 0.3}]],
        body,
        sent,
    )
    vectors = Operation(
        "ColBERT's vectors: one for each token of a text but the first",
        schemas.all_answer(),
        [[[0.6, -0.8], [0.8, 0.6]]],
        body,
        sent,
    )
    return {"/embed_sparse": sparse, "/embed_all": vectors}


def _reranking(bounds: Bounds) -> dict[str, Operation]:
    answer, body = schemas.rerank_answer(), schemas.rerank_request(bounds)
    usage = {"prompt_tokens": 9, "total_tokens": 9, "truncated_inputs": 0}
    cohere = Operation(
        "Scores, best first; `documents` as Cohere and Jina, `texts` as TEI, `passages` as NIM",
        answer,
        {
            "id": "42",
            "model": "reranker",
            "results": [{"index": 0, "relevance_score": 0.9}],
            "usage": usage,
            "meta": {"tokens": {"input_tokens": 9, "output_tokens": 0}, "warnings": []},
        },
        body,
        {"query": "bread", "documents": ["a loaf", "a bank"], "top_n": 1},
    )
    scores = [{"index": 0, "score": 0.9}, {"index": 1, "score": 0.1}]
    sent = {"query": "bread", "texts": ["a loaf", "a bank"]}
    tei = Operation(cohere.summary, answer, scores, body, sent)
    return {"/v1/rerank": cohere, "/v2/rerank": cohere, "/rerank": tei, "/": tei}


def _model() -> Schema:
    facts: Mapping[str, Schema] = dict.fromkeys(("id", "object", "owned_by", "root"), STRING)
    return record({**facts, "created": schemas.COUNT})


def _metadata() -> Operation:
    tensors = many(schemas.metadata_tensor())
    facts = {"name": STRING, "platform": STRING, "inputs": tensors, "outputs": tensors}
    return Operation("The model's inputs and outputs", record(facts))
