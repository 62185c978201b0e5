"""`/openapi.json`: the routes of a search service, with an example of each."""

from __future__ import annotations

from typing import Any

from retrieval_predictor import __version__
from retrieval_search.settings import Settings

_HIT = {
    "id": "search.md#3",
    "score": 0.82,
    "title": "Search › Filters",
    "text": "A filter lets through the passages whose metadata fulfils it.",
    "url": "search.md",
    "metadata": {"path": "search.md", "part": 3},
    "scores": {"dense": 0.61, "words": 9.4, "fused": 0.98, "rerank": 0.82},
}
_FILTER = {"type": "eq", "key": "path", "value": "search.md"}
_STAGES = {"embed": 4.1, "queue": 0.0, "dense": 0.6, "words": 0.3, "passages": 0.4, "rerank": 61.0}
_STATUSES = {
    "400": "A field is missing, unknown or of another type.",
    "401": "No known bearer key.",
    "404": "Another index is served here.",
    "429": "More queries wait than are answered in time; Retry-After says how long.",
    "503": "No version is served yet, or the embedder or the reranker is away.",
    "504": "The time in the header x-request-timeout is over.",
}


def document(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Search in {settings.served_name}", "version": __version__},
        "paths": {path: {"post": operation} for path, operation in _operations(settings).items()},
    }


def _operations(settings: Settings) -> dict[str, Any]:
    store = _named("name", settings.served_name)
    return {
        "/v1/search": _operation(
            "A query in, ranked passages out.",
            {"query": "How does a filter work?", "top_k": 3, "filter": _FILTER},
            {
                "id": "4f1c",
                "object": "search.results",
                "index": settings.served_name,
                "version": 3,
                "space": "builtin://all-MiniLM-L6-v2/384/50c01dea4905",
                "reranked": True,
                "results": [_HIT],
                "stages_ms": _STAGES,
                "batch": 1,
            },
        ),
        "/v1/vector_stores/{name}/search": _operation(
            "The same in OpenAI's shape.",
            {"query": "How does a filter work?", "max_num_results": 3, "filters": _FILTER},
            {
                "object": "vector_store.search_results.page",
                "search_query": ["How does a filter work?"],
                "data": [],
                "has_more": False,
                "next_page": None,
            },
            store,
        ),
        "/retrieval": _operation(
            "The same as external knowledge for Dify and RAGFlow.",
            {
                "knowledge_id": settings.served_name,
                "query": "How does a filter work?",
                "retrieval_setting": {"top_k": 3, "score_threshold": 0},
            },
            {"records": []},
        ),
        "/v2/models/{name}/infer": _operation(
            "The same in the Open Inference Protocol.",
            {
                "inputs": [
                    {"name": "query", "datatype": "BYTES", "shape": [1], "data": ["A filter?"]}
                ],
                "parameters": {"top_k": 3},
            },
            {"model_name": settings.served_name, "id": "4f1c", "outputs": []},
            store,
        ),
    }


def _operation(summary: str, sent: Any, shown: Any, *parameters: Any) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": list(parameters),
        "requestBody": {"required": True, "content": _json(sent)},
        "responses": {
            "200": {"description": "Passages, best first.", "content": _json(shown)},
            **{status: {"description": words} for status, words in _STATUSES.items()},
        },
    }


def _json(example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "object"}, "example": example}}


def _named(name: str, example: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}
