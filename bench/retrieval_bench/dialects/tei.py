"""Text Embeddings Inference: `POST /embed` and its own shape of `POST /rerank`.

Source: huggingface/text-embeddings-inference, router/src/http/types.rs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.answers import placed, table
from retrieval_bench.dialects.wire import Call, Reply, Rows


@dataclass(frozen=True, slots=True)
class TeiEmbed:
    """`inputs` in, a list of vectors out."""

    transport: Literal["http", "grpc"] = "http"
    scores: bool = False

    def call(self, request: Request) -> Call:
        """All texts as one `inputs` list."""
        return Call("/embed", orjson.dumps({"inputs": request.texts}))

    def rows(self, reply: Reply) -> Rows:
        """The body itself is the list of vectors."""
        return table(orjson.loads(reply.body))


@dataclass(frozen=True, slots=True)
class TeiRerank:
    """`query` and `texts` in, `{index, score}` out, best first."""

    transport: Literal["http", "grpc"] = "http"
    scores: bool = True

    def call(self, request: Request) -> Call:
        """One query against all texts."""
        return Call("/rerank", orjson.dumps({"query": request.query, "texts": request.texts}))

    def rows(self, reply: Reply) -> Rows:
        """The scores in the order of the texts."""
        return table(placed(orjson.loads(reply.body), lambda item: item["score"]))
