"""What a run of the watch tells goes into the store, and what is new to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from retrieval_operator.runtime.kinds import Document, Kind
from retrieval_operator.runtime.store import Store


class Listener(Protocol):
    """Who is told; called on the event loop."""

    def heard(self) -> None:
        """Something arrived."""

    def noticed(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """An object appeared, changed, or is gone."""

    def collected(self, path: str) -> None:
        """A collection is listed anew: what vanished before is not told."""

    def ended(self) -> None:
        """The run has ended."""


class Intake:
    """Receives what a run sees, in its thread, and tells the loop; deaf once closed."""

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop, store: Store) -> None:
        self._listener = listener
        self._loop = loop
        self._store = store
        self._is_closed = False

    def close(self) -> None:
        """Hear no more."""
        self._is_closed = True

    def heard(self) -> None:
        """The server has answered a request of the watch."""
        self._tell(self._listener.heard)

    def ended(self) -> None:
        """The run has ended."""
        self._tell(self._listener.ended)

    def collected(self, path: str) -> None:
        """A collection is listed."""
        self._tell(self._listener.collected, path)

    def happened(self, kind: Kind, document: Document, how: str | None) -> None:
        """Keep the store true, and pass on what is new."""
        if self._is_closed:
            return
        metadata = document["metadata"]
        where = (kind, metadata.get("namespace") or "", metadata["name"])
        before = self._store.get(*where)
        if how == "DELETED":
            self._store.drop(kind, document)
            self._tell(self._listener.noticed, kind, before or document, None)
        elif self._store.put(kind, document):
            self._tell(self._listener.noticed, kind, before, self._store.get(*where))

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        if not self._is_closed:
            with contextlib.suppress(RuntimeError):  # the loop is closing
                self._loop.call_soon_threadsafe(function, *arguments)
