"""What one component leaves of a machine to the next: `retrieval run` starts both on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retrieval_operator.devices import MIB
from retrieval_operator.inventory.node import Inventory, Node, Origin
from retrieval_operator.inventory.offers import WHOLE_GPU
from retrieval_operator.plan.result import Plan

_COUNT, _MEMORY = f"{WHOLE_GPU}.count", f"{WHOLE_GPU}.memory"


def beside(plan: Plan, inventory: Inventory) -> Inventory:
    """The machine without what this plan takes; a cluster has a node for every pod and stays.

    Several GPUs are given away one by one, a single one by its memory.
    """
    if inventory.origin is not Origin.MACHINE:
        return inventory
    return replace(inventory, nodes=tuple(_without(plan, node) for node in inventory.nodes))


def _without(plan: Plan, node: Node) -> Node:
    taken = plan.memory.total_bytes
    rest = None if node.memory_bytes is None else max(0, node.memory_bytes - taken)
    if plan.gpu_memory is None:
        return replace(node, memory_bytes=rest)
    count = int(node.labels.get(_COUNT, "0"))
    labels = _without_memory(node.labels, plan.gpu_memory.total_bytes)
    if count > plan.gpu_count:
        labels = {**node.labels, _COUNT: str(count - plan.gpu_count)}
    return replace(node, labels=labels, memory_bytes=rest, devices={WHOLE_GPU: int(labels[_COUNT])})


def _without_memory(labels: Mapping[str, str], taken_bytes: int) -> Mapping[str, str]:
    left_mib = max(0, int(labels.get(_MEMORY, "0")) - -(-taken_bytes // MIB))
    return {**labels, _MEMORY: str(left_mib)}
