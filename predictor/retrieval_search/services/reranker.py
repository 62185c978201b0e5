"""Scores of passages against a query, over the Open Inference Protocol or Cohere's `/v2/rerank`.

Cohere's shape is what other rerankers have too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from retrieval_predictor.wire.work import Caller
from retrieval_search.ranking.fusion import Floats
from retrieval_search.services.connection import QUICK, CallFailed, Service


@dataclass(frozen=True, slots=True)
class Reranker:
    """A reranker at an address, under the name that it serves its model by."""

    service: Service
    model: str = "reranker"

    async def score(self, query: str, texts: Sequence[str], caller: Caller) -> Floats:
        """A score a text, higher for the more relevant.

        Raises:
            CallFailed: It gave none.
        """
        asked = {"model": self.model, "query": query, "documents": list(texts)}
        answer = await self.service.ask(
            "/v2/rerank",
            orjson.dumps(asked),
            headers={"content-type": "application/json"},
            caller=caller,
            patience=QUICK,
        )
        scores = np.full(len(texts), np.nan, np.float32)
        try:
            for result in orjson.loads(answer.body)["results"]:
                scores[result["index"]] = result["relevance_score"]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise CallFailed(200, f"not an answer of a reranker: {error!r}") from None
        if np.isnan(scores).any():
            raise CallFailed(200, f"{int(np.isnan(scores).sum())} documents have no score")
        return scores
