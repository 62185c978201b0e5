"""An API worker's end of the engine's socket: one connection, many requests at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog

from retrieval_predictor.errors import EngineLost, NotReady, Overloaded
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Gate
from retrieval_predictor.wire.frames import Frame, FrameReader, Kind
from retrieval_predictor.wire.work import Rows, Run

log = structlog.get_logger(__name__)

_RECONNECT_S = 0.1
SILENT_BEATS = 10
"""So many seconds without a word, while it should speak every second, and an engine is lost."""
_UNSENT_BYTES = 4 << 20
"""Frames that an engine has not read yet; whoever comes then waits before a frame is made."""
CONNECTING = "waiting for the engine"


class RemoteEngine:
    """The engine as an API worker sees it. It reconnects for as long as it is open."""

    def __init__(
        self, socket: Path, unpack: Callable[[memoryview], Any] = frames.unpack_rows
    ) -> None:
        self._socket = socket
        self._unpack = unpack
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._stream: Stream | None = None
        self._transport: asyncio.Transport | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._state: dict[str, Any] = {"phase": CONNECTING}
        self._heard = asyncio.Event()
        self._gate = Gate(time.monotonic)
        self._held_tokens = 0

    @property
    def phase(self) -> str:
        """What the engine is doing: loading, warming up, ready, draining, or waiting for it."""
        return str(self._state["phase"])

    @property
    def is_ready(self) -> bool:
        """Whether this pod should be sent requests."""
        return self.phase == "ready"

    @property
    def takes_work(self) -> bool:
        """Whether a request sent now would be computed; a draining engine still computes."""
        return self.phase in {"ready", "draining"}

    @property
    def outstanding_tokens(self) -> int:
        """Tokens that are ahead of a new request, as far as this worker can know."""
        return max(self._held_tokens, self._gate.waiting_tokens)

    @property
    def state(self) -> dict[str, Any]:
        """The last state the engine pushed, as JSON values."""
        return self._state

    @property
    def unsent_bytes(self) -> int:
        """Bytes of frames that the engine has not read."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def admit(self, tokens: int, client: int) -> None:
        """Let a request of about so many tokens pass, or refuse it before it costs more.

        Raises:
            Overloaded: The engine would refuse it.
        """
        self._gate.check(tokens, client)

    def open(self) -> None:
        """Start connecting; a second call does nothing."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected())

    async def heard(self, timeout_s: float) -> None:
        """Wait until the engine has said what it is doing, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), timeout_s)

    async def close(self) -> None:
        """Stop connecting; requests in flight fail."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        self._disconnected()

    async def run(self, run: Run) -> Rows:
        """One row a text.

        Raises:
            NotReady: The model is still loading, or there is no engine.
            EngineLost: The engine died, or fell silent, with the request on board.
            RetrievalError: Whatever the engine answered with.
        """
        await self._until_writable()
        tokens = run.encoded.tokens
        self._gate.sent(tokens)
        self._held_tokens += tokens
        try:
            rows: Rows = await self.ask(lambda request_id: frames.pack_run(request_id, run))
        except Overloaded:
            self._gate.refused(tokens, run.client)
            raise
        finally:
            self._held_tokens -= tokens
        return rows

    async def stats(self) -> dict[str, Any]:
        """The engine's live figures.

        Raises:
            NotReady: There is no engine to ask.
        """
        stats: dict[str, Any] = await self.ask(partial(frames.pack_stats, stats=None))
        return stats

    async def _until_writable(self) -> None:
        """Wait while the engine reads nothing, so that frames do not pile up in this worker."""
        stream = self._stream
        while stream is not None and not stream.writable.is_set():
            await stream.writable.wait()

    async def ask(self, pack: Callable[[int], bytes]) -> Any:
        """The answer to one frame, which is packed for the id that it gets.

        Raises:
            NotReady: There is no engine to ask.
            EngineLost: The engine died, or fell silent, with the request on board.
            RetrievalError: Whatever the engine answered with.
        """
        transport = self._transport
        if transport is None or self.phase == CONNECTING:
            raise NotReady(CONNECTING)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        request_id = next(self._ids)
        self._waiting[request_id] = answer
        transport.write(pack(request_id))
        try:
            return await answer
        except asyncio.CancelledError:
            transport.write(frames.pack_cancel(request_id))
            raise
        finally:
            self._waiting.pop(request_id, None)

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, protocol = await loop.create_unix_connection(
                    lambda: Stream(self._receive), path=str(self._socket)
                )
            except OSError:
                await asyncio.sleep(_RECONNECT_S)
                continue
            self._stream, self._transport = protocol, protocol.transport
            await until_lost(protocol)
            self._disconnected()

    def _disconnected(self) -> None:
        self._heard.clear()
        if self._transport is not None:
            self._transport.abort()
        if self._stream is not None:
            self._stream.writable.set()
        self._stream = self._transport = None
        self._state = {**self._state, "phase": CONNECTING}
        self._gate = Gate(time.monotonic)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(EngineLost())

    def _receive(self, frame: Frame) -> None:
        if frame.kind is Kind.LOAD:
            self._gate.told(frames.unpack_load(frame.payload))
            return
        if frame.kind is Kind.STATE:
            self._state = frames.unpack_json(frame.payload)
            self._heard.set()
            return
        answer = self._waiting.get(frame.request_id)
        if answer is None or answer.done():
            return
        match frame.kind:
            case Kind.ROWS:
                answer.set_result(self._unpack(frame.payload))
            case Kind.STATS:
                answer.set_result(frames.unpack_json(frame.payload))
            case Kind.FAULT:
                answer.set_exception(frames.unpack_fault(frame.payload))
            case _:
                raise ValueError(f"the engine sent a {frame.kind.name} frame")


class Stream(asyncio.Protocol):
    """Cuts the socket's bytes into frames. `heard` is set by every byte that comes.

    `writable` is set while the engine reads as fast as it is written to.
    """

    def __init__(self, receive: Callable[[Frame], None]) -> None:
        self._receive = receive
        self._reader = FrameReader()
        self.heard = False
        self.lost, self.writable = asyncio.Event(), asyncio.Event()
        self.writable.set()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_UNSENT_BYTES)

    def pause_writing(self) -> None:
        """The engine does not read as fast as it is written to."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It has read most of it."""
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine closed it, or died."""
        del exc
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        """Hand over every frame that is now whole."""
        self.heard = True
        for frame in self._reader.feed(data):
            self._receive(frame)


async def until_lost(stream: Stream) -> None:
    """Return when the connection is closed, or the engine has been silent for too long.

    Beats are counted, not seconds, so that a worker that was itself paused does not blame the
    engine for the time.
    """
    silent = 0
    while silent < SILENT_BEATS:
        stream.heard = False
        try:
            await asyncio.wait_for(stream.lost.wait(), frames.BEAT_S)
        except TimeoutError:
            silent = 0 if stream.heard else silent + 1
        else:
            return
    log.warning("engine_silent", for_s=SILENT_BEATS * frames.BEAT_S)
