"""Tensors of the Open Inference Protocol: texts out of an input, arrays into an output.

An input's payload is what its transport delivered, undecoded: a list (JSON `data`, gRPC
`bytes_contents`) or bytes (REST binary extension, gRPC `raw_input_contents`). The four meet in
`texts`, so REST and gRPC refuse the same things in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np

from retrieval_predictor.edge.protocol.fields import kind
from retrieval_predictor.errors import Malformed, TooManyTexts
from retrieval_predictor.wire.work import Floats, Ints

_LENGTH = Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input as it arrived; `data` is a sequence of elements or their packed bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Sequence[Any] | bytes | memoryview


@dataclass(frozen=True, slots=True)
class Output:
    """One output of an answer; `array` is C-contiguous and little-endian."""

    name: str
    datatype: str
    array: Floats | Ints

    @property
    def shape(self) -> list[int]:
        """The array's shape in plain numbers."""
        return list(self.array.shape)

    @property
    def raw(self) -> bytes:
        """The elements in row-major order, for `raw_output_contents` or a binary body."""
        return self.array.tobytes()


def fp32(name: str, array: Floats) -> Output:
    """An FP32 output; the array is copied only when its layout is not the wire's."""
    return Output(name, "FP32", np.ascontiguousarray(array, dtype="<f4"))


def int32(name: str, array: Ints) -> Output:
    """An INT32 output; the array is copied only when its layout is not the wire's."""
    return Output(name, "INT32", np.ascontiguousarray(array, dtype="<i4"))


def texts(tensor: Tensor, max_texts: int) -> tuple[str, ...]:
    """The texts of a BYTES tensor.

    Shapes: [n] or [n, 1] -> n strings.

    Raises:
        Malformed: another datatype or shape, no text, data that does not fit the shape, or bytes
            that are not UTF-8.
        TooManyTexts: n is above `max_texts`.

    Source: Open Inference Protocol, Tensor Data; Triton binary tensor data extension (elements of
    BYTES are preceded by their length as a little-endian uint32).
    """
    rows = _rows(tensor)
    if rows > max_texts:
        raise TooManyTexts(rows, max_texts)
    items = _items(tensor, rows)
    if len(items) != rows:
        raise _bad(tensor, f"shape {list(tensor.shape)} means {rows} texts, data has {len(items)}")
    return tuple(_decoded(tensor, item, index) for index, item in enumerate(items))


def _bad(tensor: Tensor, problem: str) -> Malformed:
    return Malformed(f"input '{tensor.name}': {problem}")


def _rows(tensor: Tensor) -> int:
    shape = list(tensor.shape)
    if tensor.datatype != "BYTES":
        raise _bad(tensor, f"wanted datatype BYTES, got {tensor.datatype}")
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise _bad(tensor, f"wanted shape [n] or [n, 1], got {shape}")
    if shape[0] < 1:
        raise _bad(tensor, f"shape {shape} holds no text; send at least one")
    return shape[0]


def _items(tensor: Tensor, rows: int) -> Sequence[Any]:
    if isinstance(tensor.data, bytes | memoryview):
        return _unpacked(tensor, tensor.data, rows)
    items: Sequence[Any] = tensor.data
    # [n, 1] written as nested lists has one element to a list; flat is allowed as well
    if len(tensor.shape) == 2 and all(type(item) is list and len(item) == 1 for item in items):
        return [item[0] for item in items]
    return items


def _unpacked(tensor: Tensor, data: bytes | memoryview, rows: int) -> list[bytes | memoryview]:
    at, items = 0, []
    for index in range(rows):
        if at + _LENGTH.size > len(data):
            raise _bad(tensor, f"data ends after {index} of {rows} texts, at byte {at}")
        start = at + _LENGTH.size
        (length,) = _LENGTH.unpack_from(data, at)
        at = start + length
        if at > len(data):
            left = len(data) - start
            raise _bad(tensor, f"item {index} says {length} bytes, {left} are left")
        items.append(data[start:at])
    if at != len(data):
        raise _bad(tensor, f"{len(data) - at} bytes follow the last of {rows} texts")
    return items


def _decoded(tensor: Tensor, item: Any, index: int) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, bytes | memoryview):
        raise _bad(tensor, f"wanted strings, item {index} is {kind(item)}")
    try:
        return str(item, "utf-8")
    except UnicodeDecodeError as error:
        raise _bad(tensor, f"item {index} is not UTF-8 at byte {error.start}") from None
