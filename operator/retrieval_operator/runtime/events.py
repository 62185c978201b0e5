"""What others have recorded about an object, read at a bounded cost.

Events are not watched: a cluster has more of them than of anything else. One listing answers for an
object for a while, and all listings together take a fixed share of the API server.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.errors import ClusterRefused
from retrieval_operator.runtime.client import Requests
from retrieval_operator.runtime.kinds import EVENT

_MOST_EVENTS: Final = "100"
_FRESH_S: Final = 10.0
"""For how long a listing answers for its object."""
_EACH_S: Final = 0.2
"""Between two listings, whatever they are about: five a second."""
_MOST_OBJECTS: Final = 1024

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    events: tuple[Event, ...]
    when_s: float


class Events:
    """Lists events of single objects. May be used from several threads."""

    def __init__(self, client: Requests, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, _Asked] = OrderedDict()
        self._next_s = float("-inf")
        self._lock = threading.Lock()

    def of(self, namespace: str, uid: str) -> tuple[Event, ...]:
        """Events of an object; those of a moment ago, or none, where it is not time to ask."""
        now_s = self._clock()
        with self._lock:
            known = self._known.get(uid)
            is_fresh = known is not None and now_s - known.when_s < _FRESH_S
            if is_fresh or now_s < self._next_s:
                return known.events if known is not None else ()
            self._next_s = now_s + _EACH_S
        found = self._list(namespace, uid)
        with self._lock:
            self._known[uid] = _Asked(found, now_s)
            self._known.move_to_end(uid)
            if len(self._known) > _MOST_OBJECTS:
                self._known.popitem(last=False)
        return found

    def _list(self, namespace: str, uid: str) -> tuple[Event, ...]:
        """Nothing where that may not be read."""
        query = {"fieldSelector": f"regarding.uid={uid}", "limit": _MOST_EVENTS}
        try:
            found = self._client.request("GET", EVENT.path(namespace), query=query)
        except ClusterRefused:
            return ()
        return tuple(found.get("items") or ())
