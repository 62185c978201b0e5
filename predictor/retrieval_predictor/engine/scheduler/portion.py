"""What one job has in a batch, and how a batch is cut: among free slots, or because it failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.wire.ragged import Ragged
from retrieval_predictor.wire.work import NO_PASSES, Batch, Part, Passes


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows of one job that share a forward pass with others."""

    job: Job
    part: Part

    @property
    def size(self) -> int:
        """Texts."""
        return int(self.part.encoded.lengths.size)


def batch_of(portions: tuple[Portion, ...]) -> Batch:
    """The portions as the device wants them."""
    return Batch(tuple(portion.part for portion in portions))


def passes_of(batch: Batch) -> Passes:
    """What it takes to compute a batch: one pass, or none where nothing is left to compute."""
    return Passes(1, batch.size, batch.tokens) if batch.parts else NO_PASSES


def still_wanted(portions: tuple[Portion, ...]) -> tuple[Portion, ...]:
    """Those whose caller still waits: not cancelled, not failed by another text of the request."""
    return tuple(portion for portion in portions if not portion.job.answer.done())


def halves(portions: tuple[Portion, ...]) -> tuple[tuple[Portion, ...], tuple[Portion, ...]]:
    """Two batches of half the texts each, in the same order, for two texts or more."""
    return _split(portions, sum(portion.size for portion in portions) // 2)


def shares(
    portions: tuple[Portion, ...], count: int, least_tokens: int
) -> list[tuple[Portion, ...]]:
    """At most `count` batches of about as many tokens each, in the same order.

    There are fewer where a share would have less than `least_tokens`, one share at least.
    """
    lengths = np.concatenate([portion.part.encoded.lengths for portion in portions])
    ends = np.cumsum(lengths)
    count = max(min(count, int(ends[-1]) // least_tokens), 1)
    marks = ends[-1] * np.arange(1, count) / count
    cuts = np.unique(np.searchsorted(ends, marks) + 1)
    made, taken = [], 0
    for cut in cuts[cuts < lengths.size].tolist():
        share, portions = _split(portions, cut - taken)
        made.append(share)
        taken = cut
    return [*made, portions]


def _split(
    portions: tuple[Portion, ...], left: int
) -> tuple[tuple[Portion, ...], tuple[Portion, ...]]:
    """The first `left` texts, and the others."""
    first: list[Portion] = []
    second: list[Portion] = []
    for portion in portions:
        rows = min(portion.size, left)
        left -= rows
        before, after = _cut(portion.part, rows)
        first += [Portion(portion.job, before)] if rows else []
        second += [Portion(portion.job, after)] if rows < portion.size else []
    return tuple(first), tuple(second)


def rows_of(portions: tuple[Portion, ...], rows: Ragged) -> list[tuple[Portion, Ragged]]:
    """Each portion with its own rows of the batch's."""
    pairs, start = [], 0
    for portion in portions:
        pairs.append((portion, rows[start : start + portion.size]))
        start += portion.size
    return pairs


def _cut(part: Part, rows: int) -> tuple[Part, Part]:
    encoded = part.encoded
    tokens = int(encoded.lengths[:rows].sum())
    before = encoded.of(slice(rows), slice(tokens))
    after = encoded.of(slice(rows, None), slice(tokens, None))
    return Part(before, part.first, part.reference), Part(after, part.first + rows, part.reference)
