"""Read a request's body, never more of it than is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from retrieval_predictor.errors import BodyTooLarge, BodyTooSlow


def nothing(size_bytes: int) -> None:
    """Count nobody's bytes."""
    del size_bytes


async def read_body(
    receive: Receive,
    announced: str,
    limit_bytes: int,
    timeout_s: float,
    take: Callable[[int], None] = nothing,
) -> bytes:
    """The whole body; `announced` is what the request's content-length says of it.

    `take` is told of its bytes as they come, and may refuse them.

    Raises:
        BodyTooLarge: It is announced, or turns out, to be larger than the limit; what was read of
            it is let go.
        BodyTooSlow: It has not arrived in time.
        ClientDisconnect: The client left before its end.
    """
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge(int(announced), limit_bytes)
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(timeout_s):
            await _read(receive, limit_bytes, chunks, take)
    except TimeoutError:
        raise BodyTooSlow(sum(map(len, chunks)), timeout_s) from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _read(
    receive: Receive, limit_bytes: int, chunks: list[bytes], take: Callable[[int], None]
) -> None:
    size_bytes, is_more = 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        take(len(message.get("body", b"")))
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        if size_bytes > limit_bytes:
            raise BodyTooLarge(size_bytes, limit_bytes)
        is_more = message.get("more_body", False)
