"""Parameter counts computed from sizes are the totals that model cards publish."""

import pytest

from retrieval_operator.facts import KNOWN_MODELS, facts_of
from retrieval_operator.facts.parameters import parameters_of
from tests.support.planning import facts

PUBLISHED = {
    "BAAI/bge-small-en-v1.5": 33.4e6,
    "BAAI/bge-base-en-v1.5": 109e6,
    "BAAI/bge-large-en-v1.5": 335e6,
    "BAAI/bge-small-zh-v1.5": 24.0e6,
    "BAAI/bge-base-zh-v1.5": 102e6,
    "BAAI/bge-large-zh-v1.5": 325.5e6,
    "BAAI/bge-m3": 568e6,
    "BAAI/bge-reranker-base": 278e6,
    "BAAI/bge-reranker-large": 560e6,
    "BAAI/bge-reranker-v2-m3": 568e6,
    "intfloat/e5-small-v2": 33.4e6,
    "intfloat/e5-base-v2": 109e6,
    "intfloat/e5-large-v2": 335e6,
    "intfloat/multilingual-e5-small": 118e6,
    "intfloat/multilingual-e5-base": 278e6,
    "intfloat/multilingual-e5-large": 560e6,
    "intfloat/multilingual-e5-large-instruct": 560e6,
    "intfloat/e5-mistral-7b-instruct": 7.11e9,
    "thenlper/gte-small": 33.4e6,
    "thenlper/gte-base": 109e6,
    "thenlper/gte-large": 335e6,
    "Alibaba-NLP/gte-multilingual-base": 305e6,
    "Alibaba-NLP/gte-multilingual-reranker-base": 306e6,
    "Alibaba-NLP/gte-modernbert-base": 149e6,
    "Alibaba-NLP/gte-reranker-modernbert-base": 150e6,
    "answerdotai/ModernBERT-base": 149e6,
    "answerdotai/ModernBERT-large": 395e6,
    "nomic-ai/nomic-embed-text-v1.5": 137e6,
    "sentence-transformers/all-MiniLM-L6-v2": 22.7e6,
    "sentence-transformers/all-MiniLM-L12-v2": 33.4e6,
    "sentence-transformers/all-mpnet-base-v2": 109e6,
    "cross-encoder/ms-marco-MiniLM-L6-v2": 22.7e6,
    "Snowflake/snowflake-arctic-embed-s": 33.2e6,
    "Snowflake/snowflake-arctic-embed-m": 109e6,
    "Snowflake/snowflake-arctic-embed-l": 334e6,
    "Snowflake/snowflake-arctic-embed-m-v2.0": 305e6,
    "Snowflake/snowflake-arctic-embed-l-v2.0": 568e6,
    "mixedbread-ai/mxbai-embed-large-v1": 335e6,
    "mixedbread-ai/mxbai-rerank-xsmall-v1": 70.8e6,
    "mixedbread-ai/mxbai-rerank-base-v1": 184e6,
    "mixedbread-ai/mxbai-rerank-large-v1": 435e6,
    "mixedbread-ai/mxbai-rerank-large-v2": 1.54e9,
    "Qwen/Qwen3-Embedding-0.6B": 596e6,
    "Qwen/Qwen3-Embedding-4B": 4.02e9,
    "Qwen/Qwen3-Embedding-8B": 7.57e9,
    "Qwen/Qwen3-Reranker-0.6B": 596e6,
    "Qwen/Qwen3-Reranker-4B": 4.02e9,
    "google/embeddinggemma-300m": 308e6,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_count_is_the_published_total(name):
    assert facts(name).parameters == pytest.approx(PUBLISHED[name], rel=0.006)


def test_a_count_agrees_to_the_last_parameter_with_a_checkpoint_on_disk():
    found = facts_of("builtin://all-MiniLM-L6-v2")
    assert found is not None
    assert found.source.startswith("config.json")
    assert parameters_of("bert", found.dims) == found.parameters


def test_an_unknown_family_has_no_formula():
    assert parameters_of("brand-new", facts().dims) is None


@pytest.mark.parametrize("name", sorted(KNOWN_MODELS))
def test_every_known_model_is_complete(name):
    found = KNOWN_MODELS[name]
    assert 0 < found.embedding_parameters < found.parameters
    assert found.dense_parameters > 0
    assert found.limit_tokens >= (found.advised_tokens or 1)


def test_an_untied_vocabulary_head_is_not_loaded():
    whole = facts("Qwen/Qwen3-Reranker-8B")
    assert whole.parameters == pytest.approx(7.57e9, rel=0.001)
