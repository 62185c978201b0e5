"""Nodes as facts: labels, taints and what can be allocated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint that keeps pods away unless they tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True, slots=True)
class Node:
    """One node. None means that the source does not say.

    `millicores` and `memory_bytes` are what our pods may take of it.

    `devices` counts allocatable extended resources such as nvidia.com/gpu.
    """

    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    millicores: int | None = None
    memory_bytes: int | None = None
    devices: Mapping[str, int] | None = None


class Origin(Enum):
    """Where an inventory comes from, which decides what it can still become."""

    CLUSTER = "the cluster"
    """Nodes can join, so a product that no node has now may be planned for by name."""
    FILE = "the node file"
    """A picture of a cluster; treated like one."""
    MACHINE = "this machine"
    """Complete: what is not here will not come, and all of it may be used."""
    PRODUCT = "the product table"
    """One imagined node with the product that was asked for."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All nodes a plan may choose from; their order does not matter."""

    nodes: tuple[Node, ...] = ()
    origin: Origin = Origin.CLUSTER

    @property
    def can_grow(self) -> bool:
        """Whether nodes that are not listed may appear."""
        return self.origin in {Origin.CLUSTER, Origin.FILE}
