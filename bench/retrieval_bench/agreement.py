"""How far the answers of two servers to the same texts are apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrieval_bench.dialects.wire import Rows
from retrieval_bench.errors import OtherLengths
from retrieval_bench.outcomes import Floats

SAME_SCORES = 0.01
"""Scores no further apart than this are the same number, rounded by half precision."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The answers to `compared` requests: the worst, the worst percent, and the median.

    Of vectors it is the cosine of each text's two, of scores the difference. `same_order` is the
    share of requests whose documents come in the same order. `worst_request` has the worst of all.
    """

    compared: int
    measure: Literal["cosine", "gap"]
    worst: float
    worst_percent: float
    median: float
    worst_request: int
    same_order: float | None = None
    hint: str = ""


def agreement(ours: Mapping[int, Rows], theirs: Mapping[int, Rows]) -> Agreement | None:
    """The agreement over requests that both answered; None if there are none.

    Raises:
        OtherLengths: Their vectors or lists of scores are not as long as ours.
    """
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return None
    pairs = [(_plain(ours[index]), _plain(theirs[index])) for index in both]
    for one, other in pairs:
        if one.shape != other.shape:
            raise OtherLengths(one.shape[-1], other.shape[-1])
    return _of_scores(both, pairs) if pairs[0][0].ndim == 1 else _of_vectors(both, pairs)


def _of_vectors(indices: list[int], pairs: list[tuple[Floats, Floats]]) -> Agreement:
    cosines = [_cosines(one, other) for one, other in pairs]
    lowest = [float(several.min()) for several in cosines]
    every = np.concatenate(cosines)
    return Agreement(
        compared=len(indices),
        measure="cosine",
        worst=min(lowest),
        worst_percent=float(np.quantile(every, 0.01)),
        median=float(np.median(every)),
        worst_request=indices[int(np.argmin(lowest))],
    )


def _of_scores(indices: list[int], pairs: list[tuple[Floats, Floats]]) -> Agreement:
    widest = [float(np.abs(one - other).max()) for one, other in pairs]
    every = np.concatenate([np.abs(one - other) for one, other in pairs])
    orders = [np.array_equal(np.argsort(-one), np.argsort(-other)) for one, other in pairs]
    return Agreement(
        compared=len(indices),
        measure="gap",
        worst=max(widest),
        worst_percent=float(np.quantile(every, 0.99)),
        median=float(np.median(every)),
        worst_request=indices[int(np.argmax(widest))],
        same_order=float(np.mean(orders)),
        hint=_hint(pairs),
    )


def _hint(pairs: list[tuple[Floats, Floats]]) -> str:
    """The commonest difference of all: logits on one side, probabilities on the other."""
    if all(np.abs(_sigmoid(one) - other).max() <= SAME_SCORES for one, other in pairs):
        return "the first server gives logits where the second gives probabilities"
    if all(np.abs(one - _sigmoid(other)).max() <= SAME_SCORES for one, other in pairs):
        return "the first server gives probabilities where the second gives logits"
    return ""


def _plain(rows: Rows) -> Floats:
    return np.asarray(rows, dtype=np.float64)


def _cosines(one: Floats, other: Floats) -> Floats:
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines: Floats = (one * other).sum(axis=1) / np.maximum(norms, 1e-30)
    return cosines


def _sigmoid(logits: Floats) -> Floats:
    shares: Floats = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    return shares
