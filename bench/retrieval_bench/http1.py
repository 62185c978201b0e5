"""HTTP/1.1 with kept connections and little else, so that the client costs the machine little.

A client and a server often share a machine, and then what the client costs is missing from the
server. Made, sent and checked, a request costs half of what it costs with aiohttp (docs/bench.md).
llhttp, through httptools, parses answers, so bodies may come by length, in chunks, or up to the end
of the connection. There are no redirects, cookies, compression or retries.

Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult

import httptools

from retrieval_bench import __version__
from retrieval_bench.errors import Unreachable

KEEPALIVE_S = 4.0
"""Idle connections are dropped before uvicorn, which waits 5 s, closes them under a request."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pool:
    """As many connections to one server as there are requests in flight; close it at the end."""

    def __init__(self, parts: SplitResult, headers: tuple[tuple[str, str], ...] = ()) -> None:
        secure = parts.scheme == "https"
        self._name = parts.hostname or ""
        self._address = (self._name, parts.port or (443 if secure else 80))
        self._ssl = ssl.create_default_context() if secure else None
        own = (("Host", parts.netloc), ("User-Agent", f"retrieval-bench/{__version__}"))
        self._headers = _lines((*own, ("Accept", "*/*"), *headers))
        self._idle: list[tuple[float, _Connection]] = []

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Send a request on a kept connection, or on a new one, and return the answer.

        Raises:
            Unreachable: The connection could not be made, or ended before the answer did.
        """
        length = ("Content-Length", str(len(body)))
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._headers}{_lines((*headers.items(), length))}\r\n"
        )
        connection = self._kept() or await self._connect()
        try:
            response = await connection.exchange(head.encode("latin-1") + body)
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._idle.append((time.monotonic(), connection))
        else:  # the server said that it closes, and may take its time
            connection.close()
        return response

    def close(self) -> None:
        """Close the connections that are not in use."""
        for _, connection in self._idle:
            connection.close()
        self._idle.clear()

    def _kept(self) -> _Connection | None:
        """The connection used last, so that surplus ones grow old and are dropped."""
        while self._idle:
            since_s, connection = self._idle.pop()
            if connection.is_open and time.monotonic() - since_s < KEEPALIVE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        """A new connection; the first one's address serves all later ones, so names cost once."""
        host, port = self._address
        name = self._name if self._ssl else None
        try:
            transport, connection = await asyncio.get_running_loop().create_connection(
                _Connection, host, port, ssl=self._ssl, server_hostname=name
            )
        except OSError as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        self._address = transport.get_extra_info("peername")[:2]
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time; the `on_` methods are called by the parser."""

    def __init__(self) -> None:
        self.is_open = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Response] | None = None
        self._clear()

    async def exchange(self, request: bytes) -> Response:
        self._clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"answer is not HTTP: {error}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if exc is None and self._lasts_until_close():
            self.on_message_complete()
        self._fail(
            f"connection lost before the answer was complete: {exc or 'closed by the server'}"
        )

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.is_open = self.is_open and self._parser.should_keep_alive()
        if self._answer and not self._answer.done():
            self._answer.set_result(Response(self._status, self._headers, b"".join(self._body)))

    def _clear(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def _lasts_until_close(self) -> bool:
        framed = {"content-length", "transfer-encoding"} & self._headers.keys()
        return bool(self._status) and not framed

    def _fail(self, reason: str) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(Unreachable(reason))


def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)
