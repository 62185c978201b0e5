"""The engine's life: load, warm up, serve, drain; and its figures while it does."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from retrieval_predictor.engine.cores import usable_cores
from retrieval_predictor.engine.device import device_for, engine_cores
from retrieval_predictor.engine.limits import LimitsFile
from retrieval_predictor.engine.observer import EngineObserver
from retrieval_predictor.engine.opening import Folders, open_model
from retrieval_predictor.engine.scheduler.batcher import Batcher
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.engine.scheduler.results import NoResults, Results, RowCache
from retrieval_predictor.engine.server import Connection
from retrieval_predictor.engine.warmup import warm_up
from retrieval_predictor.errors import NotEnoughMemory, NotReady, OutOfDeviceMemory
from retrieval_predictor.runners.runner import Runner
from retrieval_predictor.runners.shortage import is_shortage
from retrieval_predictor.settings import Batching, Scoring, Settings
from retrieval_predictor.telemetry import metrics
from retrieval_predictor.telemetry.memory import trim
from retrieval_predictor.wire import processes
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.card import ModelCard, WarmUp
from retrieval_predictor.wire.frames import BEAT_S
from retrieval_predictor.wire.work import Run

log = structlog.get_logger(__name__)

_TRIM_S = 20.0


class Engine:
    """One model on one device, behind one socket."""

    def __init__(self, settings: Settings, folders: Folders) -> None:
        self._settings = settings
        self._folders = folders
        self._limits = LimitsFile(settings.limits_file, settings.batching)
        self._queue = Queue(*bounds_of(settings.batching))
        self._observer = EngineObserver(self._queue, settings)
        self._batcher: Batcher | None = None
        self._connections: set[Connection] = set()
        self._phase = "loading"
        self._card: ModelCard | None = None
        self._runner: Runner | None = None
        self._warm_up: WarmUp | None = None

    @property
    def state(self) -> dict[str, Any]:
        """See `retrieval_predictor.engine.server.Engine`."""
        return {
            "phase": self._phase,
            "card": dataclasses.asdict(self._card) if self._card else None,
            "warm_up": dataclasses.asdict(self._warm_up) if self._warm_up else None,
            "limits": self._limits.batching.model_dump(),
            "limits_problem": self._limits.problem,
        }

    @property
    def load(self) -> Load:
        """See `retrieval_predictor.engine.server.Engine`."""
        return self._queue.load(self._batcher.rate.tokens_per_s if self._batcher else 0.0)

    def stats(self) -> dict[str, Any]:
        """See `retrieval_predictor.engine.server.Engine`."""
        return {"phase": self._phase, **self._observer.figures()}

    def submit(self, run: Run) -> Job:
        """Queue a request.

        Raises:
            NotReady: The model is not warm yet.
            Overloaded: The queue is full.
        """
        if self._batcher is None:
            raise NotReady(self._phase)
        answer = asyncio.get_running_loop().create_future()
        job = Job(run, time.monotonic(), answer)
        self._batcher.submit(job)
        answer.add_done_callback(partial(self._observer.answered, job))
        return job

    async def serve(self, socket: Path) -> None:
        """Open the socket, load the model, then compute until cancelled.

        Raises:
            ExceptionGroup: Of a StartupError where the model cannot be served as configured, or of
                a DeviceLost where only a new process can go on.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(
            lambda: Connection(self, self._connections), path=str(socket)
        )
        async with server, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            tasks.create_task(_trim_memory())
            self._batcher = await self._started_or_told()
            self._enter("ready")
            processes.mark_ready(socket)
            await self._batcher.run()

    async def _started_or_told(self) -> Batcher:
        """A batcher over a model that is loaded and warm.

        Raises:
            NotEnoughMemory: There is no room for it; a neighbour's memory may come free, and until
                it does the reason is there to be read.
        """
        try:
            return await self._started()
        except Exception as error:
            if not (isinstance(error, OutOfDeviceMemory) or is_shortage(error)):
                raise
            device = "the GPU" if self._settings.gpu.count else "the machine"
            tokens = self._settings.batching.max_batch_tokens
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            raise NotEnoughMemory(self._phase, device, tokens, cause) from None

    async def _started(self) -> Batcher:
        """A batcher over a model that is loaded and warm."""
        cores = engine_cores(self._settings, usable_cores())
        loaded = await open_model(self._settings, self._folders, cores)
        self._card, self._runner = loaded.card, loaded.runner
        self._enter("warming up")
        device = device_for(loaded.runner, loaded.card, self._settings, usable_cores())
        self._warm_up = await warm_up(device, loaded.card, self._settings.batching)
        results = results_for(loaded.card, self._settings.cache_bytes)
        batcher = Batcher(self._queue, device, self._observer, time.monotonic, results)
        batcher.rate.start_at(
            self._warm_up.tokens, self._warm_up.forward_s, self._warm_up.overhead_tokens
        )
        self._observer.model_ready(loaded.card, device.slots if device.divides else 1)
        return batcher

    async def _beat(self) -> None:
        """Tell API workers every second that the engine lives; keep the gauges true meanwhile."""
        while True:
            self._reload_limits()
            self._follow_width()
            self._observer.refresh()
            self._observer.refresh_memory()
            self._tell()
            processes.beat(self._settings.runtime_dir, "engine")
            await asyncio.sleep(BEAT_S)

    def _reload_limits(self) -> None:
        if self._card is None:
            return
        if self._limits.look(self._card.max_input_tokens):
            batching = self._limits.batching
            self._queue.limit(*bounds_of(batching))
            log.info("limits", **batching.model_dump())
        metrics.limits_refused.set(self._limits.problem is not None)

    def _follow_width(self) -> None:
        """Say so where the model had to go on in another precision."""
        if self._card and self._runner and self._runner.precision != self._card.precision:
            before = self._card
            self._card = dataclasses.replace(before, precision=self._runner.precision)
            self._observer.model_changed(before, self._card)

    def drain(self) -> None:
        """Turn unready; work that still arrives is computed."""
        self._enter("draining")

    def _enter(self, phase: str) -> None:
        self._phase = phase
        log.info("engine", phase=phase)
        self._tell()

    def _tell(self) -> None:
        for connection in self._connections:
            connection.tell(self.state, self.load)


async def _trim_memory() -> None:
    """Keep what the process holds near what it uses; in a thread, as it takes some milliseconds."""
    while True:
        await asyncio.sleep(_TRIM_S)
        await asyncio.to_thread(trim)


def bounds_of(batching: Batching) -> tuple[Limits, int, float]:
    """What a batch may hold, the tokens that may wait, and how long those may take to compute.

    The last is infinity where only tokens are bounded.
    """
    wait_s = batching.max_queue_wait_milliseconds / 1000 or math.inf
    return limits_of(batching), batching.max_queue_tokens, wait_s


def limits_of(batching: Batching) -> Limits:
    """The settings of batching as the policy wants them."""
    return Limits(
        max_batch_tokens=batching.max_batch_tokens,
        max_batch_size=batching.max_batch_size,
        max_delay_s=batching.max_queue_delay_milliseconds / 1000,
    )


def results_for(card: ModelCard, max_bytes: int) -> Results:
    """A cache for models whose row follows from its own text; late interaction's does not."""
    if max_bytes and card.scoring != Scoring.LATE_INTERACTION.value:
        return RowCache(max_bytes)
    return NoResults()
