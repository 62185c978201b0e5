"""A batcher over a device of the test's choice, its clock the loop's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import looptime
import numpy as np

from retrieval_predictor.engine.scheduler.batcher import Batcher
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.engine.scheduler.results import Results
from retrieval_predictor.wire.work import Batch, Floats, Run
from tests.support import make

T = TypeVar("T")


class EchoDevice:
    """Takes a second a batch and answers each text with its first id and its length."""

    def __init__(self, poison: int | None = None, *, slots: int = 1, divides: bool = True) -> None:
        self.slots = slots
        self.divides = divides
        self.batches: list[Batch] = []
        self._poison = poison

    async def run(self, batch: Batch) -> Floats:
        self.batches.append(batch)
        await asyncio.sleep(1.0)
        return self.answer(batch)

    def answer(self, batch: Batch) -> Floats:
        """A row a text: its first id and its length."""
        rows = []
        for part in batch.parts:
            starts = np.concatenate([[0], np.cumsum(part.encoded.lengths)])[:-1]
            first = part.encoded.ids[starts].astype(np.float32)
            rows.append(np.stack([first, part.encoded.lengths.astype(np.float32)], axis=1))
        answer = np.concatenate(rows)
        if self._poison is not None:
            answer[answer[:, 0] == self._poison] = np.nan
        return answer


class CountingObserver:
    """Counts what the batcher says."""

    def __init__(self) -> None:
        self.started: list[Job] = []
        self.computed_tokens = 0
        self.out_of_memory_count = 0
        self.hits = 0
        self.misses = 0
        self.running = 0
        self.most_running = 0

    def batch_started(self) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)

    def batch_ended(self) -> None:
        self.running -= 1

    def job_started(self, job: Job) -> None:
        self.started.append(job)

    def batch_done(self, batch: Batch, forward_s: float) -> None:
        del forward_s
        self.computed_tokens += batch.tokens

    def looked_up(self, hits: int, misses: int) -> None:
        self.hits += hits
        self.misses += misses

    def out_of_memory(self) -> None:
        self.out_of_memory_count += 1


class Bench:
    """A batcher under test."""

    def __init__(self, device: Any, results: Results | None = None, **limits: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.device = device
        self.observer = CountingObserver()
        self.queue = Queue(Limits(**{"max_batch_tokens": 64, "max_batch_size": 8, **limits}), 10**6)
        self.batcher = Batcher(self.queue, device, self.observer, self.loop.time, results)
        self.task = asyncio.create_task(self.batcher.run())

    def submit(self, texts: list[list[int]], deadline_s: float = 0.0) -> Job:
        run = Run(make.rows_of(texts), deadline_s)
        job = Job(run, self.loop.time(), self.loop.create_future())
        self.batcher.submit(job)
        return job


@asynccontextmanager
async def benches() -> AsyncIterator[Callable[..., Bench]]:
    """Makes benches, and stops them at the end."""
    made: list[Bench] = []

    def make_bench(device: Any = None, results: Results | None = None, **limits: Any) -> Bench:
        made.append(Bench(device or EchoDevice(), results, **limits))
        return made[-1]

    yield make_bench
    for one in made:
        one.task.cancel()


def in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it on a loop of its own whose sleeps cost nothing; for tests that hypothesis calls."""
    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        return runner.run(coroutine)
