"""From token vectors to the row that a request gets back for each text.

An embedder's row is its vector before normalising; a reranker's row is one score. Rows come in the
order of `packed`, shortest text first.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from retrieval_predictor.model.packing import Packed, sent
from retrieval_predictor.model.pooling import Pool, first, last, last_unlike, mean, pool
from retrieval_predictor.model.prefixes import Longs
from retrieval_predictor.wire.work import Batch, Part


class Head(Protocol):
    """Turns token vectors into rows."""

    @property
    def width(self) -> int:
        """Numbers in a row."""

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor | list[Tensor]:
        """(T, H) of any float type -> (N, width) float32, or N rows that differ in length."""


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


def score_of(logits: Tensor) -> Tensor:
    """A classifier's one logit, or the log of the odds of its second label: (N, 1 or 2) -> (N, 1).

    With two labels, irrelevant and relevant, softmax gives sigmoid(b - a) to the second (monoBERT,
    Nogueira and Cho 2019).
    """
    return logits if logits.shape[1] == 1 else logits[:, 1:] - logits[:, :1]


class LogitHead:
    """A cross-encoder's score before its activation, from the checkpoint's own classifier.

    The classifier keeps its own code: its encoder is replaced by one that hands over a single
    vector of each text, the one that `reading_of` says it looks at.
    """

    width = 1

    def __init__(self, classifier: PreTrainedModel, read: Pool) -> None:
        self._base = classifier.base_model
        self._read = read
        self._classifier = classifier
        self._become(_Given(getattr(self._base, "pooler", None)))

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:  # noqa: ARG002
        """See `Head`."""
        rows = self._read(hidden, packed).unsqueeze(1)
        return score_of(self._classifier(inputs_embeds=rows).logits.float())

    def undo(self) -> None:
        """Give the classifier its encoder back."""
        self._become(self._base)

    def _become(self, base: nn.Module) -> None:
        setattr(self._classifier, self._classifier.base_model_prefix, base)


def reading_of(classifier: PreTrainedModel) -> Pool | None:
    """Which vector of each text a classifier looks at; None where it looks at all of them.

    That is the last one of a language model, and the mean or the first one of an encoder.
    """
    if isinstance(classifier, GenericForSequenceClassification):
        return partial(last_unlike, classifier.config.get_text_config().pad_token_id)
    return _READINGS.get(getattr(classifier.config, "classifier_pooling", None))


def _mean(hidden: Tensor, packed: Packed) -> Tensor:
    return mean(hidden, packed).to(hidden.dtype)


_READINGS: dict[str | None, Pool] = {None: first, "cls": first, "bos": first, "mean": _mean}
"""By `classifier_pooling` of ModernBERT and EuroBERT; others pool behind the classifier."""


class WholeClassifier:
    """A classifier run as the library runs it, with padding, for those that look at every token.

    It stands where an encoder does and gives (N, 1) scores in place of token vectors.
    """

    name = "padded"
    shares_prefixes = False
    is_recorded = False

    def __init__(self, classifier: PreTrainedModel) -> None:
        self._classifier = classifier
        config = classifier.config.get_text_config()
        if config.pad_token_id is None:
            config.pad_token_id = 0  # transformers refuses a batch without one
        self._pad_id = config.pad_token_id
        self._has_types = getattr(classifier.config, "type_vocab_size", 0) > 1

    def __call__(self, packed: Packed) -> Tensor:
        """The score of each text: (N, 1)."""
        types = {"token_type_ids": packed.padded(packed.types, 0)} if self._has_types else {}
        output = self._classifier(
            input_ids=packed.padded(packed.ids, self._pad_id),
            attention_mask=packed.real.long(),
            **types,
        )
        return score_of(output.logits)


class GivenHead:
    """Rows that are finished already, as those of `WholeClassifier`."""

    width = 1

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:  # noqa: ARG002
        """See `Head`."""
        return hidden.float()


class _Given(nn.Module):
    """An encoder that already has its answer."""

    def __init__(self, pooler: nn.Module | None) -> None:
        super().__init__()
        self.pooler = pooler

    def forward(
        self, *_args: Any, inputs_embeds: Tensor, **_kwargs: Any
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        pooled = None if self.pooler is None else self.pooler(inputs_embeds)
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=inputs_embeds, pooler_output=pooled
        )


class YesNoHead:
    """How much likelier the next token is yes than no: the log of the odds, in float32.

    With z = h · (W_yes - W_no), softmax over both logits gives sigmoid(z) to yes, so two rows of
    the language model's head are all that is needed of it. Shapes: yes and no (H,).
    """

    width = 1

    def __init__(self, yes: Tensor, no: Tensor) -> None:
        self._direction = (yes.float() - no.float()).unsqueeze(1)

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor:  # noqa: ARG002
        """See `Head`."""
        return last(hidden, packed).float() @ self._direction


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
        scores = unit.new_empty((packed.order.size, 1))
        starts, row = _starts(packed, batch), 0
        for part in batch.parts:
            rows = slice(row, row + part.encoded.lengths.size)
            self._score(unit, starts[rows], part, scores[rows, 0])
            row = rows.stop
        return scores[sent(packed.order.astype(np.int64), unit.device)]

    def _score(self, unit: Tensor, starts: Longs, part: Part, scores: Tensor) -> None:
        """Fill in the scores of a part's texts, whose tokens start at these places of `unit`."""
        if part.first == 0:
            end = starts[0] + int(part.encoded.lengths[0])
            part.reference.vectors = self._query(unit, int(starts[0]), int(end))
        query: Any = part.reference.vectors
        sizes = part.encoded.lengths.astype(np.int64) - self._leading - self._trailing
        lengths = np.maximum(sizes, 0)
        first = np.repeat(starts + self._leading - (lengths.cumsum() - lengths), lengths)
        index = sent(np.concatenate([lengths, first + np.arange(first.size)]), unit.device)
        similarity = unit[index[lengths.size :]] @ query.T
        best = torch.segment_reduce(
            similarity, "max", lengths=index[: lengths.size], initial=-1.0, unsafe=True
        )
        scores.copy_(best.mean(dim=1))

    def _query(self, unit: Tensor, start: int, end: int) -> Tensor:
        """The query's token vectors; an empty query is left with its special tokens.

        A copy: a view would keep every token of the batch for as long as the request is held.
        """
        inner = slice(start + self._leading, end - self._trailing)
        return (unit[inner] if inner.stop > inner.start else unit[start:end]).clone()


def _starts(packed: Packed, batch: Batch) -> Longs:
    """Where in the packed batch each text starts, in the batch's own order: (N,)."""
    lengths = np.concatenate([part.encoded.lengths for part in batch.parts]).astype(np.int64)
    starts = np.empty_like(lengths)
    ends = lengths[packed.order].cumsum()
    starts[packed.order] = ends - lengths[packed.order]
    return starts
