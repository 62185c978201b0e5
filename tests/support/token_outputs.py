"""What bge-m3 is to answer, by its authors' formulas over plain transformers, a text at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModel

from retrieval_predictor.wire.work import Floats
from tests.support import checkpoints

SPECIAL = {0, 1, 2, 3}
"""Ids of <s>, <pad>, </s> and <unk> in the checkpoints of these tests."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One text's three outputs: (D,), weights by token id, and (L - 1, C)."""

    dense: Floats
    sparse: dict[int, float]
    colbert: Floats


def m3(folder: Path, *, pickled: bool = False) -> Path:
    """A tiny bge-m3: XLM-RoBERTa, the first token's vector, and two layers over tokens."""
    checkpoints.sentence_files(checkpoints.xlm_roberta(folder), pooling="cls_token")
    return checkpoints.add_token_heads(folder, pickled=pickled)


class Formulas:
    """M3-Embedding (Chen et al. 2024), section 3.2, as FlagEmbedding computes it."""

    def __init__(self, folder: Path) -> None:
        self._model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._sparse = load_file(folder / "sparse_linear.safetensors")
        self._colbert = load_file(folder / "colbert_linear.safetensors")

    @torch.inference_mode()
    def of_ids(self, ids: Sequence[int]) -> Wanted:
        """The outputs of a text with these ids, special ones included."""
        hidden = self._model(torch.tensor([ids])).last_hidden_state[0]
        weights = torch.relu(hidden @ self._sparse["weight"].T + self._sparse["bias"])[:, 0]
        sparse: dict[int, float] = {}
        for one, weight in zip(ids, weights.tolist(), strict=True):
            if one not in SPECIAL and weight > 0:
                sparse[one] = max(weight, sparse.get(one, 0.0))
        tokens = hidden[1:] @ self._colbert["weight"].T + self._colbert["bias"]
        return Wanted(
            (hidden[0] / hidden[0].norm()).numpy(),
            sparse,
            (tokens / tokens.norm(dim=1, keepdim=True)).numpy(),
        )

    def of_text(self, text: str, max_tokens: int) -> Wanted:
        """The outputs of a text, cut on the right to so many tokens, special ones included."""
        start, *body, end = self._tokenizer.encode(text).ids
        return self.of_ids([start, *body[: max_tokens - 2], end])
