"""Open Inference Protocol over gRPC: `inference.GRPCInferenceService/ModelInfer`.

The four messages are declared here with the fields that this client reads and writes, in a
descriptor pool of their own: generated modules of KServe and of Triton register the same names in
the default pool and cannot be imported together, and a client should not care which is installed.

Source: kserve/open-inference-protocol, specification/protocol/open_inference_grpc.proto (field
numbers); fields not declared here are skipped, as proto3 asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message,
    message_factory,
)

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.inference import FLOATS, REQUEST_ID, tensors
from retrieval_bench.dialects.wire import Call, Reply, Rows

METHOD = "/inference.GRPCInferenceService/ModelInfer"

_STRING, _BYTES, _FLOAT, _INT64 = 9, 12, 2, 3
_ONE, _MANY = 1, 3

_MESSAGES: dict[str, tuple[tuple[str, int, int | str, int], ...]] = {
    "Contents": (("fp32_contents", 6, _FLOAT, _MANY), ("bytes_contents", 8, _BYTES, _MANY)),
    "Tensor": (
        ("name", 1, _STRING, _ONE),
        ("datatype", 2, _STRING, _ONE),
        ("shape", 3, _INT64, _MANY),
        ("contents", 5, "Contents", _ONE),
    ),
    "ModelInferRequest": (
        ("model_name", 1, _STRING, _ONE),
        ("id", 3, _STRING, _ONE),
        ("inputs", 5, "Tensor", _MANY),
    ),
    "ModelInferResponse": (
        ("outputs", 5, "Tensor", _MANY),
        ("raw_output_contents", 6, _BYTES, _MANY),
    ),
}
"""Message → (field, number, scalar type or message, one or many)."""


@dataclass(frozen=True, slots=True)
class InferGrpc:
    """ModelInfer with texts in `bytes_contents` and floats read from either form of output."""

    model: str
    scores: bool
    input_name: str = "text"
    transport: Literal["http", "grpc"] = "grpc"

    def call(self, request: Request) -> Call:
        """The request as a serialised ModelInferRequest."""
        infer = _class("ModelInferRequest")(model_name=self.model, id=REQUEST_ID)
        for name, texts in tensors(request, self.input_name, scores=self.scores):
            tensor = infer.inputs.add(name=name, datatype="BYTES", shape=[len(texts)])
            tensor.contents.bytes_contents.extend(text.encode() for text in texts)
        return Call(METHOD, infer.SerializeToString(), {})

    def rows(self, reply: Reply) -> Rows:
        """The first floating-point output of a serialised ModelInferResponse."""
        response = _response(reply.body)
        for position, output in enumerate(response.outputs):
            if output.datatype in FLOATS:
                return _values(response, output, position).reshape(tuple(output.shape))
        raise LookupError("no floating-point output")


def _response(body: bytes) -> Any:
    try:
        return _class("ModelInferResponse").FromString(body)
    except message.DecodeError as error:
        raise ValueError(str(error)) from error


def _values(response: Any, output: Any, position: int) -> Rows:
    if response.raw_output_contents:
        return np.frombuffer(response.raw_output_contents[position], FLOATS[output.datatype])
    return np.array(output.contents.fp32_contents, dtype=np.float32)


@cache
def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"inference.{name}"))


@cache
def _pool() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="retrieval_bench.proto", package="inference", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        declared = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            added = declared.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = 11, f".inference.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
