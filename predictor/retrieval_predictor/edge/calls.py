"""One coroutine a protocol: bytes to a call, the call to an answer, the answer to bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from retrieval_predictor.edge import facts
from retrieval_predictor.edge.aside import aside
from retrieval_predictor.edge.budget import Holding
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol import oip, oip_rest, openai, rerank, tei
from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.edge.protocol.oip import InferCall
from retrieval_predictor.edge.protocol.tensors import Output
from retrieval_predictor.edge.protocol.usage import truncated_inputs
from retrieval_predictor.wire.work import (
    Caller,
    Embeddings,
    EmbedRequest,
    Outputs,
    RerankRequest,
    Scores,
)

_LONG_BODY_BYTES = 1 << 18
"""Larger bodies are parsed in a thread: two milliseconds a megabyte, ten where all are brackets."""

_NUMBER_BYTES = 4


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request off the wire: its body, who asks, and what else an endpoint may look at.

    `holding` is what it holds of the worker's budget. `model` and `version` are the path's,
    `json_length` says how many bytes of an inference body are JSON.
    """

    body: bytes
    caller: Caller
    holding: Holding
    request_id: str
    model: str | None = None
    version: str | None = None
    json_length: str | None = None

    @property
    def is_long(self) -> bool:
        """Whether reading the body takes long."""
        return len(self.body) > _LONG_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of a successful answer in pieces, and the answer it is made from."""

    pieces: Iterable[bytes | memoryview]
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
    call = await aside(
        incoming.is_long, oip_rest.parse, incoming.body, incoming.json_length, _max_texts(front)
    )
    outputs, answer = await infer_tensors(front, call, incoming.caller, incoming.holding)
    written = oip_rest.render(
        call,
        outputs,
        model=front.settings.name,
        answer_id=incoming.request_id,
        truncated=truncated_inputs(answer),
    )
    return Reply(written.pieces, answer, written.headers)


async def infer_tensors(
    front: Frontend, call: InferCall, caller: Caller, holding: Holding
) -> tuple[tuple[Output, ...], Embeddings | Scores]:
    """The answer to an inference request, whichever transport brought it."""
    max_texts = _max_texts(front)
    if front.is_embedder:
        asked = oip.to_embed_request(call, max_texts, facts.offered(front))
        vectors = await _embed(front, asked, caller, holding)
        return oip.embedding_outputs(call, vectors), vectors
    scores = await _rerank(front, oip.to_rerank_request(call, max_texts), caller, holding)
    return oip.score_outputs(scores), scores


async def openai_embeddings(front: Frontend, incoming: Incoming) -> Reply:
    """POST /v1/embeddings."""
    call = await aside(incoming.is_long, openai.parse, incoming.body, _max_texts(front))
    front.accept_model(call.model)
    answer = await _embed(front, call.request, incoming.caller, incoming.holding)
    return Reply(openai.render(call, answer, front.settings.name), answer)


async def tei_embed(front: Frontend, incoming: Incoming) -> Reply:
    """POST /embed."""
    request = await aside(incoming.is_long, tei.parse, incoming.body, _max_texts(front))
    answer = await _embed(front, request, incoming.caller, incoming.holding)
    return Reply(tei.render(answer), answer)


async def tei_embed_sparse(front: Frontend, incoming: Incoming) -> Reply:
    """POST /embed_sparse."""
    answer = await _embed_tokens(front, Outputs.SPARSE, incoming)
    return Reply(tei.render_sparse(answer), answer)


async def tei_embed_all(front: Frontend, incoming: Incoming) -> Reply:
    """POST /embed_all."""
    answer = await _embed_tokens(front, Outputs.COLBERT, incoming)
    return Reply(tei.render_all(answer), answer)


async def rank(front: Frontend, incoming: Incoming) -> Reply:
    """POST /v1/rerank, /v2/rerank, /rerank."""
    call = await aside(incoming.is_long, rerank.parse, incoming.body, _max_texts(front))
    front.accept_model(call.model)
    answer = await _rerank(front, call.request, incoming.caller, incoming.holding)
    pieces = rerank.render(call, answer, model=front.settings.name, answer_id=incoming.request_id)
    return Reply(pieces, answer)


def _max_texts(front: Frontend) -> int:
    return front.settings.limits.max_texts


async def _embed_tokens(front: Frontend, outputs: Outputs, incoming: Incoming) -> Embeddings:
    body, most = incoming.body, _max_texts(front)
    request = await aside(incoming.is_long, tei.parse_for, outputs, body, most)
    return await _embed(front, request, incoming.caller, incoming.holding)


async def _embed(
    front: Frontend, request: EmbedRequest, caller: Caller, holding: Holding
) -> Embeddings:
    """Vectors, with room for them before they are computed; of tokens' it is known only after."""
    if Outputs.DENSE in request.outputs:
        holding.take(len(request.inputs) * front.answerer.card.dimensions * _NUMBER_BYTES)
    answer = await front.answerer.embed(request, caller)
    if answer.colbert is not None:
        holding.take(answer.colbert.vectors.nbytes)
    return answer


async def _rerank(
    front: Frontend, request: RerankRequest, caller: Caller, holding: Holding
) -> Scores:
    holding.take(len(request.documents) * _NUMBER_BYTES)
    return await front.answerer.rerank(request, caller)


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
