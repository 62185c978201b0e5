"""The kinds of nodes that a plan holds for, as requirements on their labels. Pure.

Pods carry them as node affinity, so a plan made for an A100 never computes on a T4 that joins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from math import ceil
from typing import Final

from retrieval_operator.devices import MIB
from retrieval_operator.inventory.node import Inventory, Node
from retrieval_operator.inventory.offers import (
    CPU_FEATURES,
    WHOLE_GPU,
    GpuOffer,
    cpu_offers,
    gpu_offers,
)
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.plan.eligible import eligible_nodes, is_wanted
from retrieval_operator.plan.result import NodeKind, Plan, Requirement
from retrieval_operator.spec.choices import Precision

_NFD: Final = "feature.node.kubernetes.io/cpu-cpuid."
_BF16: Final = ("AVX512BF16", "AMXBF16")
_SHARED: Final = ("mps", "time-slicing")
_MOST: Final = 16


def kinds_for(plan: Plan, ask: Ask, inventory: Inventory) -> tuple[NodeKind, ...]:
    """The nodes of `inventory` that the plan holds for; none named means that it holds for any.

    It is made for the least of all devices that pods could land on, so it holds for each of them.
    """
    if not inventory.can_grow or (ask.gpu is not None and ask.gpu.is_claimed):
        return ()
    kinds = _cpu(plan, ask, inventory) if ask.gpu is None else _gpu(plan, ask, ask.gpu, inventory)
    return kinds if all(kind.requirements for kind in kinds) else ()


def admitted(kinds: Iterable[NodeKind], nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes that are of one of these kinds; all of them where no kind is named."""
    wanted = tuple(kinds)
    return (node for node in nodes if not wanted or any(admits(kind, node) for kind in wanted))


def admits(kind: NodeKind, node: Node) -> bool:
    """Whether a node is of this kind."""
    return all(_is_met(one, node.labels) for one in kind.requirements)


def has_place(plan: Plan, ask: Ask, inventory: Inventory) -> bool:
    """Whether some node could run a pod of this plan if it ran nothing else."""
    nodes = admitted(plan.kinds, eligible_nodes(inventory, ask))
    return any(_has_room(plan, ask, node) for node in nodes)


def _has_room(plan: Plan, ask: Ask, node: Node) -> bool:
    cores = plan.requested_millicores.value
    memory = ask.memory_request_bytes or plan.memory_bytes.value
    if not (_is_enough(node.millicores, cores) and _is_enough(node.memory_bytes, memory)):
        return False
    if plan.gpu_resource is None:
        return True
    offers = gpu_offers((node,), plan.gpu_resource)
    return any(offer.count >= plan.gpu_count for offer in offers)


def _is_enough(there: int | None, needed: int) -> bool:
    return there is None or there >= needed


def _is_met(one: Requirement, labels: Mapping[str, str]) -> bool:
    """As the scheduler has it: a label that is not there meets NotIn, and nothing else."""
    value = labels.get(one.key)
    if one.operator == "NotIn":
        return value not in one.values
    if one.operator == "Gt":
        return value is not None and value.isdecimal() and int(value) > int(one.values[0])
    return value in one.values


def _gpu(plan: Plan, ask: Ask, gpu: GpuAsk, inventory: Inventory) -> tuple[NodeKind, ...]:
    seen = {
        _device(plan, node, offer)
        for node in eligible_nodes(inventory, ask)
        for offer in gpu_offers((node,), gpu.resource)
        if is_wanted(offer, gpu) and (offer.memory_bytes or gpu.memory_bytes)
    }
    if not seen and gpu.products:  # nobody has them yet
        seen = {
            (_product_key(gpu.resource), product, (_alone(gpu.resource),))
            for product in gpu.products
        }
    return tuple(_merged(seen))[:_MOST]


_Seen = tuple[str, str, tuple[Requirement, ...]]
"""The key of the product's label, the product, and what else the label of such a node has to be."""


def _device(plan: Plan, node: Node, offer: GpuOffer) -> _Seen:
    prefix = offer.resource.removesuffix(".shared")
    sharing = (
        _alone(offer.resource)
        if offer.replicas == 1
        else Requirement(f"{prefix}.replicas", "In", (str(offer.replicas),))
    )
    for key in (_product_key(offer.resource), f"{WHOLE_GPU}.product"):
        if key in node.labels:
            return key, node.labels[key], (sharing,)
    if f"{prefix}.memory" in node.labels:
        needed = ceil(plan.device_memory.total_bytes * offer.replicas / MIB)
        return "", "", (Requirement(f"{prefix}.memory", "Gt", (str(needed - 1),)), sharing)
    return "", "", ()


def _product_key(resource: str) -> str:
    return f"{resource.removesuffix('.shared')}.product"


def _alone(resource: str) -> Requirement:
    """Nobody shares the device: the label says so, or is not there yet, as on a new node."""
    return Requirement(f"{resource.removesuffix('.shared')}.sharing-strategy", "NotIn", _SHARED)


def _merged(seen: Iterable[_Seen]) -> Iterator[NodeKind]:
    """Products that are alike in all else are one kind."""

    def alike(one: _Seen) -> tuple[str, tuple[Requirement, ...]]:
        return one[0], one[2]

    ordered = sorted(seen, key=lambda one: (repr(alike(one)), one[1]))
    for (key, rest), group in groupby(ordered, alike):
        products = tuple(product for _, product, _ in group)
        named = (Requirement(key, "In", products),) if key else ()
        yield NodeKind((*named, *rest))


def _cpu(plan: Plan, ask: Ask, inventory: Inventory) -> tuple[NodeKind, ...]:
    """What the precision cannot do without; cores and memory are requests of the pod."""
    offers = cpu_offers(eligible_nodes(inventory, ask))
    if plan.precision.value is not Precision.BF16 or not offers:
        return ()
    shared = frozenset.intersection(*(offer.features for offer in offers))
    name = next((one for one in _BF16 if CPU_FEATURES[one] in shared), None)
    return (NodeKind((Requirement(_NFD + name, "In", ("true",)),)),) if name else ()
