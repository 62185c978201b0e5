"""One order out of several: the dense leg's and the words'.

RRF (Cormack, Clarke, Büttcher, SIGIR 2009) adds weight / (k + rank) and looks at ranks alone. DBSF
(distribution-based score fusion) maps each leg's scores from its mean ± 3 deviations to 0 … 1 and
adds them by weight. A leg that has not found a passage gives it nothing.
Fused scores are scaled so that 1 is the best of every leg; that leaves their order as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

RRF_K = 60
"""The paper's constant; ranks count from 1."""

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Method(StrEnum):
    """How legs become one order."""

    RRF = "rrf"
    DBSF = "dbsf"


@dataclass(frozen=True, slots=True)
class Leg:
    """Passages that one way of searching found, best first; a row is a passage's number."""

    rows: Rows
    scores: Floats

    @property
    def size(self) -> int:
        """How many were found."""
        return int(self.rows.size)

    def first(self, count: int) -> Leg:
        """The best of them."""
        return Leg(self.rows[:count], self.scores[:count])


EMPTY = Leg(np.empty(0, np.int64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Fusion:
    """How to fuse; a weight of 0 leaves its leg out."""

    method: Method = Method.RRF
    k: int = RRF_K
    dense_weight: float = 1.0
    words_weight: float = 1.0


def fuse(legs: Sequence[tuple[Leg, float]], method: Method, k: int = RRF_K) -> Leg:
    """The union of the legs, best first; equal scores keep the order of the legs."""
    heard = [(leg, weight) for leg, weight in legs if leg.size and weight > 0]
    if not heard:
        return EMPTY
    whole = sum(weight for _, weight in heard)
    rows = np.concatenate([leg.rows for leg, _ in heard])
    given = np.concatenate([weight / whole * _shares(leg, method, k) for leg, weight in heard])
    unique, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    sums = np.bincount(inverse, weights=given)
    order = np.lexsort((first, -sums))
    return Leg(unique[order], sums[order].astype(np.float32))


def _shares(leg: Leg, method: Method, k: int) -> npt.NDArray[np.float64]:
    if method is Method.RRF:
        return (k + 1.0) / (k + np.arange(1, leg.size + 1, dtype=np.float64))
    scores = leg.scores.astype(np.float64)
    reach = 3.0 * float(scores.std())
    if reach == 0.0:
        return np.full(leg.size, 0.5)
    low = float(scores.mean()) - reach
    return np.clip((scores - low) / (2.0 * reach), 0.0, 1.0)
