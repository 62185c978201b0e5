"""How hard an index has to look: measured on its own vectors when it is built.

A reranker gets a hundred candidates, so what counts is the share of the true nearest hundred that
is found. Probing 8 lists of 256 costs 3 % of nDCG@10 and 12 % of those (`bench/quality.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from retrieval_search.index.manifest import Kind, Recall, Tuning
from retrieval_search.index.vectors import Vectors
from retrieval_search.ranking.fusion import Leg, Rows

AIM = 0.98
"""Share of the true nearest hundred that the default effort finds."""

_SAMPLE = 256
_NEAREST = 100
_EFFORTS = {
    Kind.IVF_SQ8: (1, 2, 4, 8, 16, 32, 64, 128, 256),
    Kind.IVF_RABITQ: (1, 2, 4, 8, 16, 32, 64, 128, 256),
    Kind.HNSW_SQ8: (100, 128, 192, 256, 384, 512),
}


def measured(vectors: Vectors, kind: Kind) -> Tuning:
    """What each effort finds, and the least that finds enough."""
    if kind is Kind.FLAT:
        return Tuning()
    full = vectors.full
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(full), min(_SAMPLE, len(full)), replace=False))
    queries = np.ascontiguousarray(full[rows])
    count = min(_NEAREST, len(full))
    _, truth = faiss.knn(queries, full, count, faiss.METRIC_INNER_PRODUCT)
    found: list[Recall] = []
    for effort in _EFFORTS[kind]:
        found.append(Recall(effort, _recall(truth, vectors.search(queries, count, effort))))
        if found[-1].recall_at_100 >= AIM:
            break
    return Tuning(chosen(found, AIM), tuple(found))


def chosen(calibration: Sequence[Recall], aim: float) -> int:
    """The least effort that finds the share aimed at; the most there is where none does."""
    enough = [one.effort for one in calibration if one.recall_at_100 >= aim]
    return min(enough, default=max((one.effort for one in calibration), default=0))


def _recall(truth: Rows, found: Sequence[Leg]) -> float:
    shares = [np.isin(one, leg.rows).mean() for one, leg in zip(truth, found, strict=True)]
    return round(float(np.mean(shares)), 4)
