"""Read what tensors a safetensors file holds without reading the tensors.

Source: safetensors README, section "Format": 8 bytes little-endian header length, then a JSON
object {name: {dtype, shape, data_offsets}, "__metadata__": …}, then the data.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, Final

MAX_HEADER_BYTES: Final = 100_000_000
"""The limit of the reference implementation; a longer header is an attack or no safetensors."""
_PREFIX = struct.Struct("<Q")


class BadHeader(ValueError):
    """These bytes are not the start of a safetensors file."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name, dtype as written (`F32`, `BF16`, `I64`, …) and shape of one tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Numbers in the tensor."""
        return prod(self.shape)


def read_tensors(stream: BinaryIO) -> tuple[Tensor, ...]:
    """The tensors that a safetensors stream announces; reads the header only.

    Raises:
        BadHeader: The header is cut, too long, no JSON, or not of the documented shape.
    """
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        raise BadHeader(f"{len(prefix)} bytes are too few for a header length")
    (length,) = _PREFIX.unpack(prefix)
    if length > MAX_HEADER_BYTES:
        raise BadHeader(f"header of {length} bytes, at most {MAX_HEADER_BYTES} are read")
    text = stream.read(length)
    if len(text) < length:
        raise BadHeader(f"header of {length} bytes, the file holds {len(text)} of them")
    return tuple(_tensors(_document(text)))


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadHeader("the header is no JSON") from error
    if not isinstance(document, dict):
        raise BadHeader("the header is no JSON object")
    return document


def _tensors(document: dict[str, Any]) -> Iterable[Tensor]:
    for name, entry in document.items():
        if name == "__metadata__":
            continue
        if not isinstance(entry, dict) or not _is_shape(entry.get("shape")):
            raise BadHeader(f"tensor {name} has no shape")
        yield Tensor(name, str(entry.get("dtype")), tuple(entry["shape"]))


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in value
    )
