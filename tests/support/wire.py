"""Answers and binary bodies for the tests of the wire formats; a test names only what matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from retrieval_predictor.edge.protocol.oip_rest import InferBody
from retrieval_predictor.wire.work import Embeddings, Scores


def embeddings(
    vectors: npt.ArrayLike = ((0.5, -0.25),),
    tokens: Sequence[int] | None = None,
    truncated: Sequence[bool] | None = None,
) -> Embeddings:
    """An answer with these vectors; three tokens a text and nothing cut unless said otherwise."""
    rows = np.array(vectors, dtype=np.float32)
    count = len(rows)
    return Embeddings(
        vectors=rows,
        token_counts=np.array(tokens or [3] * count, dtype=np.int32),
        truncated=np.array(truncated or [False] * count),
    )


def scores(
    values: Sequence[float] = (0.25, 0.75, 0.5), truncated: Sequence[bool] | None = None
) -> Scores:
    """An answer with these scores, in the order of the documents; ten tokens a document."""
    count = len(values)
    return Scores(
        scores=np.array(values, dtype=np.float32),
        token_counts=np.full(count, 10, dtype=np.int32),
        truncated=np.array(truncated or [False] * count),
    )


@dataclass(frozen=True)
class Whole:
    """An inference's answer once it has been read."""

    content: bytes
    json_bytes: int | None
    headers: dict[str, str]


def whole(body: InferBody) -> Whole:
    """Read an answer that comes in pieces."""
    return Whole(b"".join(body.pieces), body.json_bytes, body.headers)


def json_bytes(value: Any) -> bytes:
    """`value` as a JSON body."""
    return orjson.dumps(value)


def packed(texts: Sequence[str | bytes]) -> bytes:
    """BYTES elements as the binary tensor extension packs them."""
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(len(item).to_bytes(4, "little") + item for item in raw)


def binary_infer(
    inputs: Sequence[tuple[str, Sequence[str | bytes]]], **fields: Any
) -> tuple[bytes, str]:
    """An inference body with binary BYTES inputs, and the value of its length header."""
    data = [packed(texts) for _, texts in inputs]
    heads = [
        {
            "name": name,
            "datatype": "BYTES",
            "shape": [len(texts)],
            "parameters": {"binary_data_size": len(raw)},
        }
        for (name, texts), raw in zip(inputs, data, strict=True)
    ]
    head = orjson.dumps({"inputs": heads, **fields})
    return head + b"".join(data), str(len(head))
