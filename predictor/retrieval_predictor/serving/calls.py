"""One coroutine a protocol: bytes to a call, the call to an answer, the answer to bytes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from retrieval_predictor.errors import Malformed
from retrieval_predictor.protocol import oip, oip_rest, openai, rerank, tei
from retrieval_predictor.protocol.faults import Dialect
from retrieval_predictor.protocol.oip import InferCall
from retrieval_predictor.protocol.tensors import Output
from retrieval_predictor.protocol.usage import truncated_inputs
from retrieval_predictor.serving.frontend import Frontend
from retrieval_predictor.work import Embeddings, Scores

TIMEOUT_HEADER = "x-request-timeout"
"""Seconds the caller waits; work that starts later is dropped before it is computed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a successful answer, and the answer it was made from."""

    content: bytes
    answer: Embeddings | Scores
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


Handle = Callable[[Frontend, Request, bytes], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route that computes: where it is, what it speaks, and what it does."""

    path: str
    protocol: str
    dialect: Dialect
    handle: Handle


async def infer(front: Frontend, request: Request, body: bytes) -> Reply:
    """POST /v2/models/{name}/infer."""
    front.accept_model(request.path_params["name"])
    length = request.headers.get(oip_rest.LENGTH_HEADER)
    call = oip_rest.parse(body, length, front.settings.limits.max_texts)
    outputs, answer = await infer_tensors(front, call, deadline_s(request))
    written = oip_rest.render(
        call,
        outputs,
        model=front.settings.name,
        answer_id=new_id(),
        truncated=truncated_inputs(answer),
    )
    return Reply(written.content, answer, written.headers)


async def infer_tensors(
    front: Frontend, call: InferCall, until_s: float
) -> tuple[tuple[Output, ...], Embeddings | Scores]:
    """The answer to an inference request, whichever transport brought it."""
    max_texts = front.settings.limits.max_texts
    if front.is_embedder:
        vectors = await front.answerer.embed(oip.to_embed_request(call, max_texts), until_s)
        return oip.embedding_outputs(call, vectors), vectors
    scores = await front.answerer.rerank(oip.to_rerank_request(call, max_texts), until_s)
    return oip.score_outputs(scores), scores


async def openai_embeddings(front: Frontend, request: Request, body: bytes) -> Reply:
    """POST /v1/embeddings."""
    call = openai.parse(body, front.settings.limits.max_texts)
    front.accept_model(call.model)
    answer = await front.answerer.embed(call.request, deadline_s(request))
    return Reply(openai.render(call, answer, front.settings.name), answer)


async def tei_embed(front: Frontend, request: Request, body: bytes) -> Reply:
    """POST /embed."""
    call = tei.parse(body, front.settings.limits.max_texts)
    answer = await front.answerer.embed(call, deadline_s(request))
    return Reply(tei.render(answer), answer)


async def rank(front: Frontend, request: Request, body: bytes) -> Reply:
    """POST /v1/rerank, /v2/rerank, /rerank."""
    call = rerank.parse(body, front.settings.limits.max_texts)
    front.accept_model(call.model)
    answer = await front.answerer.rerank(call.request, deadline_s(request))
    content = rerank.render(call, answer, model=front.settings.name, answer_id=new_id())
    return Reply(content, answer)


def deadline_s(request: Request) -> float:
    """When the caller stops waiting, on CLOCK_MONOTONIC; 0 where it did not say.

    Raises:
        Malformed: The header is not a positive number of seconds.
    """
    value = request.headers.get(TIMEOUT_HEADER)
    if value is None:
        return 0.0
    try:
        timeout_s = float(value)
    except ValueError:
        timeout_s = 0.0
    if not 0 < timeout_s < float("inf"):
        raise Malformed(f"header {TIMEOUT_HEADER}: wanted seconds above 0")
    return time.monotonic() + timeout_s


def new_id() -> str:
    """An id for an answer whose caller gave none."""
    return uuid.uuid4().hex


_INFER = Endpoint("/v2/models/{name}/infer", "oip", Dialect.OIP, infer)
EMBEDDER_ENDPOINTS = (
    _INFER,
    Endpoint("/v1/embeddings", "openai", Dialect.OPENAI, openai_embeddings),
    Endpoint("/embed", "tei", Dialect.TEI, tei_embed),
)
RERANKER_ENDPOINTS = (
    _INFER,
    Endpoint("/v1/rerank", "cohere", Dialect.COHERE, rank),
    Endpoint("/v2/rerank", "cohere", Dialect.COHERE, rank),
    Endpoint("/rerank", "tei", Dialect.TEI, rank),
)
