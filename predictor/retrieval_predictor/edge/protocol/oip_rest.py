"""POST /v2/models/{m}/infer: the Open Inference Protocol's JSON, and its binary tensor extension.

With binary tensors the body is a JSON object followed by the tensors' bytes in the order of the
object, and the header Inference-Header-Content-Length gives the length of the object. Source:
KServe Open Inference Protocol, Inference Request; Triton binary tensor data extension.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from retrieval_predictor.edge.protocol.fields import Fields, flag, kind, label, missing, wrong
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_predictor.edge.protocol.oip import InferCall, Wanted
from retrieval_predictor.edge.protocol.pieces import chained, cut, head_of, numbers
from retrieval_predictor.edge.protocol.tensors import Output, Tensor
from retrieval_predictor.errors import Malformed

LENGTH_HEADER = "inference-header-content-length"

_Payload = tuple[Sequence[Any] | memoryview, int]


@dataclass(frozen=True, slots=True)
class InferBody:
    """A response body in pieces; `json_bytes` is the length of its JSON, None when that is all."""

    pieces: Iterable[bytes | memoryview]
    json_bytes: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The content type, and the length header when binary tensors follow the JSON."""
        if self.json_bytes is None:
            return {"content-type": "application/json"}
        return {"content-type": "application/octet-stream", LENGTH_HEADER: str(self.json_bytes)}


def parse(body: bytes, length_header: str | None, max_texts: int) -> InferCall:
    """The call that `body` holds; `length_header` is the header's value, None without one.

    Raises:
        Malformed: not JSON, a field of another type, or sizes that do not add up.
    """
    head, tail = _split(body, length_header)
    fields = parse_object(head, max_texts)
    parameters = _object(fields, "parameters")
    return InferCall(
        inputs=_inputs(_list(fields, "inputs"), tail),
        request_id=label(fields, "id") or "",
        outputs=tuple(_wanted(item, i) for i, item in enumerate(_list(fields, "outputs"))),
        parameters=parameters,
        binary=flag(parameters, "binary_data_output") is True,
    )


def render(
    call: InferCall,
    outputs: Sequence[Output],
    *,
    model: str,
    answer_id: str,
    truncated: int = 0,
) -> InferBody:
    """The answer's body, each output as JSON or as bytes, as the caller asked; in pieces.

    `answer_id` is used when the caller sent no id. `truncated` is the number of texts that were
    cut; it is told in the parameter `truncated_inputs`.
    """
    head = {
        "model_name": model,
        "id": call.request_id or answer_id,
        "parameters": {"truncated_inputs": truncated},
    }
    packed = {output.name for output in outputs if call.is_binary(output.name)}
    text = _text(head, outputs, packed)
    if not packed:
        return InferBody(text)
    told = b"".join(text)
    tensors = (cut(output.raw) for output in outputs if output.name in packed)
    return InferBody(chain([told], *tensors), len(told))


def _text(
    head: dict[str, Any], outputs: Sequence[Output], packed: Collection[str]
) -> Iterator[bytes]:
    """The answer's JSON; the data of packed outputs follows behind it."""
    yield head_of(head) + b',"outputs":'
    yield from chained(_written(output, as_bytes=output.name in packed) for output in outputs)
    yield b"}"


def _split(body: bytes, length_header: str | None) -> tuple[bytes, memoryview]:
    view = memoryview(body)
    if length_header is None:
        return body, view[len(body) :]
    if not (length_header.isascii() and length_header.isdigit() and len(length_header) < 16):
        raise Malformed(f"header {LENGTH_HEADER}: wanted a number of bytes")
    length = int(length_header)
    if length > len(body):
        raise Malformed(f"header {LENGTH_HEADER} says {length} bytes, the body has {len(body)}")
    return body[:length], view[length:]


def _inputs(items: list[Any], tail: memoryview) -> tuple[Tensor, ...]:
    tensors, at = [], 0
    for index, item in enumerate(items):
        try:
            tensor, at = _input(item, tail, at)
        except Malformed as error:
            raise Malformed(f"inputs[{index}]: {error.detail}") from None
        tensors.append(tensor)
    if at != len(tail):
        raise Malformed(f"{len(tail)} bytes follow the JSON, its inputs describe {at} of them")
    return tuple(tensors)


def _input(item: Any, tail: memoryview, at: int) -> tuple[Tensor, int]:
    if not isinstance(item, dict):
        raise Malformed(f"wanted an object, got {kind(item)}")
    name, datatype = label(item, "name"), label(item, "datatype")
    if name is None or datatype is None:
        raise missing("name" if name is None else "datatype", "a string")
    data, end = _payload(item, tail, at)
    return Tensor(name, datatype, _shape(item), data), end


def _payload(item: Fields, tail: memoryview, at: int) -> _Payload:
    """The elements of one input and where the next one's bytes begin."""
    size = _object(item, "parameters").get("binary_data_size")
    data = item.get("data")
    if (data is None) is (size is None):
        raise Malformed("wanted either 'data' or the parameter 'binary_data_size'")
    if size is None:
        if not isinstance(data, list):
            raise wrong("data", "a list", kind(data))
        return data, at
    if type(size) is not int or not 0 <= size <= len(tail) - at:
        got = str(size) if type(size) is int else kind(size)
        raise wrong("binary_data_size", f"0 to the {len(tail) - at} bytes that are left", got)
    return tail[at : at + size], at + size


def _shape(item: Fields) -> tuple[int, ...]:
    shape = item.get("shape")
    if not isinstance(shape, list) or any(type(size) is not int or size < 0 for size in shape):
        raise wrong("shape", "a list of whole numbers", kind(shape))
    return tuple(shape)


def _wanted(item: Any, index: int) -> Wanted:
    if not isinstance(item, dict):
        raise wrong("outputs", "a list of objects", f"{kind(item)} as item {index}")
    name = label(item, "name")
    if name is None:
        raise missing(f"outputs[{index}].name", "a string")
    return Wanted(name, flag(_object(item, "parameters"), "binary_data"))


def _list(fields: Fields, name: str) -> list[Any]:
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(name, "a list", kind(value))
    return value


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(name, "an object", kind(value))
    return value


def _written(output: Output, *, as_bytes: bool) -> Iterator[bytes]:
    head: dict[str, Any] = {
        "name": output.name,
        "datatype": output.datatype,
        "shape": output.shape,
    }
    if as_bytes:
        size = {"binary_data_size": output.array.nbytes}
        yield orjson.dumps(head | {"parameters": size})
        return
    yield head_of(head) + b',"data":'
    yield from numbers(output.array.reshape(-1))
    yield b"}"
