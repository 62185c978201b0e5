"""Jobs that wait: two lanes, first come first served in each, each bounded in tokens.

A lane is bounded by what waits in it, because that is what a newcomer waits for: a long request
must not get queries refused. A request that finds its lane empty is taken whatever its size.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

from retrieval_predictor.batching.budget import Budget
from retrieval_predictor.batching.job import Job, Lane
from retrieval_predictor.batching.policy import Cut, Limits, Take, Wait, decide
from retrieval_predictor.errors import DeadlineExceeded, Overloaded
from retrieval_predictor.work import Part

_LEAST_RETRY_S = 1.0
_SLACK = 64
"""Deadlines of jobs that have left the queue are swept out once they outnumber the others."""


class Queue:
    """Holds jobs until all their rows are in batches. Never awaits; the clock is an argument.

    `budget` is what a batch may hold now, which is at most what the limits say.
    """

    def __init__(self, limits: Limits, max_tokens: int) -> None:
        self._limits = limits
        self.budget = Budget(limits.max_batch_tokens)
        self._max_tokens = max_tokens
        self._lanes: dict[Lane, dict[Job, None]] = {lane: {} for lane in Lane}
        self._tokens = dict.fromkeys(Lane, 0)
        self._deadlines: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()

    @property
    def tokens(self) -> int:
        """Tokens that wait, in both lanes."""
        return sum(self._tokens.values())

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, job: Job, drain_tokens_per_s: float) -> None:
        """Let a job wait.

        Raises:
            Overloaded: Its lane is full; says when it will not be, from the measured rate.
        """
        asked, waiting = job.run.encoded.tokens, self._tokens[job.lane]
        over = waiting + asked - self._max_tokens
        if waiting and over > 0:
            retry_s = max(over / max(drain_tokens_per_s, 1.0), _LEAST_RETRY_S)
            raise Overloaded(asked, waiting, self._max_tokens, retry_s)
        self._lanes[job.lane][job] = None
        self._tokens[job.lane] += asked
        if job.run.deadline_s:
            self._watch_deadline(job)

    def next(self, now_s: float) -> Take | Wait:
        """What the device should do now; callers whose deadline has passed are told so first."""
        self._expire(now_s)
        tokens = self.budget.at(now_s)
        if tokens != self._limits.max_batch_tokens:
            self._limits = replace(self._limits, max_batch_tokens=tokens)
        return decide(self._lanes[Lane.QUERY], self._lanes[Lane.BULK], now_s, self._limits)

    def take(self, cuts: tuple[Cut, ...], now_s: float) -> tuple[Part, ...]:
        """Hand the rows of a decision over; jobs with none left leave the queue."""
        parts = []
        for cut in cuts:
            part = cut.job.take(cut.rows, now_s)
            self._tokens[cut.job.lane] -= part.encoded.tokens
            if not cut.job.waits:
                del self._lanes[cut.job.lane][cut.job]
            parts.append(part)
        return tuple(parts)

    def drop(self, job: Job) -> None:
        """Forget a job that may still wait."""
        if job in self._lanes[job.lane]:
            del self._lanes[job.lane][job]
            self._tokens[job.lane] -= job.waiting_tokens

    def _watch_deadline(self, job: Job) -> None:
        heapq.heappush(self._deadlines, (job.run.deadline_s, next(self._numbers), job))
        if len(self._deadlines) > 2 * len(self) + _SLACK:
            self._deadlines = [entry for entry in self._deadlines if entry[2].waits]
            heapq.heapify(self._deadlines)

    def _expire(self, now_s: float) -> None:
        """Drop jobs in order of deadline; ones that left the queue before are passed over."""
        while self._deadlines and self._deadlines[0][0] <= now_s:
            _, _, job = heapq.heappop(self._deadlines)
            if job.waits and not job.answer.done():
                self.drop(job)
                job.answer.set_exception(DeadlineExceeded(now_s - job.arrived_s))
