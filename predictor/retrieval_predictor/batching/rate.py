"""How fast the device has been draining the queue lately, and when it is no longer draining."""

from __future__ import annotations

_MEMORY = 0.8
"""What a batch leaves of the sums before it: the last ten batches make 90 % of them."""

_LEAST_HANG_S = 30.0
_HANG_FACTOR = 20.0


class Rate:
    """Tokens a second over the last batches; 0 before the first one.

    Long batches weigh more than short ones, so one full batch shows what a device does whose last
    batches were small. A device with several slots computes as many batches side by side, each at
    a slot's rate.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._tokens = 0.0
        self._seconds = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second of the device when all its slots compute."""
        return self._slots * self._tokens / self._seconds if self._seconds else 0.0

    def start_at(self, tokens: int, seconds: float) -> None:
        """What the whole device was measured to do before its first batch."""
        self._tokens, self._seconds = tokens / self._slots, seconds

    def record(self, tokens: int, forward_s: float) -> None:
        """Take a finished batch of one slot into account."""
        self._tokens = _MEMORY * self._tokens + tokens
        self._seconds = _MEMORY * self._seconds + max(forward_s, 1e-9)

    def hang_after_s(self, tokens: int) -> float | None:
        """When a batch of so many tokens hangs rather than takes long; None if nothing is known.

        Twenty times what it should take, and half a minute at least: a machine that is busy with
        something else is slower by less than that.
        """
        if not self._tokens:
            return None
        return max(_LEAST_HANG_S, _HANG_FACTOR * tokens * self._seconds / self._tokens)
