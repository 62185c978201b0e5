"""A webhook while it does not answer: one service finds out for all that it is asked about.

KServe's is asked about every InferenceService. Any other, a policy's for instance, may be bound to
one namespace, and shuts that alone.

Each failing call may take as long as the API server waits for the webhook, and a worker with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from retrieval_operator.errors import WebhookUnreachable
from retrieval_operator.world import INFERENCE_SERVICE, Ref

_SHUT_S: Final = 3.0
_EVERYWHERE: Final = ""
AGAIN_S: Final = 6.0
"""The longest pause between two passes over a service that waits for the webhook."""


class Breaker:
    """Remembers for a moment where InferenceServices cannot be written. May be used by threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shut: dict[str, tuple[str, float]] = {}

    def check(self, ref: Ref) -> None:
        """Let an object be written.

        Raises:
            WebhookUnreachable: It would fail, as another one has failed a moment ago.
        """
        if ref.kind != INFERENCE_SERVICE:
            return
        with self._lock:
            known = [self._shut[one] for one in (_EVERYWHERE, ref.namespace) if one in self._shut]
        for message, until_s in known:
            if self._clock() < until_s:
                raise WebhookUnreachable(f"PATCH {ref.path}", message)

    def failed(self, ref: Ref, error: WebhookUnreachable) -> None:
        """Writing this object has failed: the next ones wait."""
        if ref.kind == INFERENCE_SERVICE:
            where = _EVERYWHERE if "kserve" in error.message.lower() else ref.namespace
            with self._lock:
                self._shut[where] = error.message, self._clock() + _SHUT_S
