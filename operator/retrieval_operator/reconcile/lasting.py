"""How long something has been so without a break, as far as this process has seen.

What is waited for in minutes starts anew with the process: that errs on the side of patience.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from retrieval_operator.world import Key


class Lasting:
    """Remembers since when. May be used from several threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._since: dict[tuple[Key, str, str], datetime] = {}
        self._lock = threading.Lock()

    def seconds(self, key: Key, what: str, of: str, *, is_so: bool) -> float:
        """For how long `what` has been so `of` a part of this service; 0 where it is not."""
        now, name = self._clock(), (key, what, of)
        with self._lock:
            if not is_so:
                self._since.pop(name, None)
                return 0.0
            return (now - self._since.setdefault(name, now)).total_seconds()

    def forget(self, key: Key) -> None:
        """The service is gone."""
        with self._lock:
            for name in [name for name in self._since if name[0] == key]:
                del self._since[name]
