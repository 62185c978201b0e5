"""Queries come together while every core is busy: none waits for company.

A core that gets free takes its share of what waits. So a lone query starts at once, and under load
batches grow by themselves up to where matrices are multiplied well.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from retrieval_predictor.errors import DeadlineExceeded, RetrievalError
from retrieval_search import metrics
from retrieval_search.asks import Ask, Found
from retrieval_search.errors import TooManyQueries

Answers = Sequence[Found | RetrievalError]

_LEARNING = 0.2
"""Share of the newest batch in the measured rate."""

_ALWAYS = 64
"""So many may wait before any rate is known, and however slow the index is."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A query in the queue."""

    ask: Ask
    answer: asyncio.Future[Found]
    since_s: float


@dataclass(frozen=True, slots=True)
class Searched:
    """A batch that a core is done with."""

    answers: Answers
    started_s: float
    taken_s: float


def share(waiting: int, free: int, most: int) -> int:
    """How many of the waiting queries a core takes when so many cores are free."""
    return min(most, -(-waiting // max(free, 1)))


def places(rate_per_s: float, wait_s: float) -> float:
    """How many may wait so that the last is answered in time; 0 seconds is no bound."""
    return float("inf") if wait_s == 0 else max(rate_per_s * wait_s, _ALWAYS)


class Gathering:
    """The queue before the cores; it lives on one event loop."""

    def __init__(
        self, search: Callable[[Sequence[Ask]], Answers], cores: int, most: int, wait_s: float
    ) -> None:
        self._search = search
        self._most = most
        self._wait_s = wait_s
        self._cores = self._free = cores
        self._rate_per_s = 0.0
        self._waiting: deque[Waiting] = deque()
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="search")

    @property
    def waiting(self) -> int:
        """Queries that no core has taken yet."""
        return len(self._waiting)

    @property
    def rate_per_s(self) -> float:
        """Queries that all cores together answer in a second, as measured."""
        return self._rate_per_s

    def submit(self, ask: Ask) -> asyncio.Future[Found]:
        """Queue a query.

        Raises:
            TooManyQueries: It would not be answered in time.
        """
        limit = places(self._rate_per_s, self._wait_s)
        if self.waiting >= limit:
            retry_s = self.waiting / max(self._rate_per_s, 1.0) - self._wait_s
            raise TooManyQueries(1, self.waiting, int(limit), max(retry_s, 1.0))
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._feed)  # what arrives in this turn of the loop goes together
        one = Waiting(ask, loop.create_future(), time.monotonic())
        self._waiting.append(one)
        return one.answer

    def _feed(self) -> None:
        while self._free and (batch := self._take()):
            self._free -= 1
            work = asyncio.get_running_loop().run_in_executor(self._pool, self._run, batch)
            work.add_done_callback(partial(self._done, batch))
        metrics.waiting.set(self.waiting)

    def _take(self) -> list[Waiting]:
        batch: list[Waiting] = []
        count = share(self.waiting, self._free, self._most)
        while self._waiting and len(batch) < count:
            one = self._waiting.popleft()
            if _is_wanted(one):
                batch.append(one)
        return batch

    def _run(self, batch: Sequence[Waiting]) -> Searched:
        started_s = time.monotonic()
        answers = self._search([one.ask for one in batch])
        return Searched(answers, started_s, time.monotonic() - started_s)

    def _done(self, batch: Sequence[Waiting], done: asyncio.Future[Searched]) -> None:
        self._free += 1
        if (error := done.exception()) is not None:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            searched = done.result()
            self._learn(len(batch), searched.taken_s)
            for one, answer in zip(batch, searched.answers, strict=True):
                _answer(one, answer, searched.started_s, len(batch))
        self._feed()

    def _learn(self, count: int, taken_s: float) -> None:
        rate_per_s = self._cores * count / max(taken_s, 1e-6)
        part = _LEARNING if self._rate_per_s else 1.0
        self._rate_per_s += part * (rate_per_s - self._rate_per_s)
        metrics.batch_size.observe(count)


def _is_wanted(one: Waiting) -> bool:
    """Whether anybody still waits for the answer; who ran out of time is told so."""
    if one.answer.done():
        return False
    now_s = time.monotonic()
    if one.ask.deadline_s and now_s > one.ask.deadline_s:
        one.answer.set_exception(DeadlineExceeded(now_s - one.since_s))
        return False
    return True


def _answer(one: Waiting, answer: Found | RetrievalError, started_s: float, batch: int) -> None:
    if one.answer.done():
        return
    if isinstance(answer, RetrievalError):
        one.answer.set_exception(answer)
        return
    queue_s = max(started_s - one.since_s, 0.0)
    one.answer.set_result(replace(answer, queue_s=queue_s, batch=batch))
