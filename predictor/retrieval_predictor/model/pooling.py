"""From token vectors to one vector a text, for every pooling mode of sentence-transformers.

A mode takes token vectors of any float type and sums in float32; one that only picks tokens picks
them first, so that no other token is converted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from retrieval_predictor.model.packing import Packed

Pool = Callable[[Tensor, Packed], Tensor]


def mean(hidden: Tensor, packed: Packed) -> Tensor:
    """Average of a text's token vectors: (T, H) -> (N, H) float32."""
    return torch.segment_reduce(hidden.float(), "mean", lengths=packed.lengths, unsafe=True)


def mean_sqrt(hidden: Tensor, packed: Packed) -> Tensor:
    """Sum of a text's token vectors over the root of their number: (T, H) -> (N, H)."""
    total = torch.segment_reduce(hidden.float(), "sum", lengths=packed.lengths, unsafe=True)
    return total / packed.lengths.sqrt().unsqueeze(1)


def weighted_mean(hidden: Tensor, packed: Packed) -> Tensor:
    """Average weighted by place, 1 for the first token (SGPT, Muennighoff 2022, eq. 2)."""
    weighted = hidden.float() * (packed.positions + 1).float().unsqueeze(1)
    total = torch.segment_reduce(weighted, "sum", lengths=packed.lengths, unsafe=True)
    return total / (packed.lengths * (packed.lengths + 1) / 2).unsqueeze(1)


def maximum(hidden: Tensor, packed: Packed) -> Tensor:
    """Largest value in each dimension: (T, H) -> (N, H)."""
    return torch.segment_reduce(hidden.float(), "max", lengths=packed.lengths, unsafe=True)


def first(hidden: Tensor, packed: Packed) -> Tensor:
    """The first token's vector ([CLS]): (T, H) -> (N, H)."""
    return hidden[packed.offsets[:-1].long()]


def last(hidden: Tensor, packed: Packed) -> Tensor:
    """The last token's vector: (T, H) -> (N, H)."""
    return hidden[packed.offsets[1:].long() - 1]


def last_unlike(pad_id: int | None, hidden: Tensor, packed: Packed) -> Tensor:
    """The last token's vector that is no padding token, even where a text ends in one: (N, H).

    transformers' `GenericForSequenceClassification` looks for it by id.
    """
    if pad_id is None:
        return last(hidden, packed)
    places = packed.positions.float().masked_fill(packed.ids == pad_id, 0.0)
    ends = torch.segment_reduce(places, "max", lengths=packed.lengths, unsafe=True)
    return hidden[packed.offsets[:-1].long() + ends.long()]


MODES: dict[str, Pool] = {
    "cls": first,
    "mean": mean,
    "max": maximum,
    "mean_sqrt_len_tokens": mean_sqrt,
    "weightedmean": weighted_mean,
    "lasttoken": last,
}
"""Pooling functions by the names in sentence-transformers' `1_Pooling/config.json`."""


def pool(hidden: Tensor, packed: Packed, modes: tuple[str, ...]) -> Tensor:
    """One vector a text: (T, H) of any float type -> (N, H * len(modes)) float32."""
    return torch.cat([MODES[mode](hidden, packed).float() for mode in modes], dim=1)
