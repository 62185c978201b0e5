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
from retrieval_predictor.batching.queue import Queue
from retrieval_predictor.batching.rate import Rate
from retrieval_predictor.errors import ModelFailure, NonFinite, RetrievalError
from retrieval_predictor.work import Batch, Floats, Part

log = structlog.get_logger(__name__)


class Device(Protocol):
    """Whatever computes a batch; one batch at a time."""

    async def run(self, batch: Batch) -> Floats:
        """One row a text, (N, width) float32, in the order of the batch."""


class Observer(Protocol):
    """Whoever wants to know what was computed."""

    def batch_done(self, batch: Batch, jobs: tuple[Job, ...], forward_s: float) -> None:
        """A batch came back after this long on the device."""


class Batcher:
    """Feeds the device whenever it is free, and gives each request its own rows back."""

    def __init__(
        self, queue: Queue, device: Device, observer: Observer, clock: Callable[[], float]
    ) -> None:
        self._queue = queue
        self._device = device
        self._observer = observer
        self._clock = clock
        self._arrival = asyncio.Event()
        self._rate = Rate()

    def submit(self, job: Job) -> None:
        """Queue a job; its `answer` resolves later.

        Raises:
            Overloaded: The queue is full.
        """
        self._queue.put(job, self._rate.tokens_per_s)
        self._arrival.set()

    async def run(self) -> None:
        """Serve until cancelled."""
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
        parts = self._queue.take(cuts, self._clock())
        batch, jobs = Batch(parts), tuple(cut.job for cut in cuts)
        started_s = self._clock()
        try:
            rows = await self._device.run(batch)
        except RetrievalError as error:
            self._fail(jobs, error)
        except Exception as error:
            log.exception("forward_failed", texts=batch.size, tokens=batch.tokens)
            self._fail(jobs, ModelFailure(type(error).__name__))
        else:
            forward_s = self._clock() - started_s
            self._rate.record(batch.tokens, forward_s)
            self._observer.batch_done(batch, jobs, forward_s)
            _deliver(jobs, parts, rows, forward_s)

    def _fail(self, jobs: tuple[Job, ...], error: RetrievalError) -> None:
        for job in jobs:
            self._queue.drop(job)
            if not job.answer.done():
                job.answer.set_exception(error)


def _deliver(
    jobs: tuple[Job, ...], parts: tuple[Part, ...], rows: Floats, forward_s: float
) -> None:
    """Give each job its rows; a job with a row that is not finite fails alone."""
    start = 0
    for job, part in zip(jobs, parts, strict=True):
        own = rows[start : start + part.encoded.lengths.size]
        start += part.encoded.lengths.size
        if np.isfinite(own).all():
            job.deliver(part.first, own, forward_s)
        elif not job.answer.done():
            job.answer.set_exception(NonFinite())
