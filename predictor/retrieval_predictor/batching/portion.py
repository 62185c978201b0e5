"""What one job has in a batch, and how a batch that failed is cut in two."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval_predictor.batching.job import Job
from retrieval_predictor.work import Batch, Encoded, Floats, Part


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


def still_wanted(portions: tuple[Portion, ...]) -> tuple[Portion, ...]:
    """Those whose caller still waits: not cancelled, not failed by another text of the request."""
    return tuple(portion for portion in portions if not portion.job.answer.done())


def halves(portions: tuple[Portion, ...]) -> tuple[tuple[Portion, ...], tuple[Portion, ...]]:
    """Two batches of half the texts each, in the same order, for two texts or more."""
    left = sum(portion.size for portion in portions) // 2
    first: list[Portion] = []
    second: list[Portion] = []
    for portion in portions:
        rows = min(portion.size, left)
        left -= rows
        before, after = _cut(portion.part, rows)
        first += [Portion(portion.job, before)] if rows else []
        second += [Portion(portion.job, after)] if rows < portion.size else []
    return tuple(first), tuple(second)


def rows_of(portions: tuple[Portion, ...], rows: Floats) -> list[tuple[Portion, Floats]]:
    """Each portion with its own rows of the batch's."""
    pairs, start = [], 0
    for portion in portions:
        pairs.append((portion, rows[start : start + portion.size]))
        start += portion.size
    return pairs


def _cut(part: Part, rows: int) -> tuple[Part, Part]:
    encoded = part.encoded
    tokens = int(encoded.lengths[:rows].sum())
    before = Encoded(encoded.ids[:tokens], encoded.lengths[:rows], encoded.segments[:rows])
    after = Encoded(encoded.ids[tokens:], encoded.lengths[rows:], encoded.segments[rows:])
    return Part(before, part.first, part.reference), Part(after, part.first + rows, part.reference)
