"""KServe's gRPC messages to a call and back; the protocol's meaning lives in `protocol.oip`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grpc import StatusCode
from grpc_interceptor.exceptions import GrpcException
from kserve import InferInput, InferRequest
from kserve.protocol.grpc.grpc_predict_v2_pb2 import InferParameter, ModelInferResponse

from retrieval_predictor.protocol.faults import fault_of, message_of
from retrieval_predictor.protocol.oip import InferCall, Wanted
from retrieval_predictor.protocol.tensors import Output, Tensor


def to_call(request: InferRequest) -> InferCall:
    """The inference request that KServe read off the wire, free of protobuf types."""
    return InferCall(
        inputs=tuple(
            Tensor(one.name, one.datatype, tuple(one.shape), _data(one)) for one in request.inputs
        ),
        request_id=request.id or "",
        outputs=tuple(Wanted(one.name) for one in request.request_outputs or ()),
        parameters=_plain(request.parameters),
    )


def to_message(
    call: InferCall, outputs: Sequence[Output], *, model: str, answer_id: str, truncated: int
) -> ModelInferResponse:
    """The answer as KServe's protobuf message, tensors as raw bytes."""
    message = ModelInferResponse(
        id=call.request_id or answer_id,
        model_name=model,
        outputs=[
            ModelInferResponse.InferOutputTensor(
                name=output.name, datatype=output.datatype, shape=output.shape
            )
            for output in outputs
        ],
        raw_output_contents=[output.raw for output in outputs],
    )
    message.parameters["truncated_inputs"].int64_param = truncated
    return message


def to_status(error: Exception) -> GrpcException:
    """The exception that KServe's interceptor turns into a status."""
    return GrpcException(status_code=StatusCode[fault_of(error).grpc], details=message_of(error))


def _data(tensor: InferInput) -> bytes | list[Any]:
    """The tensor's payload as it came; KServe's public readers would decode it first."""
    raw: bytes | None = tensor._raw_data  # noqa: SLF001
    return list(tensor.data or ()) if raw is None else raw


def _plain(parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("parameter_choice"))
        if isinstance(value, InferParameter)
        else value
        for name, value in (parameters or {}).items()
    }
