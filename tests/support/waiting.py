"""Wait for what other processes bring about, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

_LOOK_S = 0.05


def until(condition: Callable[[], object], timeout_s: float = 60.0, *, looks: int = 1) -> None:
    """Return once `condition` was true in so many looks in a row.

    A single look may have been answered by the one API worker that knew.
    """
    deadline_s = time.monotonic() + timeout_s
    seen = 0
    while seen < looks:
        assert time.monotonic() < deadline_s, "it never came true"
        seen = seen + 1 if condition() else 0
        if not seen:
            time.sleep(_LOOK_S)
