"""When a faster way to compute a model is right enough to serve.

Half precision gives a text another score in other company, because sums are taken in another order.
So bits cannot be asked for. Asked is that no score moves by what a user would see, and that texts
change places only where the model itself could not tell them apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retrieval_predictor.wire.work import Floats

MOST_MOVED = 0.02
"""Of scores between 0 and 1. Source: superlinked/sie, packages/sie_server/README.md."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What became of scores: how far one moved at most, and how far apart two were that swapped.

    `noise` is how far the difference of two of the model's own scores moves with their company.
    """

    moved: float
    swapped: float
    noise: float

    @property
    def holds(self) -> bool:
        """Whether the faster way may serve; what is not a number never holds."""
        return self.moved <= MOST_MOVED and self.swapped <= self.noise


def margin_of(slow: Floats, fast: Floats, alone: Floats) -> Margin:
    """A batch's scores (N,) either way, and what the slow way gives each text alone."""
    if not np.isfinite(fast).all():
        return Margin(math.inf, math.inf, 0.0)
    together, faster, apart = map(_differences, (slow, fast, alone))
    swaps = np.abs(together[together * faster < 0])
    return Margin(
        moved=float(np.abs(fast - slow).max()),
        swapped=float(swaps.max(initial=0.0)),
        noise=float(np.abs(together - apart).max()),
    )


def _differences(scores: Floats) -> Floats:
    """Of every pair: (N,) -> (N, N)."""
    return scores[:, None] - scores[None, :]
