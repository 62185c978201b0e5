"""gRPC messages to a call and back; the protocol's meaning lives in `protocol.oip`.

Source: KServe Open Inference Protocol, specification of inference gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grpc import StatusCode
from kserve.protocol.grpc.grpc_predict_v2_pb2 import (
    InferParameter,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataResponse,
)

from retrieval_predictor.edge.protocol.faults import fault_of
from retrieval_predictor.edge.protocol.oip import InferCall, TensorFacts, Wanted
from retrieval_predictor.edge.protocol.tensors import Output, Tensor
from retrieval_predictor.errors import Malformed


def to_call(request: ModelInferRequest) -> InferCall:
    """The inference request, free of protobuf types.

    Raises:
        Malformed: Raw contents do not pair with the inputs, or an input has both kinds.
    """
    return InferCall(
        inputs=tuple(
            Tensor(one.name, one.datatype, tuple(one.shape), data)
            for one, data in zip(request.inputs, _contents(request), strict=True)
        ),
        request_id=request.id,
        outputs=tuple(Wanted(one.name) for one in request.outputs),
        parameters=_plain(request.parameters),
    )


def to_message(
    call: InferCall, outputs: Sequence[Output], *, model: str, answer_id: str, truncated: int
) -> ModelInferResponse:
    """The answer as a protobuf message, tensors as raw bytes."""
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


def to_metadata(facts: Mapping[str, Any]) -> ModelMetadataResponse:
    """Model metadata as REST has it, as a protobuf message."""

    def tensors(items: Sequence[TensorFacts]) -> list[ModelMetadataResponse.TensorMetadata]:
        return [ModelMetadataResponse.TensorMetadata(**item) for item in items]

    return ModelMetadataResponse(
        name=facts["name"],
        platform=facts["platform"],
        inputs=tensors(facts["inputs"]),
        outputs=tensors(facts["outputs"]),
    )


def status_of(error: Exception) -> StatusCode:
    """The status that tells who must act."""
    return StatusCode[fault_of(error).grpc]


def _contents(request: ModelInferRequest) -> Sequence[Any]:
    """One payload an input, undecoded; other datatypes than BYTES are refused with the tensor."""
    raw: Sequence[bytes] = request.raw_input_contents
    inputs = request.inputs
    if not raw:
        return [one.contents.bytes_contents for one in inputs]
    if len(raw) != len(inputs):
        raise Malformed(f"{len(inputs)} inputs and {len(raw)} raw_input_contents; send one each")
    both = [one.name for one in inputs if one.HasField("contents")]
    if both:
        raise Malformed(f"input '{both[0]}' has contents beside raw_input_contents; send one")
    return raw


def _plain(parameters: Mapping[str, InferParameter]) -> dict[str, Any]:
    return {
        name: getattr(value, choice) if (choice := value.WhichOneof("parameter_choice")) else None
        for name, value in parameters.items()
    }
