"""A connection that knows how long its client has been keeping it waiting.

uvicorn gives a client any time and any space for a request's head, and any time to read its answer.
Nothing is timed while a connection is used: who keeps the server waiting is looked for once a
second.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_UNREAD_BYTES = 1 << 14
"""Of an answer that is written faster than it is read; the rest waits to be made."""

_HEAD_BYTES = 1 << 16
"""Path and headers of one request, together."""

_TOO_LARGE, _TOO_SLOW = b"431 Request Header Fields Too Large", b"408 Request Timeout"


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with bounds on what it waits for and on what waits in it."""

    head_since_s: float | None = None
    _head_bytes = 0
    _unread_since_s: float | None = None
    _unread_of: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that connects and says nothing is let go as one that has nothing more to say."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_UNREAD_BYTES)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        """Time a head from its first byte, and measure what has come of it."""
        if self.head_since_s is None and (self.cycle is None or self.cycle.response_complete):
            self.head_since_s, self._head_bytes = self.loop.time(), 0
        super().data_received(data)
        if self.head_since_s is not None:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._refuse(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self.head_since_s = None
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes as one behind the body (RFC 9110, 6.5) is let go."""
        if self.head_since_s is not None or self.cycle is None or self.cycle.response_complete:
            super().on_header(name, value)

    def look(self, head_timeout_s: float, answer_timeout_s: float) -> None:
        """Let the client go when it has kept this connection waiting for too long."""
        now_s = self.loop.time()
        if self.head_since_s is not None and now_s - self.head_since_s > head_timeout_s:
            self._refuse(_TOO_SLOW)
        elif self._unread_s(now_s) > answer_timeout_s:
            self.transport.abort()

    def _unread_s(self, now_s: float) -> float:
        """For how long the client has not read all of the present answer."""
        if not self.transport.get_write_buffer_size():
            self._unread_since_s = None
            return 0.0
        if self._unread_since_s is None or self._unread_of is not self.cycle:
            self._unread_since_s, self._unread_of = now_s, self.cycle
        return now_s - self._unread_since_s

    def _refuse(self, status: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
        self.transport.write(head)
        self.transport.close()


async def let_slow_clients_go(
    connections: set[Any], head_timeout_s: float, answer_timeout_s: float
) -> None:
    """Look at every connection once a second, for ever."""
    while True:
        await asyncio.sleep(1.0)
        for connection in tuple(connections):
            connection.look(head_timeout_s, answer_timeout_s)
