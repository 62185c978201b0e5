"""How fast the device has been draining the queue lately."""

from __future__ import annotations

_WEIGHT = 0.2
"""Share of the newest batch in the average: the last ten batches make 90 % of it."""


class Rate:
    """A moving average of tokens per second of device time; 0 before the first batch."""

    def __init__(self) -> None:
        self.tokens_per_s = 0.0

    def record(self, tokens: int, forward_s: float) -> None:
        """Take a finished batch into account."""
        rate = tokens / max(forward_s, 1e-9)
        weight = _WEIGHT if self.tokens_per_s else 1.0
        self.tokens_per_s += weight * (rate - self.tokens_per_s)
