"""The nodes that plans are made for, and whether plans hold what an object promises."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from retrieval_operator.inventory import BadInventory, Inventory, Node, Origin, nodes_of
from retrieval_operator.observe import ComponentState
from retrieval_operator.plan import (
    BurstVerdict,
    Plan,
    capacity_of,
    judge,
    pods_in_time,
    texts_of,
    verdict_of,
)
from retrieval_operator.spec import Component, RetrievalService
from retrieval_operator.spec.status import MeasuredStatus
from retrieval_operator.world import NODE, Document, Store

_PASSING: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that Kubernetes sets for a while: not ready, cordoned, under pressure. A plan is not for
this moment, so it does not look at them."""


class Planning:
    """Reads the nodes in the store, once for all services."""

    def __init__(self, world: Store) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._read: tuple[tuple[Document, ...], Inventory] = ((), Inventory())

    def inventory(self) -> Inventory:
        """All nodes as the planner reads them."""
        seen = self._world.all(NODE)
        with self._lock:
            known, inventory = self._read
            if not _are_same(known, seen):
                inventory = Inventory(tuple(_nodes(seen)), Origin.CLUSTER)
                self._read = (seen, inventory)
            return inventory


def objective_of(
    service: RetrievalService,
    component: Component,
    plan: Plan,
    state: ComponentState,
    measured: MeasuredStatus | None,
) -> BurstVerdict | None:
    """Whether a component holds the burst that the object promises; None without a promise.

    A burst is over before a pod has started, so those count that are there: the least that may be,
    and of these the ones that answer.
    """
    objective = service.spec.objective
    if objective is None:
        return None
    least = pods_in_time(component)
    promised = verdict_of(objective, component, plan, measured)
    if not promised.is_met or state.ready >= least:
        return promised
    texts = texts_of(objective, component.name)
    present = judge(objective, capacity_of(plan, measured), state.ready, texts)
    return replace(present, message=f"{present.message}; {least} are wanted")


def _nodes(documents: Sequence[Document]) -> Iterator[Node]:
    for document in documents:
        try:
            yield from map(_lasting, nodes_of(document))
        except BadInventory:
            continue  # one unreadable node must not hide the others


def _lasting(node: Node) -> Node:
    lasting = tuple(taint for taint in node.taints if not taint.key.startswith(_PASSING))
    return replace(node, taints=lasting)


def _are_same(known: Sequence[Document], seen: Sequence[Document]) -> bool:
    return len(known) == len(seen) and all(a is b for a, b in zip(known, seen, strict=True))
