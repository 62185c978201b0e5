"""Dify's external knowledge: `POST /retrieval`. RAGFlow speaks it too.

Source: Dify documentation, "External Knowledge API". An error is {"error_code", "error_msg"}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retrieval_predictor.edge.protocol.fields import Fields, kind, label, missing, wrong
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_predictor.errors import Malformed
from retrieval_search.edge.protocol.native import bounded, number
from retrieval_search.edge.query import Query, Rerank, Results
from retrieval_search.ranking.condition import read_condition
from retrieval_search.settings import Defaults

_CONTAINERS = 512
_OPERATORS: Mapping[str, str] = {
    "is": "eq",
    "=": "eq",
    "is not": "ne",
    "≠": "ne",
    ">": "gt",
    "after": "gt",
    "≥": "gte",
    "<": "lt",
    "before": "lt",
    "≤": "lte",
    "in": "in",
    "not in": "nin",
}
"""Dify's words that a filter here has; those about parts of a text are refused by name."""


def parse(body: bytes, defaults: Defaults) -> tuple[str, Query]:
    """The knowledge that is asked for, and the query.

    Raises:
        Malformed: A field is missing, of another type or beyond a limit.
    """
    fields = parse_object(body, _CONTAINERS)
    text = label({"query": fields.get("query")}, "query")
    if not text or not text.strip():
        raise missing("query", "a text")
    setting = _object(fields, "retrieval_setting")
    query = Query(
        text=text,
        top_k=bounded(setting, "top_k", 5, defaults.max_candidates),
        candidates=defaults.candidates,
        filter=_condition(fields),
        fusion=defaults.usual_fusion,
        rerank=Rerank(required=defaults.rerank_required),
        least_score=number(setting, "score_threshold"),
    )
    return label(fields, "knowledge_id") or "", query


def _condition(fields: Fields) -> bytes:
    if fields.get("metadata_condition") is None:
        return b""
    asked = _object(fields, "metadata_condition")
    conditions = asked.get("conditions")
    if not isinstance(conditions, list) or not conditions:
        return b""
    parts = [part for one in conditions for part in _compared(one)]
    value = {"type": asked.get("logical_operator") or "and", "filters": parts}
    read_condition(value)
    return orjson.dumps(value)


def _compared(one: Any) -> list[dict[str, Any]]:
    if not isinstance(one, dict):
        raise wrong("metadata_condition.conditions", "objects", kind(one))
    operator = _OPERATORS.get(str(one.get("comparison_operator")))
    if operator is None:
        known = ", ".join(f'"{word}"' for word in _OPERATORS)
        raise Malformed(f"metadata_condition: comparison_operator is one of {known}")
    names = one.get("name")
    names = names if isinstance(names, list) else [names]
    value = one.get("value")
    if operator in {"in", "nin"} and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return [{"type": operator, "key": name, "value": value} for name in names]


def _object(fields: Fields, name: str) -> dict[str, Any]:
    value = fields.get(name) or {}
    if not isinstance(value, dict):
        raise wrong(name, "an object", kind(value))
    return value


def render(results: Results) -> bytes:
    """The body of an answer; metadata is an object also where there is none."""
    records = [
        {
            "content": hit.passage.text,
            "score": hit.score,
            "title": hit.passage.title or hit.passage.id,
            "metadata": {"id": hit.passage.id, **hit.passage.metadata},
        }
        for hit in results.hits
    ]
    return orjson.dumps({"records": records})
