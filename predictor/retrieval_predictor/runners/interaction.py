"""Late interaction's score from unit token vectors, as `LateInteractionHead` computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from retrieval_predictor.wire.work import Batch, Floats, Part


@dataclass(frozen=True, slots=True)
class Interaction:
    """MaxSim over token vectors: each query token's best match in the document, averaged.

    ColBERT (Khattab and Zaharia 2020, equation 3) sums over the query's tokens; the mean keeps
    scores of short and long queries comparable. `leading` and `trailing` are how many special
    tokens begin and end a text; they take no part. A request's first row is its query.
    """

    leading: int
    trailing: int

    def scores(self, batch: Batch, vectors: list[Floats]) -> Floats:
        """The score of each text from its tokens' vectors: N of (L, H) -> (N, 1) float32."""
        scores, row = np.empty((len(vectors), 1), dtype=np.float32), 0
        for part in batch.parts:
            count = int(part.encoded.lengths.size)
            own = vectors[row : row + count]
            query = self._query_of(part, own)
            for index, document in enumerate(own):
                scores[row + index, 0] = self._score(query, document)
            row += count
        return scores

    def _query_of(self, part: Part, vectors: list[Floats]) -> Floats:
        if part.first == 0:
            inner = self._inner(vectors[0])
            part.reference.vectors = inner if inner.size else vectors[0]
        return cast("Floats", part.reference.vectors)

    def _score(self, query: Floats, document: Floats) -> float:
        inner = self._inner(document)
        if not inner.size:
            return -1.0
        return float((inner @ query.T).max(axis=0).mean())

    def _inner(self, vectors: Floats) -> Floats:
        """The vectors of a text's own tokens."""
        return vectors[self.leading : max(len(vectors) - self.trailing, self.leading)]
