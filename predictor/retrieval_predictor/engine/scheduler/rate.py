"""How fast the device has been draining the queue lately, and when it is no longer draining."""

from __future__ import annotations

_HALF_LIFE_S = 2.0
"""Computing that lies this far back weighs half: a second in which a burst of requests costs the
device its CPU is not taken for its pace, and a neighbour that stays is."""

_LEAST_HANG_S = 30.0
_HANG_FACTOR = 20.0


class Line:
    """The batches that are on a device, each of which has its equal part of it.

    What a batch had of the device's time is what `change` gave when it left, less what it gave when
    it came (Demers, Keshav and Shenker, SIGCOMM 1989, section 2).
    """

    def __init__(self) -> None:
        self._running = 0
        self._changed_s = 0.0
        self._shared_s = 0.0

    def change(self, by: int, now_s: float) -> float:
        """So many more are on it from now on; gives the time that each could have had by now."""
        if self._running:
            self._shared_s += (now_s - self._changed_s) / self._running
        self._running += by
        self._changed_s = now_s
        return self._shared_s


class Rate:
    """Tokens a second of a device with enough to do; 0 before the first batch.

    A batch takes as long as its tokens and `overhead_tokens` more, which stand for what it costs
    whatever it holds: reading the weights, starting kernels. So small batches tell how fast full
    ones would be, and a queue that has just begun to fill is not taken for a slow device. The slots
    of a device that divides are parts of it, and a full batch is cut into `shares`, one for each;
    a batch in line with others on one that does not has the device for its part of the time.
    """

    def __init__(self, slots: int, shares: int) -> None:
        self._slots = slots
        self._shares = shares
        self._overhead_tokens = 0.0
        self._full_share = 1.0
        self._tokens = 0.0
        self._seconds = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second of the device when all its slots compute full batches."""
        if not self._seconds:
            return 0.0
        return self._full_share * self._tokens / self._seconds

    def start_at(self, tokens: int, seconds: float, overhead_tokens: float = 0.0) -> None:
        """What the whole device was measured to do with full batches, before its first one."""
        full = tokens / self._shares
        self._overhead_tokens = overhead_tokens
        self._full_share = full / (full + overhead_tokens)
        self._tokens = full + overhead_tokens
        self._seconds = seconds / self._shares

    def record(self, tokens: int, forward_s: float, shared_s: float) -> None:
        """Take a finished batch into account, and what it had of a device that does not divide."""
        device_s = max(forward_s / self._slots if self._shares > 1 else shared_s, 1e-9)
        left = 0.5 ** (device_s / _HALF_LIFE_S)
        self._tokens = left * self._tokens + tokens + self._overhead_tokens
        self._seconds = left * self._seconds + device_s

    def hang_after_s(self, tokens: int) -> float | None:
        """When a batch of so many tokens hangs rather than takes long; None if nothing is known.

        Twenty times what it should take with every slot in use, and half a minute at least: a
        machine that is busy with something else is slower by less than that.
        """
        if not self._tokens:
            return None
        likely_s = (tokens + self._overhead_tokens) * self._slots * self._seconds / self._tokens
        return max(_LEAST_HANG_S, _HANG_FACTOR * likely_s)
