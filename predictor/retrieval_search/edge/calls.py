"""One coroutine a shape: bytes to queries, queries to results, results to bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from retrieval_predictor.edge.protocol import oip_rest
from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.wire.work import Caller
from retrieval_search.edge.frontend import Frontend
from retrieval_search.edge.protocol import dify, infer, native, vector_stores


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request off the wire: its body, who asks, and the names in its path and headers."""

    body: bytes
    caller: Caller
    request_id: str
    name: str | None = None
    json_length: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route that searches: where it is, what it speaks, what it does."""

    path: str
    protocol: str
    dialect: Dialect
    handle: Callable[[Frontend, Incoming], Awaitable[bytes]]


async def search(front: Frontend, incoming: Incoming) -> bytes:
    """POST /v1/search."""
    query = native.parse(incoming.body, front.settings.defaults)
    results = await front.searcher.search(query, incoming.caller)
    name = front.settings.served_name
    return native.render(results, name=name, answer_id=incoming.request_id)


async def search_vector_store(front: Frontend, incoming: Incoming) -> bytes:
    """POST /v1/vector_stores/{name}/search."""
    front.accept_index(incoming.name)
    queries = vector_stores.parse(incoming.body, front.settings.defaults)
    answers = await asyncio.gather(
        *(front.searcher.search(query, incoming.caller) for query in queries)
    )
    return vector_stores.render(queries, vector_stores.merged(answers, queries[0].top_k))


async def retrieve(front: Frontend, incoming: Incoming) -> bytes:
    """POST /retrieval."""
    knowledge, query = dify.parse(incoming.body, front.settings.defaults)
    front.accept_index(knowledge)
    return dify.render(await front.searcher.search(query, incoming.caller))


async def run_inference(front: Frontend, incoming: Incoming) -> bytes:
    """POST /v2/models/{name}/infer."""
    front.accept_index(incoming.name)
    call = oip_rest.parse(incoming.body, incoming.json_length, infer.MAX_QUERIES)
    queries = infer.queries_of(call, front.settings.defaults)
    answers = await asyncio.gather(
        *(front.searcher.search(query, incoming.caller) for query in queries)
    )
    name = front.settings.served_name
    return infer.render(call, answers, name=name, answer_id=incoming.request_id)


ENDPOINTS = (
    Endpoint("/v1/search", "search", Dialect.OPENAI, search),
    Endpoint("/v1/vector_stores/{name}/search", "openai", Dialect.OPENAI, search_vector_store),
    Endpoint("/retrieval", "dify", Dialect.COHERE, retrieve),
    Endpoint("/v2/models/{name}/infer", "oip", Dialect.OIP, run_inference),
)
