"""The nodes that plans are made for, and whether plans hold what an object promises."""

from __future__ import annotations

import threading
from dataclasses import replace

from retrieval_operator.inventory import Inventory, Origin
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
from retrieval_operator.world import Store


class Planning:
    """Reads the nodes in the store, once for all services."""

    def __init__(self, world: Store) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._inventory = Inventory()

    def inventory(self) -> Inventory:
        """All nodes as the planner reads them."""
        nodes = self._world.nodes()
        with self._lock:
            if self._inventory.nodes is not nodes:
                self._inventory = Inventory(nodes, Origin.CLUSTER)
            return self._inventory


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
