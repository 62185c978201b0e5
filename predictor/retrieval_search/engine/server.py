"""The socket of the index process: queries in, rows out, its state to whoever connects."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Protocol, cast

import structlog

from retrieval_predictor.errors import ModelFailure, RetrievalError
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.frames import Frame, FrameReader, Kind
from retrieval_search.asks import Ask, Found, pack_found, unpack_ask

log = structlog.get_logger(__name__)


class Engine(Protocol):
    """What a connection needs of the process behind it."""

    @property
    def state(self) -> dict[str, Any]:
        """What the process is doing, as JSON values."""

    def submit(self, ask: Ask) -> asyncio.Future[Found]:
        """Queue a query, or raise the error that answers it."""


class Connection(asyncio.Protocol):
    """One API worker. Its queries are dropped when it goes away."""

    def __init__(self, engine: Engine, connections: set[Connection]) -> None:
        self._engine = engine
        self._connections = connections
        self._reader = FrameReader()
        self._answers: dict[int, asyncio.Future[Found]] = {}
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the newcomer what the process is doing."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self.tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for these answers any more."""
        del exc
        self._connections.discard(self)
        self._transport = None
        for answer in self._answers.values():
            answer.cancel()

    def data_received(self, data: bytes) -> None:
        """Handle every frame that is now whole; a stream that is not ours is closed."""
        try:
            for frame in self._reader.feed(data):
                self._handle(frame)
        except ValueError as error:
            log.warning("bad_frame", cause=str(error))
            if self._transport is not None:
                self._transport.abort()

    def tell(self) -> None:
        """Push what the process is doing."""
        self._send(frames.pack_state(self._engine.state))

    def _handle(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.RUN:
                self._run(frame)
            case Kind.CANCEL:
                if (answer := self._answers.get(frame.request_id)) is not None:
                    answer.cancel()
            case Kind.STATS:
                self._send(frames.pack_stats(frame.request_id, self._engine.state))
            case _:
                raise ValueError(f"an API worker sent a {frame.kind.name} frame")

    def _run(self, frame: Frame) -> None:
        try:
            answer = self._engine.submit(unpack_ask(frame.payload))
        except RetrievalError as error:
            self._send(frames.pack_fault(frame.request_id, error))
            return
        self._answers[frame.request_id] = answer
        answer.add_done_callback(partial(self._answer, frame.request_id))

    def _answer(self, request_id: int, answer: asyncio.Future[Found]) -> None:
        self._answers.pop(request_id, None)
        if answer.cancelled():
            return
        error = answer.exception()
        if error is None:
            self._send(pack_found(request_id, answer.result()))
            return
        if not isinstance(error, RetrievalError):
            log.error("search_failed", exc_info=error)
            error = ModelFailure(repr(error))
        self._send(frames.pack_fault(request_id, error))

    def _send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)
