"""Which texts of a batch share a rectangle: near-equal lengths, so that little is padding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retrieval_predictor.wire.work import Batch, Ints

MOST_PADDING = 0.125
"""Of a rectangle at most this much is padding, whatever the lengths."""

RECTANGLE_TOKENS = 1024
"""More tokens than this are cut in several rectangles: their activations would leave the caches.
All-MiniLM computes 8 documents of 128 tokens as fast as 32 of them (`bench/forward.py`), and the
memory a thread takes is that of its largest rectangle."""

STEP_TOKENS = 4
"""Lengths are rounded up to this, so that a graph meets few shapes: each new one is prepared for,
and what was prepared is kept (OpenVINO, "Dynamic Shapes")."""


@dataclass(frozen=True, slots=True)
class Group:
    """Texts by their index in the batch, and the width of their rectangle in tokens."""

    texts: Ints
    width: int


def groups_of(
    lengths: Ints, widest: int, most_padding: float = MOST_PADDING, most: int = RECTANGLE_TOKENS
) -> Iterator[Group]:
    """Cut a batch in rectangles, longest texts first; `widest` is the model's own limit.

    A rectangle is as wide as its longest text, rounded up. It takes the next shorter text while the
    padding stays below its share and the whole within the bound; one text always fits.
    """
    order = np.argsort(-lengths, kind="stable").astype(np.int32)
    first = 0
    while first < order.size:
        width = _rounded(int(lengths[order[first]]), widest)
        count = _fitting(lengths[order[first:]], width, most_padding, most)
        yield Group(order[first : first + count], width)
        first += count


def _fitting(lengths: Ints, width: int, most_padding: float, most: int) -> int:
    """How many of the first texts, longest first, share a rectangle of this width; one at least."""
    rows = np.arange(1, lengths.size + 1)
    rounding = width - int(lengths[0])
    padding = 1.0 - np.cumsum(lengths + rounding) / (rows * width)
    fits = (padding <= most_padding) & (rows * width <= most)
    return max(int(np.argmin(fits)) if not fits.all() else lengths.size, 1)


def _rounded(tokens: int, widest: int) -> int:
    return min(-(-tokens // STEP_TOKENS) * STEP_TOKENS, max(widest, tokens))


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Texts side by side, padded on the right. Shapes: ids, mask, types (N, width) int64."""

    ids: np.typing.NDArray[np.int64]
    mask: np.typing.NDArray[np.int64]
    types: np.typing.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a batch behind one another. Shapes: ids (T,), lengths, segments (N,) int32."""

    ids: Ints
    lengths: Ints
    segments: Ints
    starts: np.typing.NDArray[np.int64]

    @classmethod
    def of(cls, batch: Batch) -> Texts:
        """Request behind request."""
        encodeds = [part.encoded for part in batch.parts]
        lengths = np.concatenate([encoded.lengths for encoded in encodeds])
        return cls(
            ids=np.concatenate([encoded.ids for encoded in encodeds]),
            lengths=lengths,
            segments=np.concatenate([encoded.segments for encoded in encodeds]),
            starts=np.cumsum(lengths, dtype=np.int64) - lengths,
        )

    def rectangle(self, group: Group) -> Rectangle:
        """The texts of a group with token 0 for padding, which the mask hides."""
        columns = np.arange(group.width)
        lengths = self.lengths[group.texts][:, None]
        real = columns < lengths
        places = self.starts[group.texts][:, None] + np.minimum(columns, lengths - 1)
        types = real & (columns >= self.segments[group.texts][:, None])
        ids = np.where(real, self.ids[places], 0)
        return Rectangle(ids.astype(np.int64), real.astype(np.int64), types.astype(np.int64))
