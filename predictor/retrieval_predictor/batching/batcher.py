"""The one loop between the queue and the device."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import structlog

from retrieval_predictor.batching.job import Job
from retrieval_predictor.batching.policy import Cut, Take
from retrieval_predictor.batching.portion import (
    Portion,
    batch_of,
    halves,
    rows_of,
    still_wanted,
)
from retrieval_predictor.batching.queue import Queue
from retrieval_predictor.batching.rate import Rate
from retrieval_predictor.batching.results import NoResults, Results
from retrieval_predictor.errors import (
    DeviceLost,
    ModelFailure,
    NonFinite,
    OutOfDeviceMemory,
    RetrievalError,
)
from retrieval_predictor.work import Batch, Floats, Rows

log = structlog.get_logger(__name__)

_NO_ROWS = np.empty((0, 0), dtype=np.float32)


class Device(Protocol):
    """Whatever computes a batch; one batch at a time."""

    async def run(self, batch: Batch) -> Floats:
        """One row a text, (N, width) float32, in the order of the batch.

        Raises:
            OutOfDeviceMemory: The batch does not fit; nothing of it is left on the device.
            DeviceLost: No further batch can succeed in this process.
        """


class Observer(Protocol):
    """Whoever wants to know what was computed."""

    def job_started(self, job: Job) -> None:
        """The first rows of a job left the queue."""

    def batch_done(self, batch: Batch, forward_s: float) -> None:
        """A batch came back after this long on the device."""

    def looked_up(self, hits: int, misses: int) -> None:
        """So many rows were known, and so many had to be computed."""

    def out_of_memory(self) -> None:
        """A batch did not fit."""


class Batcher:
    """Feeds the device whenever it is free, and gives each request its own rows back.

    `results` remembers rows, `rate` is what the device has been doing lately; whoever warmed it up
    records that first.
    """

    def __init__(
        self,
        queue: Queue,
        device: Device,
        observer: Observer,
        clock: Callable[[], float],
        results: Results | None = None,
    ) -> None:
        self._queue = queue
        self._device = device
        self._observer = observer
        self._clock = clock
        self._results = results or NoResults()
        self._arrival = asyncio.Event()
        self.rate = Rate()

    def submit(self, job: Job) -> None:
        """Queue a job; its `answer` resolves later, or at once where all its rows are known.

        Raises:
            Overloaded: The queue is full.
        """
        known = self._results.known(job.run.encoded)
        if known is not None:
            self._observer.looked_up(len(known), 0)
            job.answer.set_result(Rows(known, 0.0, 0.0))
            return
        self._queue.put(job, self.rate.tokens_per_s)
        job.answer.add_done_callback(lambda _: self._queue.drop(job))
        self._arrival.set()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DeviceLost: The device failed for good, or did not come back from a batch.
        """
        while True:
            decision = self._queue.next(self._clock())
            if isinstance(decision, Take):
                await self._compute(decision.cuts)
            else:
                await self._sleep(decision.until_s)

    async def _sleep(self, until_s: float) -> None:
        self._arrival.clear()
        timeout = None if math.isinf(until_s) else max(until_s - self._clock(), 0.0)
        try:
            await asyncio.wait_for(self._arrival.wait(), timeout)
        except TimeoutError:
            return

    async def _compute(self, cuts: tuple[Cut, ...]) -> None:
        """Compute a batch; one that fails is computed in halves, down to the text to blame."""
        parts = self._queue.take(cuts, self._clock())
        whole = tuple(Portion(cut.job, part) for cut, part in zip(cuts, parts, strict=True))
        for portion in whole:
            if portion.part.first == 0:
                self._observer.job_started(portion.job)
        pending = [whole]
        while pending:
            portions = still_wanted(pending.pop())
            if not portions:
                continue
            try:
                await self._attempt(portions)
            except DeviceLost:
                raise
            except Exception as error:  # noqa: BLE001  (whatever a model raises has one answer)
                pending += self._after(error, portions)

    async def _attempt(self, portions: tuple[Portion, ...]) -> None:
        started_s = self._clock()
        lookup = self._results.look_up(batch_of(portions))
        computed = await self._forward(lookup.missing) if lookup.missing.parts else _NO_ROWS
        self._observer.looked_up(lookup.hits, lookup.missing.size)
        _deliver(rows_of(portions, lookup.fill(computed)), self._clock() - started_s)

    async def _forward(self, batch: Batch) -> Floats:
        started_s = self._clock()
        patience_s = self.rate.hang_after_s(batch.tokens)
        try:
            async with asyncio.timeout(patience_s):
                rows = await self._device.run(batch)
        except OutOfDeviceMemory:
            self._queue.budget.shrink(batch.tokens, self._clock())
            self._observer.out_of_memory()
            raise
        except TimeoutError:
            raise DeviceLost(f"no answer to {batch.tokens} tokens in {patience_s:.0f} s") from None
        forward_s = self._clock() - started_s
        self.rate.record(batch.tokens, forward_s)
        self._observer.batch_done(batch, forward_s)
        return rows

    def _after(self, error: Exception, portions: tuple[Portion, ...]) -> list[tuple[Portion, ...]]:
        """What to try next, last first; a text that failed alone has its answer."""
        batch = batch_of(portions)
        log.warning(
            "forward_failed",
            texts=batch.size,
            tokens=batch.tokens,
            exc_info=None if isinstance(error, RetrievalError) or batch.size > 1 else error,
            cause=type(error).__name__,
        )
        if batch.size == 1:
            known = isinstance(error, RetrievalError)
            _fail(portions[0].job, error if known else ModelFailure(type(error).__name__))
            return []
        return list(reversed(halves(portions)))


def _fail(job: Job, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)


def _deliver(answers: list[tuple[Portion, Floats]], forward_s: float) -> None:
    """Give each job its rows; a job with a row that is not finite fails alone."""
    for portion, rows in answers:
        if np.isfinite(rows).all():
            portion.job.deliver(portion.part.first, rows, forward_s)
        else:
            _fail(portion.job, NonFinite())
