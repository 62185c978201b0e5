"""The engine's socket: requests in, rows out, and what the engine is doing to whoever connects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

import structlog

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.errors import ModelFailure, RetrievalError
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.frames import Frame, FrameReader, Kind
from retrieval_predictor.wire.work import Rows, Run

log = structlog.get_logger(__name__)


class Engine(Protocol):
    """What a connection needs of the process behind it."""

    @property
    def state(self) -> dict[str, Any]:
        """What the engine is doing, as JSON values."""

    @property
    def load(self) -> Load:
        """What waits."""

    def submit(self, run: Run) -> Job:
        """Queue a request, or raise the error that answers it."""

    def stats(self) -> dict[str, Any]:
        """Live figures, as JSON values."""


class Connection(asyncio.Protocol):
    """One API worker. Its requests are dropped when it goes away."""

    def __init__(self, engine: Engine, connections: set[Connection]) -> None:
        self._engine = engine
        self._connections = connections
        self._reader = FrameReader()
        self._jobs: dict[int, Job] = {}
        self._transport: asyncio.Transport | None = None
        self._replies: list[bytes] = []
        self._handlers: dict[Kind, Callable[[Frame], None]] = {
            Kind.RUN: self._run,
            Kind.CANCEL: self._cancel,
            Kind.STATS: self._stats,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the newcomer what the engine is doing."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self.tell(self._engine.state, self._engine.load)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for these answers any more."""
        del exc
        self._connections.discard(self)
        self._transport = None
        for job in self._jobs.values():
            job.answer.cancel()

    def data_received(self, data: bytes) -> None:
        """Handle every frame that is now whole; a stream that is not ours is closed."""
        try:
            for frame in self._reader.feed(data):
                self._handlers[frame.kind](frame)
        except (ValueError, KeyError) as error:
            log.warning("bad_frame", cause=str(error))
            if self._transport is not None:
                self._transport.abort()

    def tell(self, state: dict[str, Any], load: Load) -> None:
        """Push what the engine is doing, and what waits."""
        self._send(frames.pack_state(state) + frames.pack_load(load))

    def _run(self, frame: Frame) -> None:
        run = frames.unpack_run(frame.payload)
        try:
            job = self._engine.submit(run)
        except Exception as error:  # noqa: BLE001  (one request's answer, not the connection's end)
            self._reply(frames.pack_fault(frame.request_id, _known(error)))
            return
        self._jobs[frame.request_id] = job
        job.answer.add_done_callback(partial(self._answer, frame.request_id))

    def _cancel(self, frame: Frame) -> None:
        job = self._jobs.get(frame.request_id)
        if job is not None:
            job.answer.cancel()

    def _stats(self, frame: Frame) -> None:
        self._send(frames.pack_stats(frame.request_id, self._engine.stats()))

    def _answer(self, request_id: int, answer: asyncio.Future[Rows]) -> None:
        self._jobs.pop(request_id, None)
        if answer.cancelled():
            return
        error = answer.exception()
        if error is None:
            self._reply(frames.pack_rows(request_id, answer.result()))
        else:
            self._reply(frames.pack_fault(request_id, _known(error)))

    def _reply(self, frame: bytes) -> None:
        """Answer with what else is answered in this turn of the loop: a batch is one write."""
        if not self._replies:
            asyncio.get_running_loop().call_soon(self._flush)
        self._replies.append(frame)

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.writelines([frames.pack_load(self._engine.load), *self._replies])
        self._replies.clear()

    def _send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)


def _known(error: BaseException) -> RetrievalError:
    """An error as the tree has it; one that is not ours is logged by its class and lines."""
    if isinstance(error, RetrievalError):
        return error
    log.error("engine_fault", exc_info=error)
    return ModelFailure(type(error).__name__)
