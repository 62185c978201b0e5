"""The model families that are checked against transformers, and how each is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoModel, AutoModelForSequenceClassification

from tests.support.checkpoints import SIZE, SMALL, save, word_piece

TOLERANCE = 2e-5
"""Largest difference of any number of a vector or of a logit, in fp32."""

PACKED = "packed"
PADDED = "padded"

_GROUPED = {"num_key_value_heads": 2, "head_dim": 16}
_MARGIN = {"max_position_embeddings": 514, "pad_token_id": 1}


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture of transformers; `embeds` and `classifies` name the encoder that serves it.

    `config` and `options` make a tiny one, `examples` are checkpoints of it that people use.
    """

    name: str
    config: str
    examples: str
    embeds: str = PACKED
    classifies: str | None = PACKED
    options: dict[str, Any] = field(default_factory=dict)

    def embedder(self, folder: Path) -> Path:
        """A tiny encoder of this family."""
        return save(folder, self._config(), word_piece(), kind=AutoModel)

    def classifier(self, folder: Path) -> Path:
        """A tiny cross-encoder of this family."""
        kind = AutoModelForSequenceClassification
        return save(folder, self._config(num_labels=1), word_piece(), kind=kind)

    def _config(self, **more: Any) -> transformers.PretrainedConfig:
        make: Callable[..., transformers.PretrainedConfig] = getattr(transformers, self.config)
        sizes = SMALL | {"vocab_size": SIZE, "intermediate_size": 96, "pad_token_id": 0}
        return make(**(sizes | self.options | more))


FAMILIES = (
    Family("BERT", "BertConfig", "bge-*-en-v1.5, e5-*-v2, all-MiniLM-*, ms-marco-MiniLM-*"),
    Family(
        "DistilBERT",
        "DistilBertConfig",
        "multi-qa-distilbert-*, msmarco-distilbert-*",
        options={"dim": 48, "n_layers": 3, "n_heads": 4, "hidden_dim": 96},
    ),
    Family("RoBERTa", "RobertaConfig", "all-distilroberta-v1", options=_MARGIN),
    Family(
        "XLM-RoBERTa",
        "XLMRobertaConfig",
        "bge-m3, multilingual-e5-*, bge-reranker-v2-m3",
        options=_MARGIN,
    ),
    Family("MPNet", "MPNetConfig", "all-mpnet-base-v2", embeds=PADDED, classifies=PADDED),
    Family(
        "ModernBERT, first token",
        "ModernBertConfig",
        "gte-modernbert-base, gte-reranker-modernbert-base",
        options={"classifier_pooling": "cls"},
    ),
    Family(
        "ModernBERT, mean",
        "ModernBertConfig",
        "modernbert-embed-base",
        options={"classifier_pooling": "mean"},
    ),
    Family("NomicBERT", "NomicBertConfig", "nomic-embed-text-v1.5"),
    Family("GTE", "GteConfig", "gte-multilingual-base"),
    Family("EuroBERT, late", "EuroBertConfig", "EuroBERT-*", classifies=PADDED),
    Family(
        "EuroBERT, mean",
        "EuroBertConfig",
        "EuroBERT-*",
        options={"classifier_pooling": "mean"},
    ),
    Family("Qwen3", "Qwen3Config", "Qwen3-Embedding-*", options=_GROUPED),
    Family(
        "Gemma 3, both directions",
        "Gemma3TextConfig",
        "embeddinggemma-300m",
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


def table() -> list[str]:
    """The rows of docs/models.md."""
    head = ["| architecture | checkpoints | embedder | cross-encoder |", "|---|---|---|---|"]
    return head + [
        f"| {one.name} | {one.examples} | {one.embeds} | {one.classifies or '–'} |"
        for one in FAMILIES
    ]
