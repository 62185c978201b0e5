"""From token vectors to the row that a request gets back for each text.

An embedder's row is its vector before normalising; a reranker's row is one score. Rows come in the
order of `packed`, shortest text first.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from retrieval_predictor.model.packing import Packed
from retrieval_predictor.model.pooling import first, pool
from retrieval_predictor.work import Batch, Part


class Head(Protocol):
    """Turns token vectors into rows."""

    @property
    def width(self) -> int:
        """Numbers in a row."""

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:
        """(T, H) of any float type -> (N, width) float32."""


class PoolingHead:
    """One vector a text: pooling, then the checkpoint's projection layers."""

    def __init__(self, modes: tuple[str, ...], dense: tuple[nn.Module, ...], hidden: int) -> None:
        self._modes = modes
        self._dense = dense
        self.width = _out_features(dense) or hidden * len(modes)

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:  # noqa: ARG002
        """See `Head`."""
        vectors = pool(hidden, packed, self._modes)
        for layer in self._dense:
            vectors = layer({"sentence_embedding": vectors})["sentence_embedding"]
        return vectors


def _out_features(dense: tuple[nn.Module, ...]) -> int:
    return int(getattr(dense[-1], "out_features", 0)) if dense else 0


class LogitHead:
    """A cross-encoder's one logit, from the classifier that came with the checkpoint.

    The classifier keeps its own code: its encoder is replaced by one that hands over the first
    token's vector of each text, which is all that BERT's and RoBERTa's classifiers look at.
    """

    width = 1

    def __init__(self, classifier: PreTrainedModel) -> None:
        base = classifier.base_model
        setattr(classifier, classifier.base_model_prefix, _Given(getattr(base, "pooler", None)))
        self._classifier = classifier

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:  # noqa: ARG002
        """See `Head`."""
        rows = first(hidden, packed).unsqueeze(1)
        logits: Tensor = self._classifier(inputs_embeds=rows).logits
        return logits.float()


class _Given(nn.Module):
    """An encoder that already has its answer."""

    def __init__(self, pooler: nn.Module | None) -> None:
        super().__init__()
        self.pooler = pooler

    def forward(
        self, *_args: Any, inputs_embeds: Tensor, **_kwargs: Any
    ) -> BaseModelOutputWithPooling:
        pooled = None if self.pooler is None else self.pooler(inputs_embeds)
        return BaseModelOutputWithPooling(last_hidden_state=inputs_embeds, pooler_output=pooled)


class LateInteractionHead:
    """MaxSim over token vectors: each query token's best match in the document, averaged.

    ColBERT (Khattab and Zaharia 2020, equation 3) sums over the query's tokens; the mean keeps
    scores of short and long queries comparable, between -1 and 1. Special tokens take no part.
    The first row of a request is its query.
    """

    width = 1

    def __init__(self, leading: int, trailing: int) -> None:
        self._leading = leading
        self._trailing = trailing

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:
        """See `Head`."""
        unit = nn.functional.normalize(hidden.float(), dim=1)
        place = torch.from_numpy(np.argsort(packed.order))
        scores = unit.new_empty((int(packed.lengths.numel()), 1))
        row = 0
        for part in batch.parts:
            places = place[row : row + part.encoded.lengths.size].to(unit.device)
            scores[places, 0] = self._score(unit, packed, places, part)
            row += part.encoded.lengths.size
        return scores

    def _score(self, unit: Tensor, packed: Packed, places: Tensor, part: Part) -> Tensor:
        starts, lengths = self._content(packed, places)
        if part.first == 0:
            part.reference.vectors = self._query(unit, packed, places[0])
        query: Any = part.reference.vectors
        index = torch.repeat_interleave(starts - (lengths.cumsum(0) - lengths), lengths)
        tokens = unit[index + torch.arange(index.numel(), device=index.device)]
        similarity = tokens @ query.T
        best = torch.segment_reduce(similarity, "max", lengths=lengths, initial=-1.0, unsafe=True)
        return best.mean(dim=1)

    def _content(self, packed: Packed, places: Tensor) -> tuple[Tensor, Tensor]:
        """Where the documents' own tokens start, and how many there are."""
        starts = packed.offsets.long()[places] + self._leading
        lengths = packed.lengths[places] - self._leading - self._trailing
        return starts, lengths.clamp(min=0)

    def _query(self, unit: Tensor, packed: Packed, place: Tensor) -> Tensor:
        """The query's token vectors; an empty query is left with its special tokens."""
        start, end = int(packed.offsets[place]), int(packed.offsets[place + 1])
        inner = slice(start + self._leading, end - self._trailing)
        return unit[inner] if inner.stop > inner.start else unit[start:end]
