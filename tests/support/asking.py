"""What the plainest request answers, which every client's answer is compared with."""

from __future__ import annotations

import numpy as np

from retrieval_predictor.wire.work import Floats
from tests.support.processes import Predictor

TEXTS = ["hello", "world of vectors"]
QUERY = "bread"
DOCUMENTS = ["a bank", "a loaf of bread"]


def vectors(embedder: Predictor) -> Floats:
    """The vectors of `TEXTS`, (2, 384) float32."""
    answer = embedder.post("/embed", json={"inputs": TEXTS})
    return np.array(answer.json(), dtype=np.float32)


def scores(reranker: Predictor) -> Floats:
    """The scores of `DOCUMENTS` in their order, (2,) float32."""
    answer = reranker.post("/rerank", json={"query": QUERY, "texts": DOCUMENTS})
    return np.array([one["score"] for one in sorted(answer.json(), key=lambda one: one["index"])])


def assert_same(rows: object, wanted: Floats) -> None:
    """The same numbers but for the last digits that JSON or base64 may differ in."""
    np.testing.assert_allclose(np.asarray(rows, dtype=np.float32), wanted, atol=1e-6)
