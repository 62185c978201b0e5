"""Read a request's body, never more of it than is allowed."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from retrieval_predictor.errors import BodyTooLarge, BodyTooSlow


async def read_body(request: Request, limit_bytes: int, timeout_s: float) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: It is announced, or turns out, to be larger than the limit; what was read of
            it is let go.
        BodyTooSlow: It has not arrived in time.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge(int(announced), limit_bytes)
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(timeout_s):
            await _read(request, limit_bytes, chunks)
    except TimeoutError:
        raise BodyTooSlow(sum(map(len, chunks)), timeout_s) from None
    return b"".join(chunks)


async def _read(request: Request, limit_bytes: int, chunks: list[bytes]) -> None:
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise BodyTooLarge(size_bytes, limit_bytes)
        chunks.append(chunk)
