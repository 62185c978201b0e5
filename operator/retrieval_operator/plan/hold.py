"""Plan again without moving: a node that joins never restarts healthy pods. Pure.

A plan is made for a few representative nodes, one for each kind of device that the pods can land
on, and they are kept in the status (`plannedFor`). As long as the smallest of them still exists, or
no such device is left at all, the next plan is made for the same representatives, so it is the same
plan unless the object or the model changed. When the device in force is gone, or the object no
longer fits it, everything there is counts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from retrieval_operator.devices import assumed_device
from retrieval_operator.facts.model import ModelFacts, Unknown
from retrieval_operator.inventory.node import Inventory, Node, Origin
from retrieval_operator.inventory.offers import CPU_FEATURES, GpuOffer, Sharing, cpu_offers
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.plan.eligible import eligible_nodes, eligible_offers
from retrieval_operator.plan.planner import plan
from retrieval_operator.plan.result import Plan, Refusal
from retrieval_operator.spec import status

MOST_KINDS: Final = 16
_STRATEGIES: Final = {
    Sharing.NONE: "none",
    Sharing.MPS: "mps",
    Sharing.TIME_SLICING: "time-slicing",
}
"""GPU Feature Discovery's words in `nvidia.com/gpu.sharing-strategy`."""

_NFD: Final = "feature.node.kubernetes.io/cpu-cpuid."


def replan(
    ask: Ask,
    facts: ModelFacts | Unknown | None,
    inventory: Inventory,
    previous: status.Plan | None = None,
) -> Plan | Refusal:
    """The plan for one component of a live object; `previous` is `status…plan`, None at first.

    Call it on every pass with all nodes there are. Its digest changes when the object, the model's
    facts or the device in force change, and never because of a node that joined, or left while
    others of its kind stay.
    """
    answer = _held(ask, facts, inventory, previous)
    if isinstance(answer, Plan):
        return answer
    kinds = condense(ask, inventory)
    fresh = (
        plan(_anywhere(ask), facts, replace(inventory, nodes=kinds))
        if kinds
        else plan(ask, facts, inventory)
    )
    if isinstance(fresh, Plan):
        return replace(fresh, planned_for=kinds)
    return plan(ask, facts, inventory) if kinds else fresh


def condense(ask: Ask, inventory: Inventory) -> tuple[Node, ...]:
    """The few nodes that stand for all that the pods of this component can land on.

    Smallest first; empty where there is nothing, or where resource claims choose the device.
    """
    if inventory.origin is Origin.MACHINE or (ask.gpu and ask.gpu.is_claimed):
        return ()
    if ask.gpu is None:
        return tuple(_cpu_kind(eligible_nodes(inventory, ask)))
    offers = eligible_offers(inventory, ask, ask.gpu)
    kinds = groupby(sorted(offers, key=_kind_key), key=_kind_key)
    merged = sorted((_merged(list(group)) for _, group in kinds), key=_size)
    return tuple(_gpu_node(ask.gpu, offer) for offer in merged[:MOST_KINDS])


def _held(
    ask: Ask,
    facts: ModelFacts | Unknown | None,
    inventory: Inventory,
    previous: status.Plan | None,
) -> Plan | Refusal | None:
    """The plan for the device in force, or None where it is not in force any more."""
    if previous is None or not previous.planned_for:
        return None
    kinds = tuple(_node(kind) for kind in previous.planned_for)
    if not _is_in_force(ask, kinds, inventory):
        return None
    answer = plan(_anywhere(ask), facts, replace(inventory, nodes=kinds))
    return replace(answer, planned_for=kinds) if isinstance(answer, Plan) else answer


def _is_in_force(ask: Ask, kinds: Sequence[Node], inventory: Inventory) -> bool:
    """Whether the pods are still meant for these kinds, and the smallest of them is still there."""
    if ask.gpu is None:
        takes_it = not inventory.nodes or bool(cpu_offers(eligible_nodes(inventory, ask)))
        return takes_it and kinds[0].devices == {}
    held = eligible_offers(replace(inventory, nodes=tuple(kinds)), _anywhere(ask), ask.gpu)
    if len(held) < len(kinds):
        return False  # the object asks for other devices now
    present = eligible_offers(inventory, ask, ask.gpu)
    smallest = min(held, key=_size)
    return not present or any(_stands_for(smallest, offer) for offer in present)


def _anywhere(ask: Ask) -> Ask:
    """The same wishes on nodes that were already chosen: representatives carry no other labels."""
    return replace(ask, node_selector={})


def _stands_for(kind: GpuOffer, offer: GpuOffer) -> bool:
    """Whether a plan for `kind` holds on what is offered."""
    is_same = (kind.product, kind.sharing, kind.replicas) == (
        offer.product, offer.sharing, offer.replicas,
    )  # fmt: skip
    return is_same and (kind.memory_bytes or 0) <= (offer.memory_bytes or 0)


def _kind_key(offer: GpuOffer) -> tuple[object, ...]:
    device = offer.device
    return (
        offer.product,
        offer.memory_bytes or 0,
        offer.sharing.value,
        offer.replicas,
        device.capability,
        device.memory_mib,
    )


def _size(offer: GpuOffer) -> tuple[object, ...]:
    return (offer.memory_bytes or 0, *_kind_key(offer))


def _merged(offers: Sequence[GpuOffer]) -> GpuOffer:
    """One offer for all of a kind, with the least that any of its nodes has beside a device."""
    return replace(
        offers[0],
        count=max(offer.count for offer in offers),
        host_millicores=_least(offer.host_millicores for offer in offers),
        host_memory_bytes=_least(offer.host_memory_bytes for offer in offers),
    )


def _least(amounts: Iterable[int | None]) -> int | None:
    return min((amount for amount in amounts if amount is not None), default=None)


def _gpu_node(gpu: GpuAsk, offer: GpuOffer) -> Node:
    """A node that offers exactly this, labelled as GPU Feature Discovery would."""
    prefix = gpu.resource.removesuffix(".shared")
    labels = {
        f"{prefix}.product": offer.product,
        f"{prefix}.replicas": str(offer.replicas),
        f"{prefix}.sharing-strategy": _STRATEGIES[offer.sharing],
        **_capability(offer),
    }
    if offer.memory_bytes is not None:
        labels[f"{prefix}.memory"] = str(offer.device.memory_mib)
    return Node(
        labels=labels,
        millicores=_times(offer.host_millicores, gpu.count),
        memory_bytes=_times(offer.host_memory_bytes, gpu.count),
        devices={gpu.resource: gpu.count},
    )


def _capability(offer: GpuOffer) -> dict[str, str]:
    """Its compute capability, unless it was only assumed."""
    if offer.device.source.startswith(assumed_device("", 0, None).source):
        return {}
    major, minor = offer.device.capability
    return {
        "nvidia.com/gpu.compute.major": str(major),
        "nvidia.com/gpu.compute.minor": str(minor),
    }


def _times(amount: int | None, count: int) -> int | None:
    return None if amount is None else amount * count


def _cpu_kind(nodes: Iterable[Node]) -> Iterator[Node]:
    """The roomiest node with the features that all of them share."""
    offers = cpu_offers(nodes)
    if offers:
        shared = frozenset.intersection(*(offer.features for offer in offers))
        yield Node(
            labels={
                f"{_NFD}{cpuid}": "true" for cpuid, name in CPU_FEATURES.items() if name in shared
            },
            millicores=max(one.millicores or 0 for one in offers) or None,
            memory_bytes=max(one.memory_bytes or 0 for one in offers) or None,
            devices={},
        )


def _node(kind: status.PlannedFor) -> Node:
    return Node(
        labels=dict(kind.labels),
        millicores=kind.millicores,
        memory_bytes=kind.memory_bytes,
        devices=dict(kind.devices),
    )
