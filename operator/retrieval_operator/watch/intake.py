"""What a run sees, gathered until it is whole, then kept true and told to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

from retrieval_operator.watch.slim import slim
from retrieval_operator.world import LEASE, Document, Key, Kind, Store


class Listener(Protocol):
    """Who is told; called on the event loop."""

    def heard(self) -> None:
        """Something arrived."""

    def noticed(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """An object changed."""

    def relisted(self, keys: set[Key]) -> None:
        """The store has been replaced by a fresh listing."""


class Intake:
    """Receives what a run sees, in its thread, and tells the loop; deaf once closed."""

    def __init__(self, watch: Listener, loop: asyncio.AbstractEventLoop, world: Store) -> None:
        self.lost_place = asyncio.Event()
        self._watch = watch
        self._loop = loop
        self._world = world
        self._incoming: Store | None = Store()
        self._collected: set[str] = set()
        self._is_closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Hear no more."""
        self._is_closed = True

    def collected(self, path: str) -> None:
        """Notice a second listing: kopf lists again after 410 Gone and tells of no deletion."""
        if path in self._collected:
            self._tell(self.lost_place.set)
        self._collected.add(path)

    def settle(self, collections: int) -> None:
        """Be complete where so many collections were listed and all of them were empty."""
        incoming = self._incoming
        if incoming is not None and len(self._collected) >= collections and incoming.is_empty:
            self._complete()

    def listed(self, kind: Kind, document: Document) -> None:
        """Gather the listing; once it is complete, events carry the objects."""
        incoming = self._incoming
        if incoming is not None:
            incoming.put(kind, slim(kind, document))

    def happened(self, kind: Kind, document: Document, how: str | None) -> None:
        """Keep the store true and pass the event on."""
        if self._is_closed:
            return
        self._complete()
        if kind == LEASE:
            self._tell(self._watch.heard)
            return
        kept = slim(kind, document)
        metadata = document["metadata"]
        before = self._world.get(kind, metadata.get("namespace") or "", metadata["name"])
        if how == "DELETED":
            self._world.drop(kind, kept)
            self._tell(self._watch.noticed, kind, kept, None)
        elif self._world.put(kind, kept):
            self._tell(self._watch.noticed, kind, before, kept)
        else:
            self._tell(self._watch.heard)

    def _complete(self) -> None:
        """The first event comes when everything has been listed: it becomes the store."""
        with self._lock:
            incoming, self._incoming = self._incoming, None
        if incoming is not None:
            self._tell(self._watch.relisted, self._world.replace(incoming))

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closing
            self._loop.call_soon_threadsafe(function, *arguments)
