"""Cohere's rerank shape, which Jina, Infinity, vLLM and this project speak too.

Source: Cohere API reference, "Rerank"; without `top_n` every document comes back, best first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.answers import placed, table
from retrieval_bench.dialects.wire import Call, Reply, Rows


@dataclass(frozen=True, slots=True)
class CohereRerank:
    """`query` and `documents` in, `results` of `{index, relevance_score}` out."""

    model: str
    transport: Literal["http", "grpc"] = "http"
    scores: bool = True

    def call(self, request: Request) -> Call:
        """One query against all texts."""
        body = {"model": self.model, "query": request.query, "documents": request.texts}
        return Call("/v1/rerank", orjson.dumps(body))

    def rows(self, reply: Reply) -> Rows:
        """The scores in the order of the documents."""
        results = orjson.loads(reply.body)["results"]
        return table(placed(results, lambda item: item["relevance_score"]))
