"""Parameter counts from sizes, one formula a family.

Source: the module definitions of transformers 5.23; `tests/unit/operator/test_facts_parameters.py`
holds them against the totals that the model cards publish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from retrieval_operator.facts.model import Dims, Head


def parameters_of(model_type: str, dims: Dims) -> int | None:
    """Parameters of a model without a vocabulary head, or None for an unknown family."""
    formula = _FORMULAS.get(model_type)
    return formula(dims) if formula else None


def _attention(dims: Dims) -> int:
    queries, keys = dims.heads * dims.head_dim, dims.kv_heads * dims.head_dim
    return 2 * dims.hidden * queries + 2 * dims.hidden * keys


def _qkv_bias(dims: Dims) -> int:
    return (dims.heads + 2 * dims.kv_heads) * dims.head_dim


def _tables(dims: Dims) -> int:
    return (dims.vocabulary + dims.positions + dims.types) * dims.hidden


def _bert_layers(dims: Dims) -> int:
    """Biased linears, two layer norms of weight and bias."""
    hidden, wide = dims.hidden, dims.intermediate
    linears = _attention(dims) + _qkv_bias(dims) + hidden + 2 * hidden * wide + wide + hidden
    return dims.layers * (linears + 4 * hidden)


def _dense(dims: Dims) -> int:
    return dims.hidden * dims.hidden + dims.hidden


def _score(dims: Dims) -> int:
    """A projection to one logit."""
    return dims.hidden + 1 if dims.head is Head.CLASSIFIER else 0


def _bert(dims: Dims) -> int:
    return _tables(dims) + 2 * dims.hidden + _bert_layers(dims) + _dense(dims) + _score(dims)


def _mpnet(dims: Dims) -> int:
    return _bert(dims) + 32 * dims.heads  # 32 buckets of relative distance


def _deberta(dims: Dims) -> int:
    relative = 512 * dims.hidden + 2 * dims.hidden
    head = _dense(dims) + _score(dims) if dims.head is Head.CLASSIFIER else 0
    return _tables(dims) + 2 * dims.hidden + relative + _bert_layers(dims) + head


def _nomic(dims: Dims) -> int:
    hidden = dims.hidden
    layer = _attention(dims) + 3 * hidden * dims.intermediate + 4 * hidden
    return _tables(dims) + 2 * hidden + dims.layers * layer + _score(dims)


def _gte(dims: Dims) -> int:
    hidden = dims.hidden
    attention = _attention(dims) + _qkv_bias(dims) + hidden
    layer = attention + 3 * hidden * dims.intermediate + hidden + 4 * hidden
    return _tables(dims) + 2 * hidden + dims.layers * layer + _score(dims)


def _modernbert(dims: Dims) -> int:
    hidden = dims.hidden
    layer = _attention(dims) + 3 * hidden * dims.intermediate + 2 * hidden
    head = hidden * hidden + hidden + _score(dims) if dims.head is Head.CLASSIFIER else 0
    # one norm after the embeddings, one at the end, none before the first attention
    return _tables(dims) + dims.layers * layer + hidden + head


def _llama(dims: Dims) -> int:
    layer = _attention(dims) + 3 * dims.hidden * dims.intermediate + 2 * dims.hidden
    return _tables(dims) + dims.layers * layer + dims.hidden + _score(dims)


def _qwen2(dims: Dims) -> int:
    return _llama(dims) + dims.layers * _qkv_bias(dims)


def _qwen3(dims: Dims) -> int:
    return _llama(dims) + dims.layers * 2 * dims.head_dim  # norms of query and key


def _gemma3(dims: Dims) -> int:
    return _qwen3(dims) + dims.layers * 2 * dims.hidden  # norms after attention and MLP too


_FORMULAS: Final[dict[str, Callable[[Dims], int]]] = {
    "bert": _bert,
    "roberta": _bert,
    "xlm-roberta": _bert,
    "camembert": _bert,
    "mpnet": _mpnet,
    "deberta-v2": _deberta,
    "nomic_bert": _nomic,
    "gte": _gte,
    "new": _gte,
    "modernbert": _modernbert,
    "llama": _llama,
    "mistral": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma3_text": _gemma3,
}
