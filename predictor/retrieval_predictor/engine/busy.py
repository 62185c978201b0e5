"""How much of the device has been computing lately."""

from __future__ import annotations

from collections import deque

_WINDOW_S = 10.0


class Busy:
    """The share of the last ten seconds in which a device of `capacity` parts computed.

    Cores are parts: one of two busy all the time is a half. A GPU is whole: it is busy while any
    batch is on it, so its capacity is 1. Batches that still run count. The clock is an argument.
    """

    def __init__(self, capacity: int, now_s: float) -> None:
        self._capacity = capacity
        self._running = 0
        self._since_s = now_s
        self._spans: deque[tuple[float, float, float]] = deque()

    def change(self, by: int, now_s: float) -> None:
        """So many batches more, or fewer, are being computed from now on."""
        share = min(self._running, self._capacity) / self._capacity
        if share:
            self._spans.append((self._since_s, now_s, share))
        self._running += by
        self._since_s = now_s

    def ratio(self, now_s: float) -> float:
        """Between 0 and 1."""
        self.change(0, now_s)
        start_s = now_s - _WINDOW_S
        while self._spans and self._spans[0][1] <= start_s:
            self._spans.popleft()
        busy_s = sum(share * (end - max(begin, start_s)) for begin, end, share in self._spans)
        return min(busy_s / _WINDOW_S, 1.0)
