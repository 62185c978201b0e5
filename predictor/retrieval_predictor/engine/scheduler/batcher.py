"""The loops between the queue and the device: one a batch that the device takes at a time."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import structlog

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Take, Wait
from retrieval_predictor.engine.scheduler.portion import (
    Portion,
    batch_of,
    halves,
    passes_of,
    rows_of,
    shares,
    still_wanted,
)
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.engine.scheduler.rate import Line, Rate
from retrieval_predictor.engine.scheduler.results import NoResults, Results
from retrieval_predictor.errors import (
    DeviceLost,
    ModelFailure,
    NonFinite,
    NoTokens,
    OutOfDeviceMemory,
    RetrievalError,
)
from retrieval_predictor.wire.ragged import Ragged, all_finite, joined
from retrieval_predictor.wire.work import Batch, Floats, Passes, Rows

log = structlog.get_logger(__name__)

_NO_ROWS: Floats = np.empty((0, 0), dtype=np.float32)


class Device(Protocol):
    """Whatever computes batches: `slots` at a time.

    A device that divides, such as the cores of a CPU, computes a batch faster in parts: its slots
    share the tokens of a batch, and a short queue is spread over those that are free.
    """

    @property
    def slots(self) -> int:
        """Batches it takes at a time."""

    @property
    def divides(self) -> bool:
        """Whether a slot is a part of the device; else it is a place in line for all of it."""

    async def run(self, batch: Batch) -> Ragged:
        """One row a text, in the order of the batch.

        Raises:
            OutOfDeviceMemory: The batch does not fit; nothing of it is left on the device.
            DeviceLost: No further batch can succeed in this process.
        """


class Observer(Protocol):
    """Whoever wants to know what was computed."""

    def job_started(self, job: Job) -> None:
        """The first rows of a job left the queue."""

    def batch_started(self) -> None:
        """A batch went to the device."""

    def batch_ended(self) -> None:
        """A batch came back, or failed."""

    def batch_done(self, batch: Batch, forward_s: float) -> None:
        """A batch came back with its rows after this long on the device."""

    def looked_up(self, hits: int, misses: int) -> None:
        """So many rows were known, and so many had to be computed."""

    def out_of_memory(self) -> None:
        """A batch did not fit."""


LEAST_SHARE_TOKENS = 64
"""A batch is not spread in parts smaller than this: reading MiniLM's weights once costs a Zen 3
core as much as computing 28 tokens, so this costs a third more CPU time at the most."""


class Batcher:
    """Feeds the device whenever it has a slot free, and gives each request its own rows back.

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
        self._free_slots = device.slots
        self._ready: deque[tuple[Portion, ...]] = deque()
        self._unanswered: set[Job] = set()
        self._shares = device.slots if device.divides else 1
        self._queue.shares = self._shares
        self.rate = Rate(device.slots, self._shares)
        self._line = Line()

    def submit(self, job: Job) -> None:
        """Queue a job; its `answer` resolves later, or at once where all its rows are known.

        Raises:
            NoTokens: A text has none, so there is no row to compute; API workers refuse it before.
            Overloaded: The queue is full.
        """
        lengths = job.run.encoded.lengths
        if not lengths.all():
            raise NoTokens(int(lengths.argmin()))
        known = self._results.known(job.run.encoded)
        if known is not None:
            self._observer.looked_up(len(known), 0)
            job.answer.set_result(Rows(joined(known), 0.0, 0.0))
            return
        self._queue.put(job, self.rate.tokens_per_s)
        self._unanswered.add(job)
        job.answer.add_done_callback(lambda _: self._forget(job))
        self._arrival.set()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            DeviceLost: The device failed for good, or did not come back from a batch.
        """
        try:
            async with asyncio.TaskGroup() as slots:
                for _ in range(self._device.slots):
                    slots.create_task(self._serve())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _serve(self) -> None:
        """What one slot does."""
        while True:
            if not self._ready and (wait := self._schedule()):
                await self._sleep(wait.until_s)
                continue
            self._free_slots -= 1
            await self._compute(self._ready.popleft())
            self._free_slots += 1

    def _schedule(self) -> Wait | None:
        """Make the next batch ready, or say how long there is none.

        A fault of ours in here costs the requests that are held their answers, not the engine.
        """
        try:
            decision = self._next()
            if isinstance(decision, Wait):
                return decision
            self._spread(self._take(decision))
        except Exception:
            log.exception("scheduling_failed", requests=len(self._unanswered))
            self._start_over()
        return None if self._ready else Wait(math.inf)

    def _start_over(self) -> None:
        """Answer whatever is held with an error, and begin with an empty queue."""
        self._ready.clear()
        self._queue.clear()
        for job in tuple(self._unanswered):
            _fail(job, ModelFailure("scheduling"))

    def _forget(self, job: Job) -> None:
        self._unanswered.discard(job)
        self._queue.drop(job)

    def _next(self) -> Take | Wait:
        return self._queue.next(self._clock(), self._free_shares, self.rate.tokens_per_s)

    @property
    def _free_shares(self) -> int:
        return min(self._shares, self._free_slots)

    async def _sleep(self, until_s: float) -> None:
        self._arrival.clear()
        timeout = None if math.isinf(until_s) else max(until_s - self._clock(), 0.0)
        try:
            await asyncio.wait_for(self._arrival.wait(), timeout)
        except TimeoutError:
            return

    def _take(self, decision: Take) -> tuple[Portion, ...]:
        parts = self._queue.take(decision.cuts, self._clock())
        pairs = zip(decision.cuts, parts, strict=True)
        portions = tuple(Portion(cut.job, part) for cut, part in pairs)
        for portion in portions:
            if portion.part.first == 0:
                self._observer.job_started(portion.job)
        return portions

    def _spread(self, portions: tuple[Portion, ...]) -> None:
        """Make a batch ready to compute, in parts where slots of a device that divides are free."""
        for share in shares(portions, self._free_shares, LEAST_SHARE_TOKENS):
            self._make_ready(share)

    def _make_ready(self, portions: tuple[Portion, ...]) -> None:
        self._ready.append(portions)
        self._arrival.set()

    async def _compute(self, whole: tuple[Portion, ...]) -> None:
        """Compute a batch; one that fails is computed in halves, down to the text to blame."""
        pending = [whole]
        while pending:
            portions = self._not_computing(still_wanted(pending.pop()))
            if not portions:
                continue
            try:
                await self._attempt(portions)
            except DeviceLost:
                raise
            except Exception as error:  # noqa: BLE001  (whatever a model raises has one answer)
                pending += self._after(error, portions)

    async def _attempt(self, portions: tuple[Portion, ...]) -> None:
        lookup = self._results.look_up(batch_of(portions))
        try:
            computed = await self._forward(lookup.missing) if lookup.missing.parts else _NO_ROWS
            rows = lookup.fill(computed)
        finally:
            lookup.release()
        self._observer.looked_up(lookup.hits, lookup.missing.size)
        _deliver(rows_of(portions, rows), passes_of(lookup.missing), self._clock())

    def _not_computing(self, portions: tuple[Portion, ...]) -> tuple[Portion, ...]:
        """Those with no text that another slot computes now; the others come back after that."""
        free = []
        for portion in portions:
            again = partial(self._make_ready, (portion,))
            if not self._results.wait_for(portion.part.encoded, again):
                free.append(portion)
        return tuple(free)

    async def _forward(self, batch: Batch) -> Ragged:
        started_s = self._clock()
        patience_s = self.rate.hang_after_s(batch.tokens)
        before_s = self._line.change(+1, started_s)
        self._observer.batch_started()
        self._queue.computing_tokens += batch.tokens
        try:
            async with asyncio.timeout(patience_s):
                rows = await self._device.run(batch)
        except OutOfDeviceMemory:
            self._queue.budget.shrink(self._shares * batch.tokens, self._clock())
            self._observer.out_of_memory()
            raise
        except TimeoutError:
            raise DeviceLost(f"no answer to {batch.tokens} tokens in {patience_s:.0f} s") from None
        finally:
            ended_s = self._clock()
            shared_s = self._line.change(-1, ended_s) - before_s
            self._queue.computing_tokens -= batch.tokens
            self._observer.batch_ended()
        forward_s = ended_s - started_s
        if not self._queue.is_idle(batch.tokens):
            self.rate.record(batch.tokens, forward_s, shared_s)
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


def _deliver(answers: list[tuple[Portion, Ragged]], passes: Passes, now_s: float) -> None:
    """Give each job its rows; a job with a row that is not finite fails alone."""
    for portion, rows in answers:
        if all_finite(rows):
            portion.job.deliver(portion.part.first, rows, now_s, passes)
        else:
            _fail(portion.job, NonFinite())
