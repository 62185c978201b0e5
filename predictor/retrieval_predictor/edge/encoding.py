"""Bodies that clients compressed: gzip and deflate, decoded within the limit of a plain body.

Source: RFC 9110, 8.4.1; both of Triton's clients can send them.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Final

from retrieval_predictor.errors import BodyTooLarge, Malformed, UnsupportedEncoding

_WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_PLAIN: Final = ("", "identity")
_STEP_BYTES = 1 << 20


def refuse_unknown(encoding: str) -> None:
    """Refuse what nobody here can decode, before the body is read.

    Raises:
        UnsupportedEncoding: It is neither absent, `identity`, `gzip` nor `deflate`.
    """
    if encoding.lower() not in (*_PLAIN, *_WINDOWS):
        raise UnsupportedEncoding(encoding[:32])


async def plain(body: bytes, encoding: str, limit_bytes: int, take: Callable[[int], None]) -> bytes:
    """The body as it was before it was encoded; `take` is told of its bytes as they come.

    A step at a time is decoded in a thread, which zlib lets run beside the loop.

    Raises:
        Malformed: It is not encoded so.
        BodyTooLarge: It is larger than the limit once decoded; no more than that was decoded.
    """
    window = _WINDOWS.get(encoding.lower())
    if window is None:
        return body
    decoder, parts, size_bytes = zlib.decompressobj(window), [], 0
    while not decoder.eof:
        try:
            part = await asyncio.to_thread(decoder.decompress, body, _STEP_BYTES)
        except zlib.error as error:
            raise Malformed(f"the body is not {encoding}: {error}") from None
        if not part and not decoder.eof:
            raise Malformed(f"the body ends before its {encoding} does")
        take(len(part))
        parts.append(part)
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise BodyTooLarge(size_bytes, limit_bytes)
        body = decoder.unconsumed_tail
    return b"".join(parts)
