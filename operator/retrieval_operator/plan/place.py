"""Where a component will compute: the smallest of everything its pods can land on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from retrieval_operator.devices import MIB, NOT_LISTED, Device, assumed_device, find_device
from retrieval_operator.inventory.node import Inventory, Origin
from retrieval_operator.inventory.offers import CpuOffer, GpuOffer, Sharing, cpu_offers
from retrieval_operator.plan.absent import memory_unknown, no_device, no_node
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.plan.eligible import eligible_nodes, eligible_offers
from retrieval_operator.plan.footprint import CUDA_CONTEXT
from retrieval_operator.plan.result import Refused

_ABSENT: Final = "no node offers this device now: pods stay pending until one joins"
_TEMPLATE: Final = (
    "{absent}; the template of a pool that scales from zero needs the label {label}: in a "
    "NodePool of Karpenter under spec.template.metadata.labels, for cluster-autoscaler as the tag "
    "k8s.io/cluster-autoscaler/node-template/label/{key}"
)
_CLAIMED: Final = (
    "the device comes through resource claims: the plan takes gpu.products or "
    "gpu.memory at their word"
)


@dataclass(frozen=True, slots=True)
class GpuPlace:
    """A GPU, a slice or a share of one, and the node's part beside it.

    `count` of these go to a pod; `resource` is None where resource claims ask for them.
    `memory_bytes` is what a pod may take of each. `cap_bytes` is what the predictor's allocator
    has to be told to stay below, 0 where the device itself is the limit.
    """

    device: Device
    count: int
    resource: str | None
    memory_bytes: int
    cap_bytes: int
    basis: str
    host_millicores: int | None
    host_memory_bytes: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CpuPlace:
    """Cores and memory of a node. `takes_all` is true where nobody else needs them."""

    millicores: int | None
    memory_bytes: int | None
    features: frozenset[str]
    takes_all: bool
    basis: str
    notes: tuple[str, ...] = ()


def cpu_place(ask: Ask, inventory: Inventory) -> CpuPlace:
    """The CPU that a pod of this component gets: the roomiest node, the features all nodes share.

    Raises:
        Refused: No node takes the pod, though there are some.
    """
    if inventory.can_grow and not inventory.nodes:
        return _ANY_CPU
    offers = cpu_offers(eligible_nodes(inventory, ask))
    if not offers:
        raise Refused(no_node(ask, inventory))
    return CpuPlace(
        millicores=max(_known(offer.millicores for offer in offers), default=None),
        memory_bytes=max(_known(offer.memory_bytes for offer in offers), default=None),
        features=_shared_features(offers),
        takes_all=inventory.origin is Origin.MACHINE,
        basis=inventory.origin.value,
    )


_ANY_CPU: Final = CpuPlace(
    millicores=None,
    memory_bytes=None,
    features=frozenset(),
    takes_all=False,
    basis="no node is known",
    notes=("no node is known: the plan assumes no bf16 and room for what it asks",),
)


def gpu_place(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> GpuPlace:
    """The GPU that a plan has to fit: the smallest memory and the lowest rates of all eligible.

    Raises:
        Refused: There is none, or nobody says how much memory it has.
    """
    offers = () if gpu.is_claimed else eligible_offers(inventory, ask, gpu)
    if not offers:
        return _expected(ask, gpu, inventory)
    shares = [(share, offer) for offer in offers if (share := _share(gpu, offer)) is not None]
    if not shares:
        raise Refused(memory_unknown(ask, offers[0].basis))
    memory, smallest = min(shares, key=lambda pair: pair[0])
    considered = [offer for _, offer in shares]
    is_capped = memory == gpu.memory_bytes and memory != smallest.memory_bytes
    is_shared = smallest.sharing is not Sharing.NONE
    return GpuPlace(
        device=_slowest(smallest.device, [offer.device for offer in considered]),
        count=gpu.count,
        resource=gpu.resource,
        memory_bytes=memory,
        cap_bytes=_cap(memory) if is_capped or is_shared else 0,
        basis=f"{ask.path}.gpu.memory" if is_capped else smallest.basis,
        host_millicores=_part(gpu, (offer.host_millicores for offer in considered)),
        host_memory_bytes=_part(gpu, (offer.host_memory_bytes for offer in considered)),
        notes=tuple(_notes(gpu, smallest, offers, left_out=len(offers) - len(considered))),
    )


def _cap(memory_bytes: int) -> int:
    """What an engine may allocate of its share: the CUDA context lies outside its allocator."""
    return max(1, memory_bytes - CUDA_CONTEXT.bytes)


def _share(gpu: GpuAsk, offer: GpuOffer) -> int | None:
    """What a pod takes of an offer: what it has, or what `gpu.memory` says if that is less."""
    return min(_known((offer.memory_bytes, gpu.memory_bytes)), default=None)


def _expected(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> GpuPlace:
    """A device that no node has now: from the table, or from `gpu.memory`, where nodes may come."""
    listed = [device for product in gpu.products if (device := find_device(product)) is not None]
    is_described = len(listed) == len(gpu.products) and (listed or gpu.memory_bytes is not None)
    if not is_described or not (inventory.can_grow or gpu.is_claimed):
        raise Refused(no_device(ask, gpu, inventory))
    device = _smallest(listed) if listed else _assumed(gpu)
    memory = min(_known((device.memory_bytes, gpu.memory_bytes)))
    is_capped = memory == gpu.memory_bytes
    return GpuPlace(
        device=device,
        count=gpu.count,
        resource=None if gpu.is_claimed else gpu.resource,
        memory_bytes=memory,
        cap_bytes=_cap(memory) if is_capped else 0,
        basis=f"{ask.path}.gpu.memory" if is_capped else "product table",
        host_millicores=None,
        host_memory_bytes=None,
        notes=(_CLAIMED if gpu.is_claimed else _absent(gpu),),
    )


def _absent(gpu: GpuAsk) -> str:
    """What brings such a node: autoscalers know of it only what its template says."""
    if not gpu.products:
        return _ABSENT
    key = f"{gpu.resource.removesuffix('.shared')}.product"
    return _TEMPLATE.format(absent=_ABSENT, label=f"{key}={gpu.products[0]}", key=key)


def _part(gpu: GpuAsk, amounts: Iterable[int | None]) -> int | None:
    """The least of what nodes have beside one device, for all devices of a pod."""
    least = min(_known(amounts), default=None)
    return None if least is None else least * gpu.count


def _assumed(gpu: GpuAsk) -> Device:
    return assumed_device(gpu.resource, (gpu.memory_bytes or 0) // MIB, None)


def _smallest(devices: Sequence[Device]) -> Device:
    return _slowest(min(devices, key=lambda device: device.memory_mib), devices)


def _slowest(device: Device, devices: Sequence[Device]) -> Device:
    """`device` at the lowest rates and the oldest capability of all `devices`."""
    return replace(
        device,
        half_tflops=min(one.half_tflops for one in devices),
        fp32_tflops=min(one.fp32_tflops for one in devices),
        bandwidth_gb_s=min(one.bandwidth_gb_s for one in devices),
        capability=min(one.capability for one in devices),
    )


def _known(amounts: Iterable[int | None]) -> list[int]:
    return [amount for amount in amounts if amount is not None]


def _shared_features(offers: Sequence[CpuOffer]) -> frozenset[str]:
    return frozenset.intersection(*(offer.features for offer in offers))


def _notes(
    gpu: GpuAsk, offer: GpuOffer, offers: Sequence[GpuOffer], left_out: int
) -> Iterable[str]:
    products = sorted({one.product or "unlabelled" for one in offers})
    if len(products) > 1:
        yield (
            f"planned for the smallest of {len(products)} products ({', '.join(products)}); "
            "gpu.products narrows the choice"
        )
    if offer.sharing is Sharing.TIME_SLICING:
        yield (
            f"the device is time-sliced among {offer.replicas} pods without isolation: the "
            "predictor keeps to its share of memory, a neighbour may not"
        )
    if offer.sharing is not Sharing.NONE:
        yield (
            f"rates are those of one of {offer.replicas} shares while all of them compute; alone "
            f"on the device a pod is up to {offer.replicas} times faster"
        )
    if gpu.count > 1 and offer.sharing is not Sharing.NONE:
        yield (
            f"{gpu.count} shares of a device may be of the same one: each engine is planned to "
            "have its own"
        )
    if left_out:
        yield "nodes that do not say their memory were left out; gpu.memory includes them"
    if offer.device.source.startswith(NOT_LISTED):
        yield f"{offer.product or offer.resource}: {offer.device.source}"
