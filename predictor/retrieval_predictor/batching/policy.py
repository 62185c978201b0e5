"""Decide what the device computes next, from facts alone.

The rule is greedy: a batch is whatever queued while the device was busy, up to the token budget.
Queries go first. Bulk requests fill what queries leave, and once one has waited `patience_s`
without progress it gets half of the budget, so a long request delays a query by one batch at most
and no stream of queries can starve it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from retrieval_predictor.batching.job import Job


@dataclass(frozen=True, slots=True)
class Limits:
    """What one forward pass may hold, and how long work may be made to wait."""

    max_batch_tokens: int
    max_batch_size: int
    max_delay_s: float = 0.0
    patience_s: float = 0.25


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
    """What the device should do now, given what waits in each lane in order of arrival."""
    heads = [next(iter(lane)).arrived_s for lane in (queries, bulk) if lane]
    if not heads:
        return Wait(math.inf)
    due_s = min(heads) + limits.max_delay_s
    if now_s < due_s and not _is_full((*queries, *bulk), limits):
        return Wait(due_s)
    return Take(_fill(queries, bulk, now_s, limits))


def _is_full(waiting: Collection[Job], limits: Limits) -> bool:
    return sum(job.waiting_tokens for job in waiting) >= limits.max_batch_tokens


def _fill(
    queries: Collection[Job], bulk: Collection[Job], now_s: float, limits: Limits
) -> tuple[Cut, ...]:
    """Queries, then bulk requests in turn, least recently served first."""
    in_turn = sorted(bulk, key=lambda job: job.served_s)
    reserved = _reserved(in_turn, now_s, limits) if queries else _Room(0, 0)
    due = in_turn if reserved.rows or not queries else queries
    one_text = next(iter(due)).tokens_of(1)  # computed alone where it is over the budget
    whole = _Room(max(limits.max_batch_tokens, one_text), limits.max_batch_size)
    first, left = _cut(queries, whole.minus(reserved.tokens, reserved.rows))
    second, _ = _cut(in_turn, left.minus(-reserved.tokens, -reserved.rows))
    return (*first, *second)


@dataclass(frozen=True, slots=True)
class _Room:
    """What is left of a batch."""

    tokens: int
    rows: int

    def minus(self, tokens: int, rows: int) -> _Room:
        return _Room(self.tokens - tokens, self.rows - rows)


def _reserved(bulk: Sequence[Job], now_s: float, limits: Limits) -> _Room:
    """Half of the batch, or one whole text, for a bulk request that has waited too long."""
    if not bulk or now_s - bulk[0].served_s < limits.patience_s:
        return _Room(0, 0)
    tokens = max(limits.max_batch_tokens // 2, bulk[0].tokens_of(1))
    return _Room(tokens, max(limits.max_batch_size // 2, 1))


def _cut(jobs: Collection[Job], room: _Room) -> tuple[list[Cut], _Room]:
    """Rows from jobs in order until the first that does not fit, and what room is left."""
    cuts: list[Cut] = []
    for job in jobs:
        rows = job.fitting(room.tokens, room.rows)
        if rows <= 0:
            break
        cuts.append(Cut(job, rows))
        room = room.minus(job.tokens_of(rows), rows)
    return cuts, room
