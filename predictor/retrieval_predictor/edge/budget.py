"""What one API worker may have in hand: so many requests, and so many bytes of them.

Bytes are counted as they come and not as they are announced, so a client that announces much and
sends little takes no room away. A budget that is not full takes a request of any size, or a large
one might never be answered: the most that is held is the budget and one request. Large requests
leave a quarter to small ones, so that a few clients that do not read their large answers do not
have everybody refused.
"""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, Self

from retrieval_predictor.errors import WorkerFull
from retrieval_predictor.telemetry import metrics

SMALL_BYTES = 1 << 16
"""What a request holds that is small: a thousand words, or the vectors of a few texts."""

_LARGE_SHARE = 0.75
"""Of the bytes, for requests that are not small."""


class Budget:
    """The requests and bytes of one worker, and what of them is taken."""

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self.requests = 0
        self.held_bytes = 0

    def refuse_requests(self) -> None:
        """Raise where there are too many requests, or no bytes are left for one.

        Raises:
            WorkerFull: With the numbers of what is held.
        """
        if self.requests > self._max_requests:
            self._refuse()
        self.refuse_bytes(0)

    def refuse_bytes(self, size_bytes: int) -> None:
        """Raise where no bytes are left for a request that would then hold so many.

        Raises:
            WorkerFull: With the numbers of what is held.
        """
        share = 1.0 if size_bytes <= SMALL_BYTES else _LARGE_SHARE
        if self.held_bytes >= share * self._max_bytes:
            self._refuse()

    def _refuse(self) -> NoReturn:
        metrics.rejected.labels(WorkerFull.code).inc()
        raise WorkerFull(self.requests, self.held_bytes, self._max_requests, self._max_bytes)


class Holding:
    """What one request holds of a budget, from its first byte to the end of its answer."""

    __slots__ = ("_budget", "_held_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def __enter__(self) -> Self:
        self._budget.requests += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._budget.requests -= 1
        self._budget.held_bytes -= self._held_bytes

    def open(self) -> None:
        """Let the request in, before anything of it is read.

        Raises:
            WorkerFull: The worker has as much in hand as it may.
        """
        self._budget.refuse_requests()

    def take(self, size_bytes: int) -> None:
        """Hold more bytes.

        Raises:
            WorkerFull: There is no room.
        """
        self._budget.refuse_bytes(self._held_bytes + size_bytes)
        self._budget.held_bytes += size_bytes
        self._held_bytes += size_bytes
