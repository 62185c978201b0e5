"""Jobs that wait: two lanes, clients taking turns in each, each bounded in tokens.

A lane is bounded by what waits in it, because that is what a newcomer waits for: a long request
must not get queries refused. A request that finds its lane empty is taken whatever its size, and
a client with less than its share of a full lane is taken until the lane holds twice its bound, so
that one client's backlog does not get the others refused.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import replace

from retrieval_predictor.engine.scheduler.budget import Budget
from retrieval_predictor.engine.scheduler.job import Job, Lane
from retrieval_predictor.engine.scheduler.policy import Cut, Limits, Take, Wait, decide
from retrieval_predictor.engine.scheduler.turns import Turns
from retrieval_predictor.errors import DeadlineExceeded, Overloaded
from retrieval_predictor.wire.admission import Load, fits, retry_after_s
from retrieval_predictor.wire.work import Part

_SLACK = 64
"""Deadlines of jobs that were answered are swept out once they outnumber the others."""


_SMALL = 4
"""A batch below this part of its budget says little about how fast full ones are."""


class Queue:
    """Holds jobs until all their rows are in batches. Never awaits; the clock is an argument.

    `budget` is what a batch may hold now, which is at most what the limits say. `max_tokens` may
    wait in a lane; of queries no more than the device computes in `max_wait_s` together with the
    `computing_tokens` that it has now. `shares` batches, computed side by side, have the budget
    together.
    """

    def __init__(self, limits: Limits, max_tokens: int, max_wait_s: float = math.inf) -> None:
        self._limits = limits
        self._planned_batch_tokens = limits.max_batch_tokens
        self.budget = Budget(limits.max_batch_tokens)
        self.max_tokens = max_tokens
        self.max_wait_s = max_wait_s
        self.shares = 1
        self.computing_tokens = 0
        self._lanes = {lane: Turns() for lane in Lane}
        self._deadlines: list[tuple[float, int]] = []
        self._watched: dict[int, Job] = {}
        self._numbers = itertools.count()

    @property
    def max_batch_tokens(self) -> int:
        """What the limits say, whatever the device has had room for lately."""
        return self._planned_batch_tokens

    @property
    def tokens(self) -> int:
        """Tokens that wait, in both lanes."""
        return sum(lane.tokens for lane in self._lanes.values())

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def load(self, tokens_per_s: float) -> Load:
        """What waits, for those who decide whether to send more; the rate is the device's."""
        query, bulk = (self._lanes[lane].tokens for lane in Lane)
        query_bound, bulk_bound = (self.bound_tokens(lane, tokens_per_s) for lane in Lane)
        return Load(query, bulk, query_bound, bulk_bound, tokens_per_s)

    def bound_tokens(self, lane: Lane, tokens_per_s: float) -> int:
        """Tokens that may wait in a lane of a device with this rate; 0 where it is not known.

        Whoever sends documents in bulk waits for them anyway, so only queries have a time to keep.
        """
        if lane is Lane.BULK or not tokens_per_s:
            return self.max_tokens
        in_time = min(tokens_per_s * self.max_wait_s - self.computing_tokens, self.max_tokens)
        return max(int(in_time), 0)

    def is_idle(self, batch_tokens: int) -> bool:
        """Whether a batch of so many tokens was small because there was nothing more to compute."""
        return not self.tokens and _SMALL * batch_tokens * self.shares < self.budget.tokens

    def limit(self, limits: Limits, max_tokens: int, max_wait_s: float = math.inf) -> None:
        """Put other limits in force; what waits already stays. A new budget forgets failures."""
        if limits.max_batch_tokens != self._planned_batch_tokens:
            self._planned_batch_tokens = limits.max_batch_tokens
            self.budget = Budget(limits.max_batch_tokens)
        self._limits, self.max_tokens, self.max_wait_s = limits, max_tokens, max_wait_s

    def put(self, job: Job, drain_tokens_per_s: float) -> None:
        """Let a job wait.

        Raises:
            Overloaded: Its lane is full; says when it will not be, from the measured rate.
        """
        lane, asked = self._lanes[job.lane], job.run.encoded.tokens
        held = lane.tokens_of(job.run.client)
        bound = self.bound_tokens(job.lane, drain_tokens_per_s)
        if not fits(asked, held, lane.tokens, lane.clients, bound):
            retry_s = retry_after_s(asked, lane.tokens, bound, drain_tokens_per_s)
            raise Overloaded(asked, lane.tokens, bound, retry_s)
        lane.add(job)
        if job.run.deadline_s:
            self._watch_deadline(job)

    def next(self, now_s: float, free_shares: int = 1, tokens_per_s: float = 0.0) -> Take | Wait:
        """What to do with the shares of the device that are free, one at least.

        Callers whose deadline has passed are told so first. The rate is the whole device's.
        """
        self._expire(now_s)
        free = free_shares / self.shares
        tokens = max(int(self.budget.at(now_s) * free), 1)
        limits = replace(self._limits, max_batch_tokens=tokens)
        sliced = limits.at_rate(tokens_per_s * free, free_shares)
        return decide(self._lanes[Lane.QUERY], self._lanes[Lane.BULK], now_s, sliced)

    def take(self, cuts: tuple[Cut, ...], now_s: float) -> tuple[Part, ...]:
        """Hand the rows of a decision over; jobs with none left leave the queue."""
        parts = []
        for cut in cuts:
            part = cut.job.take(cut.rows, now_s)
            self._lanes[cut.job.lane].taken(cut.job, part.encoded.tokens)
            parts.append(part)
            if not cut.job.waits:
                self._watched.pop(cut.job.number, None)
        return tuple(parts)

    def clear(self) -> None:
        """Forget every job."""
        self._lanes = {lane: Turns() for lane in Lane}
        self._deadlines.clear()
        self._watched.clear()

    def drop(self, job: Job) -> None:
        """Forget a job that may still wait; nothing of it is kept, its deadline aside."""
        self._watched.pop(job.number, None)
        if job in self._lanes[job.lane]:
            self._lanes[job.lane].remove(job)

    def _watch_deadline(self, job: Job) -> None:
        job.number = next(self._numbers)
        self._watched[job.number] = job
        heapq.heappush(self._deadlines, (job.run.deadline_s, job.number))
        if len(self._deadlines) > 2 * len(self._watched) + _SLACK:
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._watched]
            heapq.heapify(self._deadlines)

    def _expire(self, now_s: float) -> None:
        """Drop jobs in order of deadline; ones that were answered before are passed over."""
        while self._deadlines and self._deadlines[0][0] <= now_s:
            _, number = heapq.heappop(self._deadlines)
            job = self._watched.pop(number, None)
            if job is not None and job.waits and not job.answer.done():
                self.drop(job)
                job.answer.set_exception(DeadlineExceeded(now_s - job.arrived_s))
