"""Jobs that wait: two lanes, first come first served in each, each bounded in tokens.

A lane is bounded by what waits in it, because that is what a newcomer waits for: a long request
must not get queries refused. A request that finds its lane empty is taken whatever its size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from retrieval_predictor.batching.job import Job, Lane
from retrieval_predictor.batching.policy import Cut, Limits, Take, Wait, decide
from retrieval_predictor.errors import DeadlineExceeded, Overloaded
from retrieval_predictor.work import Part

_LEAST_RETRY_S = 1.0


class Queue:
    """Holds jobs until all their rows are in batches. Never awaits; the clock is an argument."""

    def __init__(self, limits: Limits, max_tokens: int) -> None:
        self._limits = limits
        self._max_tokens = max_tokens
        self._lanes: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self._tokens = dict.fromkeys(Lane, 0)

    @property
    def tokens(self) -> int:
        """Tokens that wait, in both lanes."""
        return sum(self._tokens.values())

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[Job]:
        for lane in self._lanes.values():
            yield from lane

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
        self._lanes[job.lane].append(job)
        self._tokens[job.lane] += asked

    def next(self, now_s: float) -> Take | Wait:
        """What the device should do now; callers who stopped waiting are dropped first."""
        self._drop_abandoned(now_s)
        return decide(self._lanes[Lane.QUERY], self._lanes[Lane.BULK], now_s, self._limits)

    def take(self, cuts: tuple[Cut, ...], now_s: float) -> tuple[Part, ...]:
        """Hand the rows of a decision over; jobs with none left leave the queue."""
        parts = []
        for cut in cuts:
            part = cut.job.take(cut.rows, now_s)
            self._tokens[cut.job.lane] -= part.encoded.tokens
            parts.append(part)
        for lane, jobs in self._lanes.items():
            self._lanes[lane] = deque(job for job in jobs if job.waits)
        return tuple(parts)

    def drop(self, job: Job) -> None:
        """Forget a job that may still wait."""
        if job in self._lanes[job.lane]:
            self._lanes[job.lane].remove(job)
            self._tokens[job.lane] -= job.waiting_tokens

    def _drop_abandoned(self, now_s: float) -> None:
        for job in [job for job in self if job.answer.done() or job.has_expired(now_s)]:
            self.drop(job)
            if not job.answer.done():
                job.answer.set_exception(DeadlineExceeded(now_s - job.arrived_s))
