"""OpenAI embeddings: `POST /v1/embeddings`, vectors as JSON numbers or base64 of float32.

Source: OpenAI API reference, "Create embeddings"; base64 is little-endian float32, as the official
client decodes it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.answers import placed, table
from retrieval_bench.dialects.wire import Call, Reply, Rows


@dataclass(frozen=True, slots=True)
class OpenAI:
    """The embeddings route of OpenAI, TEI, Infinity, vLLM and this project."""

    model: str
    encoding: Literal["float", "base64"]
    transport: Literal["http", "grpc"] = "http"
    scores: bool = False

    def call(self, request: Request) -> Call:
        """All texts as one `input` list."""
        body = {"model": self.model, "input": request.texts, "encoding_format": self.encoding}
        return Call("/v1/embeddings", orjson.dumps(body))

    def rows(self, reply: Reply) -> Rows:
        """The vectors of `data`, in the order of their `index`."""
        vectors = placed(orjson.loads(reply.body)["data"], _embedding)
        if self.encoding == "base64":
            return np.stack([np.frombuffer(base64.b64decode(v), "<f4") for v in vectors])
        return table(vectors)


def _embedding(item: dict[str, Any]) -> Any:
    return item["embedding"]
