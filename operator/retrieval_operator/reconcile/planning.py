"""The plans of one service for the nodes there are now, and for the device it runs on already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from retrieval_operator.facts import ModelFacts, Unknown
from retrieval_operator.inventory import BadInventory, Inventory, Node, Origin, nodes_of
from retrieval_operator.plan import (
    Plan,
    Refusal,
    Verdict,
    ask_of,
    replan,
    verdict_of,
)
from retrieval_operator.plan import Reason as Refused
from retrieval_operator.spec import Component, ComponentName, RetrievalService
from retrieval_operator.spec.status import ComponentStatus, Measured, Status
from retrieval_operator.world import NODE, Document, Store

Answers = dict[ComponentName, Plan | Refusal]

_PASSING: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that Kubernetes sets for a while: not ready, cordoned, under pressure. A plan is not for
this moment, so it does not look at them."""


class Planning:
    """Plans services for the nodes in the store; nodes are read once for all services."""

    def __init__(self, world: Store, facts: Callable[[Component], ModelFacts | Unknown]) -> None:
        self._world = world
        self._facts = facts
        self._lock = threading.Lock()
        self._read: tuple[tuple[Document, ...], Inventory] = ((), Inventory())

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
        seen = self._world.all(NODE)
        with self._lock:
            known, inventory = self._read
            if not _are_same(known, seen):
                inventory = Inventory(tuple(_nodes(seen)), Origin.CLUSTER)
                self._read = (seen, inventory)
            return inventory


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
            verdicts[name] = verdict_of(objective, component, plan, measured.get(name))
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
