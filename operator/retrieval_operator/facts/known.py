"""Well-known models by address: only their sizes are written down, totals are computed.

Sizes, dtypes and limits are those of each repository's config.json, sentence_bert_config.json and
safetensors files on the Hugging Face Hub.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Final

from retrieval_operator.facts.family import family_of
from retrieval_operator.facts.model import Dims, Head, ModelFacts
from retrieval_operator.facts.parameters import parameters_of
from retrieval_operator.spec.choices import Precision

FP32, FP16, BF16 = Precision.FP32, Precision.FP16, Precision.BF16
TABLE: Final = "table of known models"


@dataclass(frozen=True, slots=True)
class _Size:
    """Hidden size, layers, MLP width and heads of a plain encoder."""

    hidden: int
    layers: int
    intermediate: int
    heads: int


@dataclass(frozen=True, slots=True)
class _Row:
    """One model: `advised` is sentence-transformers' max_seq_length where it is shipped.

    `extra` counts parameters that sentence-transformers adds after pooling.
    """

    name: str
    model_type: str
    dims: Dims
    dtype: Precision
    limit: int
    advised: int | None = None
    extra: int = 0
    is_pickled: bool = False


_MINI = _Size(384, 6, 1536, 12)
_SMALL = _Size(384, 12, 1536, 12)
_BASE = _Size(768, 12, 3072, 12)
_LARGE = _Size(1024, 24, 4096, 16)
_ENGLISH, _CHINESE, _XLMR = 30_522, 21_128, 250_002


def _encoder(size: _Size, vocabulary: int, positions: int, types: int, head: Head) -> Dims:
    head_dim = size.hidden // size.heads
    return Dims(
        vocabulary, size.hidden, size.layers, size.intermediate, size.heads, size.heads, head_dim,
        positions, types, head,
    )  # fmt: skip


def _bert(
    name: str,
    size: _Size,
    vocabulary: int = _ENGLISH,
    dtype: Precision = FP32,
    advised: int = 512,
    head: Head = Head.NONE,
) -> _Row:
    dims = _encoder(size, vocabulary, 512, 2, head)
    return _Row(name, "bert", dims, dtype, 512, advised)


def _xlmr(
    name: str,
    size: _Size,
    dtype: Precision = FP32,
    limit: int = 512,
    head: Head = Head.NONE,
) -> _Row:
    dims = _encoder(size, _XLMR, limit + 2, 1, head)
    return _Row(name, "xlm-roberta", dims, dtype, limit, limit)


def _deberta(name: str, size: _Size) -> _Row:
    dims = _encoder(size, 128_100, 0, 0, Head.CLASSIFIER)
    return _Row(name, "deberta-v2", dims, FP16, 512, 512)


def _gte(name: str, dtype: Precision, head: Head = Head.NONE) -> _Row:
    return _Row(name, "new", _encoder(_BASE, 250_048, 0, 1, head), dtype, 8192, 8192)


def _nomic(name: str) -> _Row:
    return _Row(name, "nomic_bert", _encoder(_BASE, 30_528, 0, 2, Head.NONE), FP32, 8192, 8192)


def _modernbert(name: str, size: _Size, dtype: Precision, head: Head = Head.NONE) -> _Row:
    return _Row(name, "modernbert", _encoder(size, 50_368, 0, 0, head), dtype, 8192, 8192)


def _qwen3(name: str, size: _Size, kv_heads: int, vocabulary: int) -> _Row:
    dims = Dims(vocabulary, size.hidden, size.layers, size.intermediate, size.heads, kv_heads, 128)
    return _Row(name, "qwen3", dims, BF16, 32_768)


def _qwen2(name: str, size: _Size) -> _Row:
    head_dim, vocabulary = size.hidden // size.heads, 151_936
    dims = Dims(vocabulary, size.hidden, size.layers, size.intermediate, size.heads, 2, head_dim)
    return _Row(name, "qwen2", dims, BF16, 32_768)


_MODERN_BASE = _Size(768, 22, 1152, 12)
_MODERN_LARGE = _Size(1024, 28, 2624, 16)
_QWEN_06 = _Size(1024, 28, 3072, 16)
_QWEN_4 = _Size(2560, 36, 9728, 32)
_QWEN_8 = _Size(4096, 36, 12_288, 32)
_GEMMA = Dims(262_144, 768, 24, 1152, 3, 1, 256)
_MISTRAL = Dims(32_000, 4096, 32, 14_336, 32, 8, 128)
_RERANKER = Head.CLASSIFIER

_ROWS: Final = (
    _bert("BAAI/bge-small-en-v1.5", _SMALL),
    _bert("BAAI/bge-base-en-v1.5", _BASE),
    _bert("BAAI/bge-large-en-v1.5", _LARGE),
    _bert("BAAI/bge-small-zh-v1.5", _Size(512, 4, 2048, 8), _CHINESE),
    _bert("BAAI/bge-base-zh-v1.5", _BASE, _CHINESE),
    _bert("BAAI/bge-large-zh-v1.5", _LARGE, _CHINESE),
    replace(_xlmr("BAAI/bge-m3", _LARGE, limit=8192), is_pickled=True),
    _xlmr("BAAI/bge-reranker-base", _BASE, head=_RERANKER),
    _xlmr("BAAI/bge-reranker-large", _LARGE, head=_RERANKER),
    _xlmr("BAAI/bge-reranker-v2-m3", _LARGE, limit=8192, head=_RERANKER),
    _bert("intfloat/e5-small", _SMALL),
    _bert("intfloat/e5-base", _BASE),
    _bert("intfloat/e5-large", _LARGE),
    _bert("intfloat/e5-small-v2", _SMALL),
    _bert("intfloat/e5-base-v2", _BASE),
    _bert("intfloat/e5-large-v2", _LARGE),
    _bert("intfloat/multilingual-e5-small", _SMALL, 250_037),
    _xlmr("intfloat/multilingual-e5-base", _BASE),
    _xlmr("intfloat/multilingual-e5-large", _LARGE),
    _xlmr("intfloat/multilingual-e5-large-instruct", _LARGE, FP16),
    _Row("intfloat/e5-mistral-7b-instruct", "mistral", _MISTRAL, FP16, 32_768, 4096),
    _bert("thenlper/gte-small", _SMALL, dtype=FP16),
    _bert("thenlper/gte-base", _BASE, dtype=FP16),
    _bert("thenlper/gte-large", _LARGE, dtype=FP16),
    _bert("thenlper/gte-base-zh", _BASE, _CHINESE, FP16),
    _bert("thenlper/gte-large-zh", _LARGE, _CHINESE, FP16),
    _gte("Alibaba-NLP/gte-multilingual-base", FP16),
    _gte("Alibaba-NLP/gte-multilingual-reranker-base", FP16, _RERANKER),
    _modernbert("Alibaba-NLP/gte-modernbert-base", _MODERN_BASE, FP16),
    _modernbert("Alibaba-NLP/gte-reranker-modernbert-base", _MODERN_BASE, FP16, _RERANKER),
    _modernbert("answerdotai/ModernBERT-base", _MODERN_BASE, FP32),
    _modernbert("answerdotai/ModernBERT-large", _MODERN_LARGE, FP32),
    _modernbert("nomic-ai/modernbert-embed-base", _MODERN_BASE, FP32),
    _nomic("nomic-ai/nomic-embed-text-v1"),
    _nomic("nomic-ai/nomic-embed-text-v1.5"),
    _bert("sentence-transformers/all-MiniLM-L6-v2", _MINI, advised=256),
    _bert("sentence-transformers/all-MiniLM-L12-v2", _SMALL, advised=128),
    _Row(
        "sentence-transformers/all-mpnet-base-v2", "mpnet",
        _encoder(_BASE, 30_527, 514, 0, Head.NONE), FP32, 512, 384,
    ),
    _bert("cross-encoder/ms-marco-MiniLM-L6-v2", _MINI, head=_RERANKER),
    _bert("cross-encoder/ms-marco-MiniLM-L12-v2", _SMALL, head=_RERANKER),
    _bert("Snowflake/snowflake-arctic-embed-xs", _MINI),
    _bert("Snowflake/snowflake-arctic-embed-s", _SMALL),
    _bert("Snowflake/snowflake-arctic-embed-m", _BASE),
    _bert("Snowflake/snowflake-arctic-embed-m-v1.5", _BASE),
    _bert("Snowflake/snowflake-arctic-embed-l", _LARGE),
    _gte("Snowflake/snowflake-arctic-embed-m-v2.0", FP32),
    _xlmr("Snowflake/snowflake-arctic-embed-l-v2.0", _LARGE, limit=8192),
    _bert("mixedbread-ai/mxbai-embed-large-v1", _LARGE, dtype=FP16),
    _deberta("mixedbread-ai/mxbai-rerank-xsmall-v1", _Size(384, 12, 1536, 6)),
    _deberta("mixedbread-ai/mxbai-rerank-base-v1", _BASE),
    _deberta("mixedbread-ai/mxbai-rerank-large-v1", _LARGE),
    _qwen2("mixedbread-ai/mxbai-rerank-large-v2", _Size(1536, 28, 8960, 12)),
    _qwen3("Qwen/Qwen3-Embedding-0.6B", _QWEN_06, 8, 151_669),
    _qwen3("Qwen/Qwen3-Embedding-4B", _QWEN_4, 8, 151_665),
    _qwen3("Qwen/Qwen3-Embedding-8B", _QWEN_8, 8, 151_665),
    _qwen3("Qwen/Qwen3-Reranker-0.6B", _QWEN_06, 8, 151_669),
    _qwen3("Qwen/Qwen3-Reranker-4B", _QWEN_4, 8, 151_669),
    _qwen3("Qwen/Qwen3-Reranker-8B", _QWEN_8, 8, 151_669),
    # two dense layers 768 -> 3072 -> 768 follow the pooling
    _Row("google/embeddinggemma-300m", "gemma3_text", _GEMMA, FP32, 2048, 2048, 2 * 768 * 3072),
)  # fmt: skip


def _facts(row: _Row) -> ModelFacts:
    counted = parameters_of(row.model_type, row.dims)
    if counted is None:
        raise AssertionError(f"{row.name} is of a family without a formula; this is a bug")
    parameters = counted + row.extra
    return ModelFacts(
        name=row.name,
        family=family_of(row.model_type),
        dims=row.dims,
        parameters=parameters,
        dtype=row.dtype,
        dimensions=1 if row.dims.head is Head.CLASSIFIER else row.dims.hidden,
        limit_tokens=row.limit,
        advised_tokens=row.advised,
        source=TABLE,
        is_pickled=row.is_pickled,
    )


KNOWN_MODELS: Final = {row.name.lower(): _facts(row) for row in _ROWS}
"""Facts by `organisation/name` in lower case."""


def similar_to(name: str) -> tuple[str, ...]:
    """Listed models whose names come close, best first."""
    close = difflib.get_close_matches(name.lower(), KNOWN_MODELS, n=2, cutoff=0.8)
    return tuple(KNOWN_MODELS[found].name for found in close)


def known_facts(name: str) -> ModelFacts | None:
    """The facts of `organisation/name`, upper or lower case alike, or None."""
    return KNOWN_MODELS.get(name.lower())
