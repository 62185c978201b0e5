"""The Open Inference Protocol over gRPC, point by point: the call, and what has to come.

Source: KServe Open Inference Protocol, specification of inference gRPC; gRPC health checking
protocol. The embedder of the tests has vectors of 384 numbers. The messages are those of Triton's
client: KServe's have the same names, so one process cannot hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from grpc import StatusCode
from grpc_health.v1 import health_pb2
from tritonclient.grpc import service_pb2 as pb

from tests.support.wire import packed

OIP = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Point:
    """One call: the message sent, the class of its answer, the status, and what both must hold.

    `check` gets the answer, or the details of an error.
    """

    part: str
    says: str
    method: str
    request: Any
    answer: Any
    status: StatusCode
    check: Check
    service: str = OIP


def _asks(
    says: str, rpc: str, check: Check | str, status: StatusCode = StatusCode.OK, **fields: Any
) -> Point:
    """A call of health or metadata; its messages are named for it."""
    request, answer = getattr(pb, f"{rpc}Request")(**fields), getattr(pb, f"{rpc}Response")
    part = "Metadata" if rpc.endswith("Metadata") else "Health"
    return Point(part, says, rpc, request, answer, status, _check(check))


def _check(wanted: Check | str) -> Check:
    return (lambda details: wanted in details) if isinstance(wanted, str) else wanted


def _probe(
    says: str, service: str, check: Check | str, status: StatusCode = StatusCode.OK
) -> Point:
    request, answer = health_pb2.HealthCheckRequest(service=service), health_pb2.HealthCheckResponse
    return Point("Health", says, "Check", request, answer, status, _check(check), HEALTH)


def text(
    texts: Sequence[bytes] = (b"a", b"b"),
    shape: Sequence[int] | None = None,
    datatype: str = "BYTES",
    **contents: Any,
) -> pb.ModelInferRequest.InferInputTensor:
    """An input tensor; `contents` replaces the texts."""
    return pb.ModelInferRequest.InferInputTensor(
        name="text",
        datatype=datatype,
        shape=[len(texts)] if shape is None else shape,
        contents=pb.InferTensorContents(**(contents or {"bytes_contents": texts})),
    )


def bare(shape: Sequence[int] = (2,)) -> pb.ModelInferRequest.InferInputTensor:
    """An input tensor whose contents are raw."""
    return pb.ModelInferRequest.InferInputTensor(name="text", datatype="BYTES", shape=shape)


def _infer(
    says: str, check: Check | str, status: StatusCode = StatusCode.OK, **fields: Any
) -> Point:
    part = "Inference" if status is StatusCode.OK else "Inference, refused"
    request = pb.ModelInferRequest(**{"model_name": "embedder", "inputs": [text()], **fields})
    return Point(part, says, "ModelInfer", request, pb.ModelInferResponse, status, _check(check))


def _wanted(*names: str) -> list[pb.ModelInferRequest.InferRequestedOutputTensor]:
    return [pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names]


def _names(answer: pb.ModelInferResponse) -> list[str]:
    return [output.name for output in answer.outputs]


def _is_whole(answer: pb.ModelInferResponse) -> bool:
    """Every output has its size in raw bytes, in order, and no contents."""
    sizes = [len(raw) for raw in answer.raw_output_contents]
    return sizes == [2 * 384 * 4, 8] and not any(o.HasField("contents") for o in answer.outputs)


BAD, GONE = StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND
WORDS = packed(["a", "b"])
EIGHT = {"dimensions": pb.InferParameter(int64_param=8)}

POINTS = (
    _asks("a live server says so", "ServerLive", lambda a: a.live),
    _asks("a ready server says so", "ServerReady", lambda a: a.ready),
    _asks("a ready model says so", "ModelReady", lambda a: a.ready, name="embedder"),
    _asks("another model is not here", "ModelReady", "'x'", GONE, name="x"),
    _asks("versions are not served", "ModelReady", "version", GONE, name="embedder", version="1"),
    _probe("`grpc.health.v1`: the server", "", lambda a: a.status == 1),
    _probe("`grpc.health.v1`: this service", OIP, lambda a: a.status == 1),
    _probe("`grpc.health.v1`: a service that is not here", "x", "no such service", GONE),
    _asks(
        "the server has a name, a version and extensions",
        "ServerMetadata",
        lambda a: a.name and a.version and "binary_tensor_data" in a.extensions,
    ),
    _asks(
        "a model has its tensors; a size that varies is -1",
        "ModelMetadata",
        lambda a: (
            [(t.name, t.datatype, list(t.shape)) for t in (*a.inputs, *a.outputs)]
            == [
                ("text", "BYTES", [-1]),
                ("embedding", "FP32", [-1, 384]),
                ("token_count", "INT32", [-1]),
            ]
        ),
        name="embedder",
    ),
    _asks("another model is not here", "ModelMetadata", "'x'", GONE, name="x"),
    _asks(
        "versions are not served", "ModelMetadata", "version", GONE, name="embedder", version="1"
    ),
    _infer("all outputs come where none is asked for", lambda a: len(_names(a)) == 2),
    _infer("outputs come in `raw_output_contents`, each of its size", _is_whole),
    _infer("the request's `id` comes back", lambda a: a.id == "42", id="42"),
    _infer("the answer names the model", lambda a: a.model_name == "embedder"),
    _infer("there is no version in it", lambda a: a.model_version == ""),
    _infer(
        "only the outputs asked for come, in that order",
        lambda a: _names(a) == ["token_count", "embedding"],
        outputs=_wanted("token_count", "embedding"),
    ),
    _infer(
        "texts may come in `raw_input_contents`",
        _is_whole,
        inputs=[bare()],
        raw_input_contents=[WORDS],
    ),
    _infer(
        "parameters are heard",
        lambda a: list(a.outputs[0].shape) == [2, 8],
        parameters=EIGHT,
    ),
    _infer(
        "the answer's parameters say how many texts were cut",
        lambda a: a.parameters["truncated_inputs"].int64_param == 1,
        inputs=[text([b"word " * 900])],
    ),
    _infer("another model", "'x'", GONE, model_name="x"),
    _infer("a version", "version", GONE, model_version="1"),
    _infer("no inputs", "one input", BAD, inputs=[]),
    _infer(
        "integers for texts", "INT32", BAD, inputs=[text(datatype="INT32", int_contents=[1, 2])]
    ),
    _infer(
        "texts in the field of another type", "data has 0", BAD, inputs=[text(int_contents=[1])]
    ),
    _infer("less data than the shape says", "3 texts", BAD, inputs=[text(shape=[3])]),
    _infer("a negative size", "[-2]", BAD, inputs=[text(shape=[-2])]),
    _infer("a text that is not UTF-8", "UTF-8", BAD, inputs=[text([b"\xff"])]),
    _infer("an output the model has not", "'x'", BAD, outputs=_wanted("x")),
    _infer(
        "raw contents for some of the inputs",
        "2 raw_input_contents",
        BAD,
        inputs=[bare()],
        raw_input_contents=[WORDS, WORDS],
    ),
    _infer("raw contents beside contents", "beside", BAD, raw_input_contents=[WORDS]),
    _infer(
        "raw contents that end early",
        "1 of 2",
        BAD,
        inputs=[bare()],
        raw_input_contents=[packed(["a"])],
    ),
    _infer(
        "raw contents that go on",
        "follow",
        BAD,
        inputs=[bare()],
        raw_input_contents=[packed(["a", "b", "c"])],
    ),
    Point(
        "Model repository",
        "nobody can unload the model",
        "RepositoryModelUnload",
        pb.RepositoryModelUnloadRequest(model_name="embedder"),
        pb.RepositoryModelUnloadResponse,
        StatusCode.UNIMPLEMENTED,
        _check("nobody else's to load"),
    ),
)
