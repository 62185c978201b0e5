"""The plans of one service for the nodes there are now, and for the device it runs on already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from retrieval_operator.facts import ModelFacts, Unknown
from retrieval_operator.inventory import Inventory, Origin
from retrieval_operator.plan import (
    Plan,
    Refusal,
    Verdict,
    ask_of,
    capacity_of,
    judge,
    replan,
    texts_of,
)
from retrieval_operator.plan import Reason as Refused
from retrieval_operator.spec import Component, ComponentName, RetrievalService
from retrieval_operator.spec.status import ComponentStatus, Measured, Status
from retrieval_operator.world import Store

Answers = dict[ComponentName, Plan | Refusal]


class Planning:
    """Plans services for the nodes in the store; nodes are read once for all services."""

    def __init__(self, world: Store, facts: Callable[[Component], ModelFacts | Unknown]) -> None:
        self._world = world
        self._facts = facts
        self._lock = threading.Lock()
        self._inventory = Inventory()

    def answers(self, service: RetrievalService, before: Status) -> Answers:
        """A plan or a refusal for every component.

        A component that has a plan in force is planned for the device of that plan while it exists,
        so a node that joins never restarts healthy pods.
        """
        inventory = self.inventory()
        return {
            component.name: _with_sight(
                replan(
                    ask_of(service.spec, component),
                    self._facts(component),
                    inventory,
                    component_before(before, component.name).plan,
                ),
                inventory,
            )
            for component in service.spec.components
        }

    def inventory(self) -> Inventory:
        """All nodes as the planner reads them."""
        nodes = self._world.nodes()
        with self._lock:
            if self._inventory.nodes is not nodes:
                self._inventory = Inventory(nodes, Origin.CLUSTER)
            return self._inventory


def objectives(
    service: RetrievalService,
    plans: Mapping[ComponentName, Plan],
    measured: Mapping[ComponentName, Measured],
) -> dict[ComponentName, Verdict] | None:
    """Whether each planned component holds the burst the object promises; None without one."""
    objective = service.spec.objective
    if objective is None:
        return None
    verdicts = {}
    for component in service.spec.components:
        name, plan = component.name, plans.get(component.name)
        if plan is not None:
            capacity = capacity_of(
                plan.estimate, plan.max_queue_tokens.value, plan.gpu_count, measured.get(name)
            )
            texts = texts_of(objective, name)
            verdicts[name] = judge(objective, capacity, _most_pods(component), texts)
    return verdicts


def component_before(before: Status, name: ComponentName) -> ComponentStatus:
    """What the former status says of a component; empty where it says nothing."""
    found = getattr(before.components, name.value) if before.components is not None else None
    return found if found is not None else ComponentStatus()


def _with_sight(answer: Plan | Refusal, inventory: Inventory) -> Plan | Refusal:
    """A refusal for want of a device tells where the operator sees no node at all."""
    is_blind = not inventory.nodes
    if isinstance(answer, Plan) or answer.reason is not Refused.NO_SUCH_DEVICE or not is_blind:
        return answer
    advice = ("allow the operator to list nodes", *answer.advice)
    return replace(
        answer,
        message=f"{answer.message}, and the operator sees no node",
        remedies=(),
        advice=advice,
    )


def _most_pods(component: Component) -> int:
    """A burst is held by all the pods that autoscaling may make."""
    scaling = component.autoscaling
    return scaling.max_replicas if scaling is not None else component.replicas or 1
