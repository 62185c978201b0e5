"""Read a request's body, never more of it than is allowed."""

from __future__ import annotations

from starlette.requests import Request

from retrieval_predictor.errors import BodyTooLarge


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: It is announced, or turns out, to be larger than the limit; what was read of
            it is let go.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge(int(announced), limit_bytes)
    chunks, size_bytes = [], 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise BodyTooLarge(size_bytes, limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)
