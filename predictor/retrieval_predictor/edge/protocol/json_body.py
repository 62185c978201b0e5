"""A request body as a JSON object, refused early and with the position when it is not one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import Flags

Codes = npt.NDArray[np.uint8]

_CONTAINERS_PER_TEXT = 8
"""Lists and objects a body may hold for each text it may hold: room for a document with metadata.

Eight megabytes of `[],` become 2.7 million lists, 190 MB and 1.2 s of a blocked event loop, so
they are counted before they are built.
"""


def parse_object(body: bytes | memoryview, max_texts: int) -> dict[str, Any]:
    """The JSON object that `body` holds.

    Nesting is bounded by orjson, which stops at the 1025th open bracket. Its parser also refuses
    NaN, Infinity, numbers beyond a double, invalid UTF-8 and lone surrogates, so none of those
    reaches a caller of this function.

    Raises:
        Malformed: not JSON, not an object, or far more lists and objects than `max_texts` needs.
    """
    _refuse_bloat(body, _CONTAINERS_PER_TEXT * (max_texts + 16))
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(_explain(error)) from None
    if not isinstance(value, dict):
        raise Malformed("the body is valid JSON but not an object; wanted {…} at the top level")
    return value


def _explain(error: orjson.JSONDecodeError) -> str:
    if error.doc[error.pos :].startswith(("NaN", "Infinity")):
        return (
            f"the body has NaN or Infinity at line {error.lineno} column {error.colno}; "
            "JSON has no such numbers"
        )
    return f"the body is not valid JSON: {error}"


def _refuse_bloat(body: bytes | memoryview, limit: int) -> None:
    """Raise when `body` opens more than `limit` lists and objects; brackets in texts are free.

    A body of at most `limit` bytes cannot. The exact count, 8 ms a megabyte, is left for bodies
    with more bracket bytes than that, texts included.
    """
    if len(body) <= limit or np.count_nonzero(_opens(np.frombuffer(body, np.uint8))) <= limit:
        return
    count = _containers(bytes(body))
    if count > limit:
        raise Malformed(f"the body has {count} lists and objects, the limit is {limit}")


def _opens(codes: Codes) -> Flags:
    opens: Flags = (codes | 0x20) == ord("{")  # "[" and "{" differ in that one bit
    return opens


def _containers(body: bytes) -> int:
    """Opening brackets outside of JSON strings, in linear time for any bytes."""
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    codes = np.frombuffer(unescaped, np.uint8)
    in_string = np.logical_xor.accumulate(codes == ord('"'))
    return int(np.count_nonzero(_opens(codes) & ~in_string))
