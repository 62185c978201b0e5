"""One request while the engine holds it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from retrieval_predictor.wire.admission import QUERY_LANE_TOKENS
from retrieval_predictor.wire.ragged import Ragged, joined
from retrieval_predictor.wire.work import (
    NO_PASSES,
    Encoded,
    Floats,
    Outputs,
    Part,
    Passes,
    Reference,
    Rows,
    Run,
)

_NOTHING: Floats = np.empty(0, dtype=np.float32)


class Lane(IntEnum):
    """Short requests overtake long ones, within the bound of `policy.Limits`."""

    QUERY = 0
    BULK = 1


@dataclass(slots=True, eq=False)
class Job:
    """A request, how far it has been scheduled and which rows have come back.

    `next_row` is the first row that no batch holds yet and `served_s` the time a batch last took
    some; both move when a batch is taken. `answer` resolves once, with all rows or an error.
    `number` is the queue's, for those that have a deadline.
    """

    run: Run
    arrived_s: float
    answer: asyncio.Future[Rows]
    next_row: int = 0
    served_s: float = 0.0
    queue_s: float = 0.0
    passes: Passes = NO_PASSES
    number: int = -1
    reference: Reference = field(init=False)
    _starts: npt.NDArray[np.int64] = field(init=False)
    _rows: Ragged | None = None
    _missing: int = field(init=False)

    def __post_init__(self) -> None:
        lengths = self.run.encoded.lengths
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._missing = int(lengths.size)
        self.reference = Reference(self._between(0, 1))
        self.served_s = self.arrived_s

    @property
    def lane(self) -> Lane:
        """The lane this request waits in."""
        tokens = self.run.encoded.tokens
        return Lane.QUERY if tokens <= QUERY_LANE_TOKENS else Lane.BULK

    @property
    def size(self) -> int:
        """Texts of the request."""
        return int(self.run.encoded.lengths.size)

    @property
    def waiting_tokens(self) -> int:
        """Tokens that no batch holds yet."""
        return int(self._starts[-1] - self._starts[self.next_row])

    @property
    def waits(self) -> bool:
        """Whether rows are left to schedule."""
        return self.next_row < self.size

    def fitting(self, tokens: int, rows: int) -> int:
        """How many of the next rows fit in so many tokens and rows."""
        budget = self._starts[self.next_row] + tokens
        stop = int(np.searchsorted(self._starts, budget, side="right")) - 1
        return min(stop - self.next_row, rows)

    def tokens_of(self, rows: int) -> int:
        """Tokens of the next rows."""
        return int(self._starts[self.next_row + rows] - self._starts[self.next_row])

    def take(self, rows: int, now_s: float) -> Part:
        """Hand the next rows to a batch."""
        start, stop = self.next_row, self.next_row + rows
        if start == 0:
            self.queue_s = now_s - self.arrived_s
        self.next_row, self.served_s = stop, now_s
        return Part(self._between(start, stop), start, self.reference)

    def deliver(self, first: int, rows: Ragged, now_s: float, passes: Passes) -> None:
        """Take rows back from a batch; the last ones resolve the answer.

        `passes` is what it took to compute the batch: none where all its rows were known.

        Batches of a request may overlap, so its time beyond the queue runs from the first of them
        to the last row: the two parts always add up to the whole.
        """
        if self._rows is None:
            self._rows = self._room(rows[0].size)
        self._rows[first : first + len(rows)] = rows
        self._missing -= len(rows)
        self.passes = self.passes.joined(passes)
        if self._missing == 0 and not self.answer.done():
            forward_s = now_s - self.arrived_s - self.queue_s
            whole = joined(self._rows)
            self.answer.set_result(Rows(whole, self.queue_s, forward_s, self.passes))

    def _between(self, first: int, last: int) -> Encoded:
        tokens = slice(int(self._starts[first]), int(self._starts[last]))
        return self.run.encoded.of(slice(first, last), tokens)

    def _room(self, width: int) -> Ragged:
        """Where the rows of all texts go; only dense ones are all as long as the first."""
        if self.run.encoded.outputs == Outputs.DENSE:
            return np.empty((self.size, width), dtype=np.float32)
        return [_NOTHING] * self.size
