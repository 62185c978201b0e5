"""One coroutine a protocol: bytes to a call, the call to an answer, the answer to bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from retrieval_predictor.edge import facts
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol import oip, oip_rest, openai, rerank, tei
from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.edge.protocol.oip import InferCall
from retrieval_predictor.edge.protocol.tensors import Output
from retrieval_predictor.edge.protocol.usage import truncated_inputs
from retrieval_predictor.wire.work import Caller, Embeddings, Outputs, Scores


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
    """A route that computes: where it is, what it speaks, what it does, what the model has to have.

    It is there whatever the model has, because that is only known once the model is loaded.
    """

    path: str
    protocol: str
    dialect: Dialect
    handle: Handle
    outputs: Outputs = Outputs.DENSE


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
        asked = oip.to_embed_request(call, max_texts, facts.offered(front))
        vectors = await front.answerer.embed(asked, caller)
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


async def tei_embed_sparse(front: Frontend, incoming: Incoming) -> Reply:
    """POST /embed_sparse."""
    call = tei.parse_for(Outputs.SPARSE, incoming.body, front.settings.limits.max_texts)
    answer = await front.answerer.embed(call, incoming.caller)
    return Reply(tei.render_sparse(answer), answer)


async def tei_embed_all(front: Frontend, incoming: Incoming) -> Reply:
    """POST /embed_all."""
    call = tei.parse_for(Outputs.COLBERT, incoming.body, front.settings.limits.max_texts)
    answer = await front.answerer.embed(call, incoming.caller)
    return Reply(tei.render_all(answer), answer)


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
    Endpoint("/embed_sparse", "tei", Dialect.TEI, tei_embed_sparse, Outputs.SPARSE),
    Endpoint("/embed_all", "tei", Dialect.TEI, tei_embed_all, Outputs.COLBERT),
    Endpoint("/", "tei", Dialect.TEI, tei_embed),
)
RERANKER_ENDPOINTS = (
    *_INFER,
    Endpoint("/v1/rerank", "cohere", Dialect.COHERE, rank),
    Endpoint("/v2/rerank", "cohere", Dialect.COHERE, rank),
    Endpoint("/rerank", "tei", Dialect.TEI, rank),
    Endpoint("/", "tei", Dialect.TEI, rank),
)
