"""KServe's webhook while it does not answer: one service finds out for all.

Each failing call may take as long as the API server waits for the webhook, and a worker with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from retrieval_operator.errors import WebhookUnreachable
from retrieval_operator.world import INFERENCE_SERVICE, Ref

_SHUT_S: Final = 3.0
AGAIN_S: Final = 6.0
"""The longest pause between two passes over a service that waits for the webhook."""


class Breaker:
    """Remembers for a moment that InferenceServices cannot be written. May be used by threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._message = ""
        self._until_s = 0.0

    def check(self, ref: Ref) -> None:
        """Let an object be written.

        Raises:
            WebhookUnreachable: It would fail, as another one has failed a moment ago.
        """
        with self._lock:
            is_shut = bool(self._message) and self._clock() < self._until_s
            message = self._message
        if is_shut and ref.kind == INFERENCE_SERVICE:
            raise WebhookUnreachable(f"PATCH {ref.path}", message)

    def failed(self, ref: Ref, error: WebhookUnreachable) -> None:
        """Writing this object has failed: the next ones wait."""
        if ref.kind == INFERENCE_SERVICE:
            with self._lock:
                self._message, self._until_s = error.message, self._clock() + _SHUT_S
