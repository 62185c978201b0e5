"""`POST /v1/search`: everything a search can be asked, and everything it can tell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from retrieval_predictor.edge.protocol.fields import (
    Fields,
    choice,
    flag,
    kind,
    missing,
    optional_text,
    whole,
    wrong,
)
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_search.edge.query import Hit, Query, Rerank, Results
from retrieval_search.ranking.condition import read_condition
from retrieval_search.ranking.fusion import Floats, Fusion, Method
from retrieval_search.settings import Defaults

MAX_VECTOR = 16_384
_CONTAINERS = 512
_METHODS = {one.value: one for one in Method}
_KNOWN = frozenset(
    ("query", "vector", "top_k", "candidates", "filter", "fusion", "rerank", "effort", "min_score",
     "index")
)  # fmt: skip


def parse(body: bytes, defaults: Defaults) -> Query:
    """The query that a body is.

    Raises:
        Malformed: A field is unknown, missing, of another type or beyond a limit.
    """
    fields = parse_object(body, _CONTAINERS)
    if unknown := sorted(fields.keys() - _KNOWN):
        raise wrong(unknown[0][:64], f"one of {', '.join(sorted(_KNOWN))}", "another name")
    text, vector = optional_text(fields, "query"), _vector(fields)
    if not (text or "").strip() and vector is None:
        raise missing("query", "a text, or 'vector'")
    return Query(
        text=text or "",
        vector=vector,
        top_k=bounded(fields, "top_k", 10, defaults.max_candidates),
        candidates=bounded(fields, "candidates", defaults.candidates, defaults.max_candidates),
        filter=condition(fields, "filter"),
        fusion=_fusion(fields.get("fusion"), defaults),
        rerank=_rerank(fields.get("rerank"), defaults),
        effort=bounded(fields, "effort", 0, defaults.max_effort),
        least_score=number(fields, "min_score"),
    )


def bounded(fields: Fields, name: str, default: int, most: int) -> int:
    """A whole number from 1 to a limit; the default where there is none.

    Raises:
        Malformed: It is none, or above the limit.
    """
    value = whole(fields, name)
    if value is None:
        return min(default, most)
    if value > most:
        raise wrong(name, f"at most {most}", str(value))
    return value


def number(fields: Fields, name: str) -> float | None:
    """A finite number; None when absent.

    Raises:
        Malformed: It is none.
    """
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong(name, "a number", kind(value))
    return float(value)


def condition(fields: Fields, name: str) -> bytes:
    """A filter as JSON that was read once; empty when absent.

    Raises:
        Malformed: It is none.
    """
    value = fields.get(name)
    return b"" if read_condition(value) is None else orjson.dumps(value)


def _vector(fields: Fields) -> Floats | None:
    value = fields.get("vector")
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VECTOR:
        raise wrong("vector", f"a list of 1 to {MAX_VECTOR} numbers", kind(value))
    numbers = np.asarray(value) if _is_flat(value) else np.empty(0, object)
    if numbers.dtype.kind not in "iuf":
        raise wrong("vector", "numbers", "something else")
    with np.errstate(over="ignore"):
        vector = numbers.astype(np.float32)
    if not np.isfinite(vector).all():
        raise wrong("vector", "numbers that fit in 32 bits", "one beyond")
    return vector


def _is_flat(value: list[Any]) -> bool:
    """Whether no item is a list or an object; NumPy says of all the others what they are."""
    return not {list, dict} & set(map(type, value))


def _fusion(value: Any, defaults: Defaults) -> Fusion:
    usual = defaults.usual_fusion
    if value is None:
        return usual
    if not isinstance(value, dict):
        raise wrong("fusion", "an object", kind(value))
    weights = value.get("weights", {})
    if not isinstance(weights, dict) or weights.keys() - {"dense", "words"}:
        raise wrong("fusion.weights", "an object with 'dense' and 'words'", kind(weights))
    dense, words = (_weight(weights, name) for name in ("dense", "words"))
    fusion = Fusion(
        choice(value, "method", _METHODS) or usual.method,
        whole(value, "k") or usual.k,
        usual.dense_weight if dense is None else dense,
        usual.words_weight if words is None else words,
    )
    if not fusion.dense_weight and not fusion.words_weight:
        raise wrong("fusion.weights", "one above 0", "none")
    return fusion


def _weight(weights: Fields, name: str) -> float | None:
    value = number(weights, name)
    if value is not None and value < 0:
        raise wrong(f"fusion.weights.{name}", "0 or more", str(value))
    return value


def _rerank(value: Any, defaults: Defaults) -> Rerank:
    if value is None or isinstance(value, bool):
        return Rerank(value is not False, defaults.rerank_required)
    if not isinstance(value, dict):
        raise wrong("rerank", "true, false or an object", kind(value))
    required = flag(value, "required")
    return Rerank(required=defaults.rerank_required if required is None else required)


def render(results: Results, *, name: str, answer_id: str) -> bytes:
    """The body of an answer; stages are in milliseconds."""
    stages = results.stages.by_name()
    return orjson.dumps(
        {
            "id": answer_id,
            "object": "search.results",
            "index": name,
            "version": results.version,
            "space": results.space,
            "reranked": results.reranked,
            "results": [_hit(one) for one in results.hits],
            "stages_ms": {stage: round(1000 * taken_s, 3) for stage, taken_s in stages.items()},
            "batch": results.batch,
        }
    )


def _hit(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    scores = {"dense": hit.dense, "words": hit.words, "fused": hit.fused, "rerank": hit.rerank}
    return {
        "id": passage.id,
        "score": hit.score,
        "title": passage.title,
        "text": passage.text,
        "url": passage.url,
        "metadata": dict(passage.metadata),
        "scores": {name: score for name, score in scores.items() if score is not None},
    }
