"""POST /v1/embeddings, the shape of OpenAI's API with the extensions of other servers.

Body: `input` (string, strings, token ids, lists of token ids), `model`, `dimensions`,
`encoding_format`, and beyond OpenAI's own `input_type` or `prompt_name`, `truncate`,
`truncation_direction`, `normalize`. Answer: a list object; `usage.truncated_inputs` counts the
inputs that were cut. Source: OpenAI API reference, Create embeddings.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import orjson

from retrieval_predictor.edge.protocol.fields import choice, flag, label, whole
from retrieval_predictor.edge.protocol.inputs import read_inputs
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_predictor.edge.protocol.options import prompt_name, truncation
from retrieval_predictor.edge.protocol.pieces import NUMBERS, listed
from retrieval_predictor.edge.protocol.usage import usage
from retrieval_predictor.wire.work import Embeddings, EmbedRequest, Floats


class Encoding(StrEnum):
    """How a vector is written: a list of numbers, or base64 of its little-endian float32 bytes."""

    FLOAT = "float"
    BASE64 = "base64"


_ENCODINGS: Mapping[str, Encoding] = {encoding.value: encoding for encoding in Encoding}


@dataclass(frozen=True, slots=True)
class EmbeddingsCall:
    """A parsed body: what to compute, the model asked for, and how to write the vectors."""

    request: EmbedRequest
    model: str | None = None
    encoding: Encoding = Encoding.FLOAT


def parse(body: bytes, max_texts: int) -> EmbeddingsCall:
    """The call that `body` asks for.

    Raises:
        Malformed: not JSON, or a field is not what the route takes.
        TooManyTexts: more inputs than `max_texts`.
    """
    fields = parse_object(body, max_texts)
    request = EmbedRequest(
        inputs=read_inputs(fields, "input", max_texts),
        prompt_name=prompt_name(fields),
        dimensions=whole(fields, "dimensions"),
        truncation=truncation(fields),
        normalise=flag(fields, "normalize"),
    )
    encoding = choice(fields, "encoding_format", _ENCODINGS) or Encoding.FLOAT
    return EmbeddingsCall(request, label(fields, "model"), encoding)


def render(call: EmbeddingsCall, answer: Embeddings, model: str) -> Iterator[bytes]:
    """The JSON body of the answer, in pieces; `model` is the name that is served.

    Shapes: answer.vectors (N, D) float32 -> N entries of D numbers.
    """
    vectors = np.ascontiguousarray(answer.vectors, dtype="<f4")
    step = max(1, NUMBERS // max(1, vectors.shape[1]))
    parts = (_items(call, vectors, at, at + step) for at in range(0, len(vectors), step))
    yield b'{"object":"list","data":'
    yield from listed(parts)
    yield b"," + orjson.dumps({"model": model, "usage": usage(answer)})[1:]


def _items(call: EmbeddingsCall, vectors: Floats, first: int, end: int) -> bytes:
    rows = vectors[first:end]
    written = map(_base64, rows) if call.encoding is Encoding.BASE64 else rows
    items = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(written, first)
    ]
    return orjson.dumps(items, option=orjson.OPT_SERIALIZE_NUMPY)


def _base64(vector: Floats) -> str:
    return b2a_base64(vector.data, newline=False).decode("ascii")
