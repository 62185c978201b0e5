"""What the engine asks of whatever computes a batch."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from retrieval_predictor.wire.ragged import Ragged, joined
from retrieval_predictor.wire.work import Batch, Encoded, Floats, Part


class Runner(Protocol):
    """A model that computes batches; several threads may call it at a time."""

    @property
    def precision(self) -> str:
        """The number format it computes in now, as settings spell it."""

    @property
    def tokens_per_thread(self) -> int:
        """Fewer tokens than this do not feed a further CPU thread."""

    def run(self, batch: Batch, threads: int = 1) -> Ragged:
        """One row a text, in the order of the batch, on so many CPU threads.

        Raises:
            OutOfDeviceMemory: The batch does not fit; the memory it took is free again.
            DeviceLost: This process cannot use the device any more.
        """


class QueryRunner:
    """A runner for models that score a document by its request's query, the request's first row.

    A batch of later rows that comes before the query's vectors do, because both are computed at
    once or the first failed, gets the query as well; its row is computed and left out.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @property
    def precision(self) -> str:
        """See `Runner`."""
        return self._runner.precision

    @property
    def tokens_per_thread(self) -> int:
        """See `Runner`."""
        return self._runner.tokens_per_thread

    def run(self, batch: Batch, threads: int = 1) -> Floats:
        """See `Runner.run`; the rows have one length."""
        parts = tuple(map(_with_query, batch.parts))
        rows = joined(self._runner.run(Batch(parts), threads))
        asked = [
            np.arange(-added.encoded.lengths.size, 0) >= -part.encoded.lengths.size
            for part, added in zip(batch.parts, parts, strict=True)
        ]
        return rows[np.concatenate(asked)]


def _with_query(part: Part) -> Part:
    query, reference = part.reference.query, part.reference
    if part.first == 0 or reference.vectors is not None or query is None:
        return part
    after = part.encoded
    encoded = Encoded(
        np.concatenate([query.ids, after.ids]),
        np.concatenate([query.lengths, after.lengths]),
        np.concatenate([query.segments, after.segments]),
    )
    return Part(encoded, 0, reference)
