"""Decide what the device computes next, from facts alone.

The rule is greedy: a batch is whatever queued while the device was busy, up to the token budget.
Queries go first. Bulk requests fill what queries leave, and once one has waited `patience_s`
without progress it gets half of the budget, so a long request delays a query by one batch at most
and no stream of queries can starve it.

On a slow device a full batch takes seconds, and whoever comes meanwhile waits for it. So a batch is
a slice of about a quarter of a second: answers of a burst leave as they are ready, and not all at
its end. Bulk work makes a batch of queries longer by a fiftieth.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import chain

from retrieval_predictor.engine.scheduler.job import Job

SLICE_S = 0.25
"""A batch takes about this long, where the device's rate is known."""

FILLING_S = 0.02
"""Bulk work that fills a batch of queries makes it longer by about this."""

LEAST_SLICE_TOKENS = 256
"""A slice for a share of a device holds this many however slow it is: reading MiniLM's weights once
costs a Zen 3 core as much as computing 28 tokens, so slices cost a tenth more at the most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one forward pass may hold, and how long work may be made to wait.

    Beside queries it holds at most `max_filling_tokens` of bulk requests.
    """

    max_batch_tokens: int
    max_batch_size: int
    max_delay_s: float = 0.0
    patience_s: float = 0.25
    max_filling_tokens: int = sys.maxsize

    def at_rate(self, tokens_per_s: float, shares: int) -> Limits:
        """A slice for shares of a device that compute so many tokens a second; 0 is unknown."""
        if not tokens_per_s:
            return self
        slice_tokens = max(int(tokens_per_s * SLICE_S), LEAST_SLICE_TOKENS * shares)
        return replace(
            self,
            max_batch_tokens=min(self.max_batch_tokens, slice_tokens),
            max_filling_tokens=int(tokens_per_s * FILLING_S),
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """The next `rows` rows of a job."""

    job: Job
    rows: int


@dataclass(frozen=True, slots=True)
class Take:
    """Compute these now."""

    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to compute before this time; infinity where nothing waits."""

    until_s: float


def decide(
    queries: Collection[Job], bulk: Collection[Job], now_s: float, limits: Limits
) -> Take | Wait:
    """What the device should do now, given what waits in each lane in order of service.

    It looks at as many jobs of the query lane as fill a batch, and at every bulk request.
    """
    if not queries and not bulk:
        return Wait(math.inf)
    due_s = _due_s(chain(queries, bulk), limits) if limits.max_delay_s else now_s
    if now_s < due_s:
        return Wait(due_s)
    return Take(_fill(queries, bulk, now_s, limits))


def _due_s(waiting: Iterable[Job], limits: Limits) -> float:
    """When company has been waited for long enough; at once where a batch is full."""
    tokens, first_s = 0, math.inf
    for job in waiting:
        tokens += job.waiting_tokens
        first_s = min(first_s, job.arrived_s)
        if tokens >= limits.max_batch_tokens:
            return -math.inf
    return first_s + limits.max_delay_s


def _fill(
    queries: Collection[Job], bulk: Collection[Job], now_s: float, limits: Limits
) -> tuple[Cut, ...]:
    """Queries, then bulk requests."""
    reserved = _reserved(bulk, now_s, limits) if queries else _Room(0, 0)
    is_bulk_due = bool(reserved.rows or not queries)
    one_text = next(iter(bulk if is_bulk_due else queries)).tokens_of(1)
    # a text that is over the budget is computed alone
    whole = _Room(max(limits.max_batch_tokens, one_text), limits.max_batch_size)
    first, left = _cut(queries, whole.minus(reserved.tokens, reserved.rows))
    left = left.minus(-reserved.tokens, -reserved.rows)
    second, _ = _cut(bulk, left if is_bulk_due else left.at_most(limits.max_filling_tokens))
    return (*first, *second)


@dataclass(frozen=True, slots=True)
class _Room:
    """What is left of a batch."""

    tokens: int
    rows: int

    def minus(self, tokens: int, rows: int) -> _Room:
        return _Room(self.tokens - tokens, self.rows - rows)

    def at_most(self, tokens: int) -> _Room:
        return _Room(min(self.tokens, tokens), self.rows)


def _reserved(bulk: Collection[Job], now_s: float, limits: Limits) -> _Room:
    """Half of the batch, or one whole text, where a bulk request has waited too long."""
    if not bulk or now_s - min(job.served_s for job in bulk) < limits.patience_s:
        return _Room(0, 0)
    tokens = max(limits.max_batch_tokens // 2, next(iter(bulk)).tokens_of(1))
    return _Room(tokens, max(limits.max_batch_size // 2, 1))


def _cut(jobs: Iterable[Job], room: _Room) -> tuple[list[Cut], _Room]:
    """Rows from jobs in order until the first that does not fit, and what room is left."""
    cuts: list[Cut] = []
    for job in jobs:
        rows = job.fitting(room.tokens, room.rows)
        if rows <= 0:
            break
        cuts.append(Cut(job, rows))
        room = room.minus(job.tokens_of(rows), rows)
    return cuts, room
