"""Open Inference Protocol (KServe v2) over HTTP: JSON, and the binary tensor extension.

An embedder takes BYTES `text` [n] and answers a float tensor [n, d]; a reranker takes BYTES `query`
[1] and `documents` [n] and answers a float tensor [n]. The first floating-point output is read
whatever its name, for servers differ in it.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md; the binary
extension: triton-inference-server/server, docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.answers import table
from retrieval_bench.dialects.wire import Call, Reply, Rows

FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
"""Floating-point datatypes of the protocol and numpy's name for their bytes."""

REQUEST_ID = "retrieval-bench"
"""Optional in the protocol, but models on KServe's SDK that pass on an absent one answer 500."""

_HEADER_LENGTH = "Inference-Header-Content-Length"


def tensors(request: Request, input_name: str, *, scores: bool) -> tuple[tuple[str, Any], ...]:
    """The input tensors as (name, texts), all of them BYTES with one axis."""
    if scores:
        return (("query", (request.query,)), ("documents", request.texts))
    return ((input_name, request.texts),)


@dataclass(frozen=True, slots=True)
class InferJson:
    """`POST /v2/models/{model}/infer`, tensors as JSON lists."""

    model: str
    scores: bool
    input_name: str = "text"
    transport: Literal["http", "grpc"] = "http"

    def call(self, request: Request) -> Call:
        """Texts as JSON strings."""
        inputs = [
            {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts}
            for name, texts in tensors(request, self.input_name, scores=self.scores)
        ]
        return Call(_path(self.model), orjson.dumps({"id": REQUEST_ID, "inputs": inputs}))

    def rows(self, reply: Reply) -> Rows:
        """The first floating-point output, in its shape."""
        output = _first_float(orjson.loads(reply.body)["outputs"])
        return table(output["data"]).reshape(output["shape"])


@dataclass(frozen=True, slots=True)
class InferBinary:
    """The same route with raw bytes behind a short JSON header, both ways."""

    model: str
    scores: bool
    input_name: str = "text"
    transport: Literal["http", "grpc"] = "http"

    def call(self, request: Request) -> Call:
        """Texts as UTF-8, each behind its length in 4 bytes, little-endian."""
        named = tensors(request, self.input_name, scores=self.scores)
        raw = [_pack(texts) for _, texts in named]
        inputs = [
            {
                "name": name,
                "shape": [len(texts)],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(packed)},
            }
            for (name, texts), packed in zip(named, raw, strict=True)
        ]
        parameters = {"binary_data_output": True}
        header = orjson.dumps({"id": REQUEST_ID, "inputs": inputs, "parameters": parameters})
        headers = {"Content-Type": "application/octet-stream", _HEADER_LENGTH: str(len(header))}
        return Call(_path(self.model), b"".join([header, *raw]), headers)

    def rows(self, reply: Reply) -> Rows:
        """The first floating-point output, as bytes or, from servers without them, as JSON."""
        length = int(_header(reply.headers, _HEADER_LENGTH) or len(reply.body))
        outputs = orjson.loads(reply.body[:length])["outputs"]
        sizes = [(one.get("parameters") or {}).get("binary_data_size", 0) for one in outputs]
        starts = itertools.accumulate(sizes, initial=length)
        for output, size, start in zip(outputs, sizes, starts, strict=False):
            if output["datatype"] in FLOATS:
                return _tensor(output, reply.body[start : start + size])
        raise LookupError("no floating-point output")


def _path(model: str) -> str:
    return f"/v2/models/{model}/infer"


def _pack(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def _first_float(outputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    for output in outputs:
        if output["datatype"] in FLOATS:
            return output
    raise LookupError("no floating-point output")


def _tensor(output: dict[str, Any], raw: bytes) -> Rows:
    if not raw:
        return table(output["data"]).reshape(output["shape"])
    values = np.frombuffer(raw, FLOATS[output["datatype"]])
    if len(values) != math.prod(output["shape"]):
        raise ValueError(f"{len(values)} numbers for shape {output['shape']}")
    return values.reshape(output["shape"])


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return headers.get(name.lower())
