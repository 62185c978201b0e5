"""Whether answers under load are those that the same texts get alone.

A batching server that hands a row to the wrong caller answers fast and with status 200. So the
answers to a few requests are kept, the same requests are sent again one at a time, and compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrieval_bench.dialects.wire import Rows

COSINE_FLOOR = 0.999
"""Below the 0.9999 that bf16 keeps, far above what another text's vector has."""

SCORE_GAP = 0.05
"""Of scores, relative above 1: our choice, with room for half precision in other batch shapes."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The worst agreement of `compared` answers: the lowest cosine, or the widest gap of scores."""

    compared: int
    measure: Literal["cosine", "gap"]
    worst: float
    agrees: bool


def sample(first_index: int) -> frozenset[int]:
    """Which requests to keep: the first, second, fourth, eighth … of a load, however long it is."""
    return frozenset(first_index + 2**power - 1 for power in range(20))


def verify(loaded: Mapping[int, Rows], alone: Mapping[int, Rows]) -> Verification | None:
    """The agreement over requests that were answered both times; None if there are none."""
    both = sorted(loaded.keys() & alone.keys())
    if not both:
        return None
    if loaded[both[0]].ndim == 1:
        widest = max(_gap(loaded[index], alone[index]) for index in both)
        return Verification(len(both), "gap", widest, widest <= SCORE_GAP)
    lowest = min(_cosine(loaded[index], alone[index]) for index in both)
    return Verification(len(both), "cosine", lowest, lowest >= COSINE_FLOOR)


def _cosine(a: Rows, b: Rows) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / np.maximum(norms, 1e-30)).min())


def _gap(a: Rows, b: Rows) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float((np.abs(a - b) / np.maximum(np.abs(b), 1.0)).max())
