"""Which services an event concerns, and how soon they are looked at."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.inventory import Node
from retrieval_operator.runtime.workqueue import Workqueue
from retrieval_operator.world import NODE, SERVICE, Document, Key, Kind, Store, owner_of
from retrieval_operator.world.nodes import facts_of

_GATHER_S: Final = 0.1
"""Events of a pod and its Deployment come in bursts; one pass then sees all of them."""
_PLANNED: Final = ("nvidia.com/", "amd.com/", "feature.node.kubernetes.io/cpu-", "kubernetes.io/")
"""Labels that plans read of any node; others count where an object selects nodes by them."""


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What has changed of nodes: the device resources they have, and the labels that differ.

    `is_whole` is set where a node came, went, or offers something else: all of it counts then.
    """

    resources: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    is_whole: bool = False

    def __or__(self, other: NodeChange) -> NodeChange:
        """Both changes."""
        return NodeChange(
            self.resources | other.resources,
            self.labels | other.labels,
            self.is_whole or other.is_whole,
        )

    @property
    def is_planned(self) -> bool:
        """Whether plans read it of any node."""
        return self.is_whole or any(name.startswith(_PLANNED) for name in self.labels)


class Waker:
    """Puts keys into the queue. Belongs to the event loop's thread."""

    def __init__(
        self,
        queue: Workqueue[Key],
        world: Store,
        node_debounce_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._world = world
        self._debounce_s = node_debounce_s
        self._chance = chance
        self._change: NodeChange | None = None

    def wake(self, keys: Iterable[Key]) -> None:
        """Look at these services now."""
        for key in keys:
            self._queue.add(key)

    def wake_within(self, keys: Iterable[Key], spread_s: float) -> None:
        """Look at each of these services once, at any time from now to then."""
        for key in keys:
            self._queue.add_after(key, self._chance() * spread_s)

    def event(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """One object has appeared (no `before`), changed, or gone (no `after`)."""
        if kind == NODE:
            self._node(before, after)
            return
        document = after or before
        if document is None or _is_same(before, after):
            return
        key = owner_of(kind, document)
        if key is not None:
            self._queue.add_after(key, 0 if kind == SERVICE else _GATHER_S)
        for owner in _owners(document):
            self._queue.add_after(owner, _GATHER_S)

    def _node(self, before: Document | None, after: Document | None) -> None:
        """Nodes report themselves all the time; only what a plan reads counts."""
        change = change_of(_facts(before), _facts(after))
        if change is None:
            return
        if self._change is None:
            asyncio.get_running_loop().call_later(self._debounce_s, self._nodes_settled)
        self._change = change if self._change is None else self._change | change

    def _nodes_settled(self) -> None:
        change, self._change = self._change, None
        for document in self._world.all(SERVICE) if change is not None else ():
            key = owner_of(SERVICE, document)
            if change is not None and key is not None and is_concerned(document, change):
                self._queue.add(key)


def change_of(before: Node | None, after: Node | None) -> NodeChange | None:
    """What of a node differs that a plan can read; None where nothing does."""
    if before == after:
        return None
    nodes = [node for node in (before, after) if node is not None]
    resources = frozenset(name for node in nodes for name in node.devices or ())
    if before is None or after is None:
        return NodeChange(resources, is_whole=True)
    differ = frozenset(name for name, _ in before.labels.items() ^ after.labels.items())
    return NodeChange(resources, differ, is_whole=_offer(before) != _offer(after))


def is_concerned(service: Document, change: NodeChange) -> bool:
    """Whether a change of nodes can matter to a service.

    A component without a GPU may run on any node; one with a GPU runs only where its resource is.
    """
    spec = service.get("spec")
    if not isinstance(spec, Mapping):
        return False
    return any(
        isinstance(component, Mapping) and _concerns(component, change)
        for component in (spec.get("embedder"), spec.get("reranker"))
    )


def _concerns(component: Mapping[str, Any], change: NodeChange) -> bool:
    gpu = component.get("gpu")
    named = gpu.get("resource") if isinstance(gpu, Mapping) else None
    if gpu is not None and str(named or "nvidia.com/gpu") not in change.resources:
        return False
    return change.is_planned or any(
        name in _texts(component.get("podTemplate")) for name in change.labels
    )


def _texts(written: Any) -> set[str]:
    """Every text in what an author wrote of a pod: names of labels are among them."""
    if isinstance(written, Mapping):
        return {str(name) for name in written}.union(*map(_texts, written.values()))
    if isinstance(written, list):
        return set().union(*map(_texts, written))
    return {written} if isinstance(written, str) else set()


def _offer(node: Node) -> tuple[object, ...]:
    return node.taints, node.millicores, node.memory_bytes, node.devices


def _facts(document: Document | None) -> Node | None:
    return facts_of(document) if document is not None else None


def _is_same(before: Document | None, after: Document | None) -> bool:
    """Whether nothing but the version has changed."""
    if before is None or after is None:
        return False
    return _unversioned(before) == _unversioned(after)


def _unversioned(document: Document) -> dict[str, Any]:
    metadata = {
        name: value for name, value in document["metadata"].items() if name != "resourceVersion"
    }
    return {**document, "metadata": metadata}


def _owners(document: Document) -> Iterable[Key]:
    """Services that an object names as owners: its labels may have been edited away."""
    metadata = document["metadata"]
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("kind") == SERVICE.name:
            yield Key(str(metadata.get("namespace")), str(reference.get("name")))
