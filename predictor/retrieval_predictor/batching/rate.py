"""How fast the device has been draining the queue lately, and when it is no longer draining."""

from __future__ import annotations

_WEIGHT = 0.2
"""Share of the newest batch in the average: the last ten batches make 90 % of it."""

_LEAST_HANG_S = 30.0
_HANG_FACTOR = 20.0


class Rate:
    """A moving average of tokens per second over batches; 0 before the first one.

    A device with several slots computes as many batches side by side, each at a slot's rate.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._slot_tokens_per_s = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second of the device when all its slots compute."""
        return self._slots * self._slot_tokens_per_s

    def start_at(self, tokens_per_s: float) -> None:
        """What the whole device was measured to do before its first batch."""
        self._slot_tokens_per_s = tokens_per_s / self._slots

    def record(self, tokens: int, forward_s: float) -> None:
        """Take a finished batch into account."""
        rate = tokens / max(forward_s, 1e-9)
        weight = _WEIGHT if self._slot_tokens_per_s else 1.0
        self._slot_tokens_per_s += weight * (rate - self._slot_tokens_per_s)

    def hang_after_s(self, tokens: int) -> float | None:
        """When a batch of so many tokens hangs rather than takes long; None if nothing is known.

        Twenty times what it should take, and half a minute at least: a machine that is busy with
        something else is slower by less than that.
        """
        if not self._slot_tokens_per_s:
            return None
        return max(_LEAST_HANG_S, _HANG_FACTOR * tokens / self._slot_tokens_per_s)
