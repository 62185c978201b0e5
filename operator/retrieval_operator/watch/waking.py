"""Which services an event concerns, and how soon they are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from retrieval_operator.inventory.node import Node
from retrieval_operator.inventory.reading import BadInventory, nodes_of
from retrieval_operator.queue import Queue
from retrieval_operator.world import NODE, SERVICE, Document, Key, Kind, Store, owner_of

_GATHER_S: Final = 0.1
"""Events of a pod and its Deployment come in bursts; one pass then sees all of them."""


class Waker:
    """Puts keys into the queue. Belongs to the event loop's thread."""

    def __init__(self, queue: Queue[Key], world: Store, node_debounce_s: float) -> None:
        self._queue = queue
        self._world = world
        self._debounce_s = node_debounce_s
        self._changed: list[Node] = []
        self._timer: asyncio.TimerHandle | None = None

    def wake(self, keys: Iterable[Key]) -> None:
        """Look at these services now."""
        for key in keys:
            self._queue.add(key)

    def event(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """One object has appeared (no `before`), changed, or gone (no `after`)."""
        if kind == NODE:
            self._node(before, after)
            return
        document = after or before
        key = owner_of(kind, document) if document else None
        if key is not None:
            self._queue.add_after(key, 0 if kind == SERVICE else _GATHER_S)
        for owner in _owners(document):
            self._queue.add_after(owner, _GATHER_S)

    def _node(self, before: Document | None, after: Document | None) -> None:
        """Nodes report themselves all the time; only what a plan reads counts."""
        was, now = _facts(before), _facts(after)
        if was == now:
            return
        self._changed += [*was, *now]
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._debounce_s, self._nodes_settled)

    def _nodes_settled(self) -> None:
        changed, self._changed, self._timer = self._changed, [], None
        resources = {name for node in changed for name in node.devices or ()}
        for document in self._world.all(SERVICE):
            key = owner_of(SERVICE, document)
            if key is not None and is_concerned(document, resources):
                self._queue.add(key)


def is_concerned(service: Document, resources: set[str]) -> bool:
    """Whether a change of nodes with these device resources can matter to a service.

    One without a GPU may run on any node; one with a GPU runs only where its resource is.
    """
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return False
    for name in ("embedder", "reranker"):
        component = spec.get(name)
        if not isinstance(component, dict):
            continue
        gpu = component.get("gpu")
        named = gpu.get("resource") if isinstance(gpu, dict) else None
        if gpu is None or str(named or "nvidia.com/gpu") in resources:
            return True
    return False


def _facts(document: Document | None) -> tuple[Node, ...]:
    if document is None:
        return ()
    try:
        return nodes_of(document)
    except BadInventory:
        return ()


def _owners(document: Document | None) -> Iterable[Key]:
    """Services that an object names as owners: its labels may have been edited away."""
    metadata: dict[str, Any] = dict((document or {}).get("metadata") or {})
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("kind") == SERVICE.name:
            yield Key(str(metadata.get("namespace")), str(reference.get("name")))
