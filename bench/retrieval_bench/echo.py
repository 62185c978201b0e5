"""A server that computes nothing, to learn what the client costs: vectors made beforehand.

It answers any request with a fixed number of fixed rows, as OpenAI embeddings in floats, or in
base64 if the body asks for that, and costs less per request than the client does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, Literal, cast

import numpy as np
import orjson
import uvloop

from retrieval_bench.errors import ClientDied

_END_OF_HEADERS = b"\r\n\r\n"
_LENGTH = b"content-length:"


@contextlib.contextmanager
def echo(texts: int, dimensions: int) -> Iterator[tuple[int, int]]:
    """Port and PID of a server that answers every request with `texts` rows of `dimensions`.

    Raises:
        ClientDied: The process ended before it listened.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, texts, dimensions), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _port(ours, process), int(process.pid or 0)
    finally:
        process.kill()
        process.join()


def _port(child: Connection, process: Any) -> int:
    try:
        return int(child.recv())
    except (EOFError, OSError) as error:
        process.join()
        raise ClientDied(process.exitcode) from error


def _serve(parent: Connection, texts: int, dimensions: int) -> None:
    answers = (_answer(texts, dimensions, "float"), _answer(texts, dimensions, "base64"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_listen(parent, *answers))


async def _listen(parent: Connection, floats: bytes, encoded: bytes) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Echo(floats, encoded), "127.0.0.1", 0, backlog=4096)
    parent.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Echo(asyncio.Protocol):
    """Counts the bytes of requests and answers each; reads nothing of them but their length."""

    def __init__(self, floats: bytes, encoded: bytes) -> None:
        self._answers = (floats, encoded)
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END_OF_HEADERS)) >= 0:
            total = end + len(_END_OF_HEADERS) + _length(bytes(self._received[:end]))
            if len(self._received) < total:
                return
            is_encoded = self._received.find(b'"base64"', end, total) >= 0
            del self._received[:total]
            self._transport.write(self._answers[is_encoded])


def _length(head: bytes) -> int:
    start = head.lower().find(_LENGTH)
    return int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0]) if start >= 0 else 0


def _answer(texts: int, dimensions: int, encoding: Literal["float", "base64"]) -> bytes:
    vectors = np.random.default_rng(0).standard_normal((texts, dimensions)).astype("<f4")
    rows = [base64.b64encode(v).decode() if encoding == "base64" else v for v in vectors]
    data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
    body = orjson.dumps({"data": data}, option=orjson.OPT_SERIALIZE_NUMPY)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + _END_OF_HEADERS + body
