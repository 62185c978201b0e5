"""Which nodes, and which of their devices, a component's pods can land on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from retrieval_operator.inventory.node import Inventory, Node, Taint
from retrieval_operator.inventory.offers import NVIDIA, WHOLE_GPU, GpuOffer, gpu_offers
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.spec.choices import TolerationOperator
from retrieval_operator.spec.pod import Toleration

_BLOCKING: Final = frozenset({"NoSchedule", "NoExecute"})


def eligible_nodes(inventory: Inventory, ask: Ask) -> Iterator[Node]:
    """Nodes that the pod's selector and tolerations allow; affinity is left to the scheduler.

    A machine or an imagined node is no scheduler's choice: selectors and taints do not apply to it.
    """
    for node in inventory.nodes:
        if not inventory.can_grow or _is_open(node, ask):
            yield node


def eligible_offers(inventory: Inventory, ask: Ask, gpu: GpuAsk) -> tuple[GpuOffer, ...]:
    """Offers of the resource on eligible nodes, of the products asked for, smallest first."""
    offers = gpu_offers(eligible_nodes(inventory, ask), gpu.resource)
    return tuple(offer for offer in offers if is_wanted(offer, gpu))


def is_wanted(offer: GpuOffer, gpu: GpuAsk) -> bool:
    """Whether an offer is of a product asked for, with enough devices for one pod."""
    is_product = not gpu.products or offer.product in gpu.products
    return is_product and offer.count >= gpu.count


def device_taint(resource: str) -> str:
    """The taint key that keeps other pods off nodes with this resource; our pods tolerate it."""
    return WHOLE_GPU if resource.startswith(NVIDIA) else resource


def _is_open(node: Node, ask: Ask) -> bool:
    is_selected = ask.node_selector.items() <= node.labels.items()
    return is_selected and all(_is_tolerated(taint, ask) for taint in node.taints)


def _is_tolerated(taint: Taint, ask: Ask) -> bool:
    if taint.effect not in _BLOCKING:
        return True
    if ask.gpu is not None and taint.key == device_taint(ask.gpu.resource):
        return True
    return any(_tolerates(toleration, taint) for toleration in ask.tolerations)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Source: Kubernetes documentation, "Taints and tolerations", section "Concepts"."""
    if toleration.effect is not None and toleration.effect.value != taint.effect:
        return False
    if toleration.key not in {None, taint.key}:
        return False
    exists = toleration.operator is TolerationOperator.EXISTS
    return exists or (toleration.value or "") == taint.value
