"""Send one call and return the answer's bytes, over HTTP or gRPC; every failure has a name.

Connections live as long as the load: a burst opens its own, as new users would. No limit on their
number is set here, so that the server's limits are what is measured.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc

from retrieval_bench.dialects.wire import Call, Dialect, Reply
from retrieval_bench.errors import Refused, Rejected, RequestFailed, TimedOut, Unreachable
from retrieval_bench.http1 import Pool
from retrieval_bench.targets import Target

Send = Callable[[Call, float], Awaitable[Reply]]
"""Send a call with a deadline in seconds; raises a leaf of `RequestFailed` unless it succeeds."""

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def connect(target: Target, dialect: Dialect) -> AbstractAsyncContextManager[Send]:
    """The way to a target: HTTP/1.1, or gRPC if the dialect asks for it."""
    return _grpc(target) if dialect.transport == "grpc" else _http(target)


@asynccontextmanager
async def _http(target: Target) -> AsyncIterator[Send]:
    """As many connections as there are requests in flight.

    A path in the target's URL replaces the one of the dialect.
    """
    parts = target.parts
    path = f"{parts.path}?{parts.query}".rstrip("?") if parts.path.strip("/") else None
    pool = Pool(parts, target.headers)

    async def send(call: Call, timeout_s: float) -> Reply:  # noqa: ARG001 - gRPC sends it along
        response = await pool.exchange("POST", path or call.path, call.headers, call.body)
        if response.status != 200:
            raise _status(response.status, response.body)
        return Reply(response.body, response.headers)

    try:
        yield send
    finally:
        pool.close()


def _status(status: int, body: bytes) -> RequestFailed:
    return Rejected("429") if status == 429 else Refused(str(status), body.decode(errors="replace"))


@asynccontextmanager
async def _grpc(target: Target) -> AsyncIterator[Send]:
    """One HTTP/2 connection for all requests of a client process, which is how gRPC is used."""
    metadata = tuple((name.lower(), value) for name, value in target.headers)

    async def send(call: Call, timeout_s: float) -> Reply:
        method = channel.unary_unary(call.path)
        try:
            return Reply(await method(call.body, timeout=timeout_s, metadata=metadata))
        except grpc.aio.AioRpcError as error:
            raise _code(error, timeout_s) from error

    async with grpc.aio.insecure_channel(target.parts.netloc, options=_UNLIMITED) as channel:
        yield send


def _code(error: grpc.aio.AioRpcError, timeout_s: float) -> RequestFailed:
    code, details = error.code(), error.details() or ""
    match code:
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Rejected(code.name)
        case grpc.StatusCode.UNAVAILABLE:
            return Unreachable(details)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return TimedOut(timeout_s)
        case _:
            return Refused(code.name, details)
