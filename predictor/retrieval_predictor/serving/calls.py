"""One coroutine a protocol: bytes to a call, the call to an answer, the answer to bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from retrieval_predictor.protocol import oip, oip_rest, openai, rerank, tei
from retrieval_predictor.protocol.faults import Dialect
from retrieval_predictor.protocol.oip import InferCall
from retrieval_predictor.protocol.tensors import Output
from retrieval_predictor.protocol.usage import truncated_inputs
from retrieval_predictor.serving.frontend import Frontend
from retrieval_predictor.work import Caller, Embeddings, Scores


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request off the wire: its body, who asks, and what else an endpoint may look at.

    `model` and `version` are the path's, `json_length` says how many bytes of an inference body
    are JSON.
    """

    body: bytes
    caller: Caller
    request_id: str
    model: str | None = None
    version: str | None = None
    json_length: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a successful answer, and the answer it was made from."""

    content: bytes
    answer: Embeddings | Scores
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


Handle = Callable[[Frontend, Incoming], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route that computes: where it is, what it speaks, and what it does."""

    path: str
    protocol: str
    dialect: Dialect
    handle: Handle


async def infer(front: Frontend, incoming: Incoming) -> Reply:
    """POST /v2/models/{name}/infer."""
    front.accept_model(incoming.model, incoming.version)
    max_texts = front.settings.limits.max_texts
    call = oip_rest.parse(incoming.body, incoming.json_length, max_texts)
    outputs, answer = await infer_tensors(front, call, incoming.caller)
    written = oip_rest.render(
        call,
        outputs,
        model=front.settings.name,
        answer_id=incoming.request_id,
        truncated=truncated_inputs(answer),
    )
    return Reply(written.content, answer, written.headers)


async def infer_tensors(
    front: Frontend, call: InferCall, caller: Caller
) -> tuple[tuple[Output, ...], Embeddings | Scores]:
    """The answer to an inference request, whichever transport brought it."""
    max_texts = front.settings.limits.max_texts
    if front.is_embedder:
        vectors = await front.answerer.embed(oip.to_embed_request(call, max_texts), caller)
        return oip.embedding_outputs(call, vectors), vectors
    scores = await front.answerer.rerank(oip.to_rerank_request(call, max_texts), caller)
    return oip.score_outputs(scores), scores


async def openai_embeddings(front: Frontend, incoming: Incoming) -> Reply:
    """POST /v1/embeddings."""
    call = openai.parse(incoming.body, front.settings.limits.max_texts)
    front.accept_model(call.model)
    answer = await front.answerer.embed(call.request, incoming.caller)
    return Reply(openai.render(call, answer, front.settings.name), answer)


async def tei_embed(front: Frontend, incoming: Incoming) -> Reply:
    """POST /embed."""
    call = tei.parse(incoming.body, front.settings.limits.max_texts)
    answer = await front.answerer.embed(call, incoming.caller)
    return Reply(tei.render(answer), answer)


async def rank(front: Frontend, incoming: Incoming) -> Reply:
    """POST /v1/rerank, /v2/rerank, /rerank."""
    call = rerank.parse(incoming.body, front.settings.limits.max_texts)
    front.accept_model(call.model)
    answer = await front.answerer.rerank(call.request, incoming.caller)
    content = rerank.render(call, answer, model=front.settings.name, answer_id=incoming.request_id)
    return Reply(content, answer)


_INFER = tuple(
    Endpoint(f"/v2/models/{{name}}{version}/infer", "oip", Dialect.OIP, infer)
    for version in ("", "/versions/{version}")
)
EMBEDDER_ENDPOINTS = (
    *_INFER,
    Endpoint("/v1/embeddings", "openai", Dialect.OPENAI, openai_embeddings),
    Endpoint("/embed", "tei", Dialect.TEI, tei_embed),
    Endpoint("/", "tei", Dialect.TEI, tei_embed),
)
RERANKER_ENDPOINTS = (
    *_INFER,
    Endpoint("/v1/rerank", "cohere", Dialect.COHERE, rank),
    Endpoint("/v2/rerank", "cohere", Dialect.COHERE, rank),
    Endpoint("/rerank", "tei", Dialect.TEI, rank),
    Endpoint("/", "tei", Dialect.TEI, rank),
)
