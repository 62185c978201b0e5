"""OpenAI's `POST /v1/vector_stores/{id}/search`.

Source: OpenAI API reference, "Search vector store"; Microsoft's copy of its OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from retrieval_predictor.edge.protocol.fields import kind, wrong
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_search.edge.protocol.native import bounded, condition, number
from retrieval_search.edge.query import Hit, Query, Rerank, Results
from retrieval_search.settings import Defaults

MAX_RESULTS = 50
MAX_QUERIES = 8
_CONTAINERS = 512


def parse(body: bytes, defaults: Defaults) -> tuple[Query, ...]:
    """The queries of a body, one or several.

    Raises:
        Malformed: A field is missing, of another type or beyond a limit.
    """
    fields = parse_object(body, _CONTAINERS)
    options = fields.get("ranking_options") or {}
    if not isinstance(options, dict):
        raise wrong("ranking_options", "an object", kind(options))
    return tuple(
        Query(
            text=text,
            top_k=bounded(fields, "max_num_results", 10, MAX_RESULTS),
            candidates=defaults.candidates,
            filter=condition(fields, "filters"),
            fusion=defaults.usual_fusion,
            rerank=Rerank(options.get("ranker") != "none", defaults.rerank_required),
            least_score=number(options, "score_threshold"),
        )
        for text in _texts(fields.get("query"))
    )


def _texts(value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not 1 <= len(texts) <= MAX_QUERIES:
        raise wrong("query", f"1 to {MAX_QUERIES} strings", str(len(texts)))
    for one in texts:
        if not isinstance(one, str) or not one.strip():
            raise wrong("query", "a string, or a list of strings", kind(one))
    return texts


def merged(answers: Sequence[Results], top_k: int) -> list[Hit]:
    """The hits of several queries, each once by its best score."""
    best: dict[str, Hit] = {}
    for hit in (one for results in answers for one in results.hits):
        known = best.get(hit.passage.id)
        if known is None or hit.score > known.score:
            best[hit.passage.id] = hit
    return sorted(best.values(), key=lambda hit: -hit.score)[:top_k]


def render(queries: Sequence[Query], hits: Sequence[Hit]) -> bytes:
    """The body of an answer; there is one page, because the best come first."""
    return orjson.dumps(
        {
            "object": "vector_store.search_results.page",
            "search_query": [query.text for query in queries],
            "data": [_hit(hit) for hit in hits],
            "has_more": False,
            "next_page": None,
        }
    )


def _hit(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    attributes = {
        name: value
        for name, value in passage.metadata.items()
        if isinstance(value, str | int | float | bool)
    }
    return {
        "file_id": passage.id,
        "filename": passage.title or passage.id,
        "score": hit.score,
        "attributes": attributes,
        "content": [{"type": "text", "text": passage.text}],
    }
