"""The model families that are checked against their libraries, and a tiny one of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from sentence_transformers.base.modules import Dense
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForSequenceClassification

from tests.support.checkpoints import (
    SIZE,
    SMALL,
    add_dense,
    byte_pairs,
    save,
    sentence_files,
    unigram,
    word_piece,
)

PACKED = "packed"
PADDED = "padded"

_GROUPED = {"num_key_value_heads": 2, "head_dim": 16}
_MARGIN = {"max_position_embeddings": 258, "pad_token_id": 1, "type_vocab_size": 1}
_WEB = "Instruct: Given a web search query, retrieve relevant passages\nQuery:"


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture of transformers as checkpoints of it are trained to be used.

    `embeds` and `classifies` name the encoder that serves it, None where nobody uses it so.
    `config` and `options` make a tiny model of it; pooling, prompts and projections are those of
    `examples`, checkpoints that people use.
    """

    name: str
    config: str
    examples: str
    embeds: str | None = PACKED
    classifies: str | None = PACKED
    pooling: str = "mean_tokens"
    prompts: Mapping[str, str] = field(default_factory=dict)
    dense: tuple[tuple[int, int], ...] = ()
    tokenizer: Callable[[], Tokenizer] = word_piece
    options: Mapping[str, Any] = field(default_factory=dict)

    def embedder(self, folder: Path) -> Path:
        """A tiny checkpoint of sentence-transformers."""
        save(folder, self._config(), self.tokenizer(), kind=AutoModel)
        sentence_files(folder, pooling=self.pooling, prompts=dict(self.prompts))
        torch.manual_seed(1)
        identity = torch.nn.Identity()
        layers = [Dense(*sizes, bias=False, activation_function=identity) for sizes in self.dense]
        return add_dense(folder, layers)

    def classifier(self, folder: Path, labels: int = 1) -> Path:
        """A tiny cross-encoder."""
        kind = AutoModelForSequenceClassification
        return save(folder, self._config(num_labels=labels), self.tokenizer(), kind=kind)

    def _config(self, **more: Any) -> transformers.PretrainedConfig:
        make: Callable[..., transformers.PretrainedConfig] = getattr(transformers, self.config)
        sizes = SMALL | {"vocab_size": SIZE, "intermediate_size": 96, "pad_token_id": 0}
        return make(**(sizes | dict(self.options) | more))


FAMILIES = (
    Family(
        "BERT, first token",
        "BertConfig",
        "bge-*-v1.5, mxbai-embed-large-v1, snowflake-arctic-embed-*",
        pooling="cls_token",
        prompts={"query": "Represent this sentence for searching relevant passages: "},
    ),
    Family(
        "BERT, mean",
        "BertConfig",
        "e5-*-v2, gte-*, all-MiniLM-*, ms-marco-MiniLM-*",
        prompts={"query": "query: ", "passage": "passage: "},
    ),
    Family(
        "DistilBERT",
        "DistilBertConfig",
        "multi-qa-distilbert-*, msmarco-distilbert-*",
        options={"dim": 48, "n_layers": 3, "n_heads": 4, "hidden_dim": 96},
    ),
    Family("ELECTRA", "ElectraConfig", "ms-marco-electra-base", embeds=None),
    Family(
        "RoBERTa",
        "RobertaConfig",
        "all-distilroberta-v1",
        tokenizer=unigram,
        options=_MARGIN,
    ),
    Family(
        "XLM-RoBERTa, first token",
        "XLMRobertaConfig",
        "bge-m3, snowflake-arctic-embed-l-v2.0, bge-reranker-*",
        pooling="cls_token",
        tokenizer=unigram,
        options=_MARGIN,
    ),
    Family(
        "XLM-RoBERTa, mean",
        "XLMRobertaConfig",
        "multilingual-e5-*",
        prompts={"query": _WEB, "passage": "passage: "},
        tokenizer=unigram,
        options=_MARGIN,
    ),
    Family("MPNet", "MPNetConfig", "all-mpnet-base-v2", embeds=PADDED, classifies=PADDED),
    Family(
        "DeBERTa v2",
        "DebertaV2Config",
        "mxbai-rerank-*-v1",
        embeds=None,
        classifies=PADDED,
        options={"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    ),
    Family(
        "ModernBERT, first token",
        "ModernBertConfig",
        "gte-modernbert-base, gte-reranker-modernbert-base",
        pooling="cls_token",
        options={"classifier_pooling": "cls"},
    ),
    Family(
        "ModernBERT, mean",
        "ModernBertConfig",
        "modernbert-embed-base",
        prompts={"query": "search_query: ", "document": "search_document: "},
        options={"classifier_pooling": "mean"},
    ),
    Family(
        "NomicBERT",
        "NomicBertConfig",
        "nomic-embed-text-v1.5",
        prompts={"query": "search_query: ", "document": "search_document: "},
    ),
    Family(
        "GTE",
        "GteConfig",
        "alibaba-nlp-community/gte-multilingual-base",
        pooling="cls_token",
        tokenizer=unigram,
    ),
    Family("EuroBERT, late", "EuroBertConfig", "EuroBERT-*", classifies=PADDED),
    Family(
        "EuroBERT, mean", "EuroBertConfig", "EuroBERT-*", options={"classifier_pooling": "mean"}
    ),
    Family("Jina v3", "JinaEmbeddingsV3Config", "jina-embeddings-v3-hf", tokenizer=unigram),
    Family(
        "Qwen3",
        "Qwen3Config",
        "Qwen3-Embedding-*",
        pooling="lasttoken",
        prompts={"query": _WEB, "document": ""},
        tokenizer=byte_pairs,
        options=_GROUPED,
    ),
    Family(
        "Mistral",
        "MistralConfig",
        "e5-mistral-7b-instruct",
        pooling="lasttoken",
        prompts={"web_search_query": _WEB},
        tokenizer=byte_pairs,
        options=_GROUPED | {"sliding_window": 64},
    ),
    Family(
        "Gemma 3, both directions",
        "Gemma3TextConfig",
        "embeddinggemma-300m",
        prompts={"query": "task: search result | query: ", "document": "title: none | text: "},
        dense=((48, 96), (96, 48)),
        tokenizer=unigram,
        options=_GROUPED
        | {
            "use_bidirectional_attention": True,
            "sliding_window": 32,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "query_pre_attn_scalar": 16,
        },
    ),
)
"""Sizes common to all are in `_config`; `options` say what makes a family different."""
