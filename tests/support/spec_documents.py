"""Specs of every shape, drawn from the schema: a third right, the others wrong in a few places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from retrieval_operator.spec.component import Embedder
from retrieval_operator.spec.schema import structural
from retrieval_operator.spec.service import RetrievalServiceSpec

Strategy = st.SearchStrategy[Any]

_ODD: Strategy = st.sampled_from(
    [None, "", "a b", "Auto", "hf://a/b", "A" * 64, -1, 0, 2**40, 1.5, True, [], [None], {}]
)
_QUANTITIES: Strategy = st.sampled_from(
    ["0", "500m", "2", "1.5", "24Gi", "1Gi", "3G", "1e3", ".5", "2.", "1E", "100n", 0, 4, 2**31, -1]
)
_TEXTS: Strategy = st.sampled_from(
    ["a", "a-b", "A.b_c", "nvidia.com/gpu", "/data", "RETRIEVAL_WORKERS", "é", "9", "a\n", "-a"]
)
_ADDRESSES: Strategy = st.sampled_from(
    ["hf://a/b", "s3://a/b", "builtin://all-MiniLM-L6-v2", "hf://", "HF://a", " hf://a", "a hf://b"]
)


def specs() -> Strategy:
    """The `spec` of an object, more often than not with an embedder."""
    drawn = _value(structural(RetrievalServiceSpec), "spec")
    embedder = _right(structural(Embedder), "embedder")
    return drawn | st.tuples(drawn, embedder).map(_with_embedder)


def _with_embedder(both: tuple[Any, Any]) -> Any:
    spec, embedder = both
    return spec | {"embedder": embedder} if isinstance(spec, dict) else spec


def _value(node: dict[str, Any], name: str) -> Strategy:
    right = _right(node, name)
    return st.integers(0, 49).flatmap(lambda draw: _ODD if draw == 0 else right)


def _right(node: dict[str, Any], name: str) -> Strategy:
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "x-kubernetes-int-or-string" in node:
        return _QUANTITIES
    if name == "uri":
        return _ADDRESSES
    if node["type"] == "boolean":
        return st.booleans()
    return _BY_TYPE[node["type"]](node)


def _number(node: dict[str, Any]) -> Strategy:
    least, most = node.get("minimum", 0), node.get("maximum", 1000)
    inside = st.sampled_from([least, least + 1, most - 1, most])
    return st.one_of(inside, inside, inside, st.sampled_from([least - 1, most + 1]))


def _text(node: dict[str, Any]) -> Strategy:
    right = st.from_regex(node.get("pattern", "^[a-z]{1,3}$"), fullmatch=True)
    return st.one_of(right, right, right, right, _TEXTS)


def _list(node: dict[str, Any]) -> Strategy:
    return st.lists(_value(node["items"], "item"), max_size=2)


def _object(node: dict[str, Any]) -> Strategy:
    if "additionalProperties" in node:
        return st.dictionaries(_TEXTS, _value(node["additionalProperties"], "value"), max_size=2)
    fields = {name: _value(child, name) for name, child in node.get("properties", {}).items()}
    required = {name: fields.pop(name) for name in node.get("required", ())}
    chosen = st.sets(st.sampled_from(sorted(fields)), max_size=3) if fields else st.just(set())
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(required | {name: fields[name] for name in names})
    )


_BY_TYPE: dict[str, Callable[[dict[str, Any]], Strategy]] = {
    "object": _object,
    "array": _list,
    "string": _text,
    "integer": _number,
    "number": _number,
}
