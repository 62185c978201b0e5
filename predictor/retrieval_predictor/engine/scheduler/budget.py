"""How many tokens a batch may hold: fewer after the device ran out of memory."""

from __future__ import annotations

_QUIET_S = 600.0
"""Memory may have run out because of a neighbour on the device, so more is tried again later."""


class Budget:
    """The planned tokens, halved by a failure and doubled after ten minutes without one."""

    def __init__(self, planned_tokens: int) -> None:
        self._planned_tokens = planned_tokens
        self._changed_s = 0.0
        self.tokens = planned_tokens

    def shrink(self, failed_tokens: int, now_s: float) -> None:
        """A batch of so many tokens did not fit: from now on half of that is tried at most."""
        self.tokens = min(self.tokens, max(failed_tokens // 2, 1))
        self._changed_s = now_s

    def at(self, now_s: float) -> int:
        """Tokens that a batch may hold now."""
        if self.tokens < self._planned_tokens and now_s - self._changed_s >= _QUIET_S:
            self.tokens = min(2 * self.tokens, self._planned_tokens)
            self._changed_s = now_s
        return self.tokens
