"""What pods may take of nodes: GPUs, slices and shares of GPUs, cores and memory. Pure.

Labels are those of GPU Feature Discovery (NVIDIA k8s-device-plugin, docs/gpu-feature-discovery)
and of Node Feature Discovery (`feature.node.kubernetes.io/cpu-cpuid.*`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from retrieval_operator.devices import MIB, Capability, Device, assumed_device, find_device
from retrieval_operator.inventory.node import Node

NVIDIA: Final = "nvidia.com/"
WHOLE_GPU: Final = "nvidia.com/gpu"
MIG_PREFIX: Final = "nvidia.com/mig-"
_SHARED: Final = ".shared"
_CPUID: Final = "feature.node.kubernetes.io/cpu-cpuid."
CPU_FEATURES: Final = {"AVX512BF16": "avx512_bf16", "AMXBF16": "amx_bf16", "AVX512F": "avx512f"}
"""CPU features that decide precision and speed: Node Feature Discovery's name and Linux's."""


class Sharing(Enum):
    """How one device is split among pods."""

    NONE = "alone on the device"
    MPS = "MPS: an enforced share of the device"
    TIME_SLICING = "time-slicing: a share of the device that nothing enforces"


@dataclass(frozen=True, slots=True)
class GpuOffer:
    """What one request of an extended resource gets.

    `memory_bytes` is the pod's share, None where no label tells. `cores` and `host_memory_bytes`
    are the node's fair share beside it. `basis` says where memory and product come from.
    """

    resource: str
    product: str
    device: Device
    memory_bytes: int | None
    sharing: Sharing
    replicas: int
    count: int
    host_millicores: int | None
    host_memory_bytes: int | None
    basis: str


@dataclass(frozen=True, slots=True)
class CpuOffer:
    """What one node has for a pod that computes on the CPU; None where the source does not say."""

    millicores: int | None
    memory_bytes: int | None
    features: frozenset[str]


def gpu_offers(nodes: Iterable[Node], resource: str) -> tuple[GpuOffer, ...]:
    """Everything that a request of `resource` can land on, equal offers once, in a fixed order."""
    found = {offer for node in nodes if (offer := _gpu_offer(node, resource)) is not None}
    return tuple(sorted(found, key=_smallest_first))


def resources_of(nodes: Iterable[Node]) -> tuple[str, ...]:
    """The device resources that nodes offer, sorted."""
    return tuple(sorted({name for node in nodes for name in _device_resources(node)}))


def cpu_offers(nodes: Iterable[Node]) -> tuple[CpuOffer, ...]:
    """What each node has for CPU pods, equal offers once, smallest first."""
    found = {CpuOffer(node.millicores, node.memory_bytes, _features(node)) for node in nodes}
    return tuple(sorted(found, key=_least_first))


def _gpu_offer(node: Node, resource: str) -> GpuOffer | None:
    prefix = resource.removesuffix(_SHARED)
    replicas = _replicas(node, prefix)
    count = _count(node, resource, prefix, replicas)
    if count == 0:
        return None
    product = _product(node, prefix)
    total_mib = _number(node.labels, f"{prefix}.memory")
    device = _shared(_device(node, prefix, product, total_mib), replicas)
    memory_bytes, basis = _share(prefix, device, total_mib, replicas)
    return GpuOffer(
        resource=resource,
        product=product,
        device=device,
        memory_bytes=memory_bytes,
        sharing=_sharing(node, prefix, replicas),
        replicas=replicas,
        count=count,
        host_millicores=_portion(node.millicores, count),
        host_memory_bytes=_portion(node.memory_bytes, count),
        basis=basis,
    )


def _count(node: Node, resource: str, prefix: str, replicas: int) -> int:
    """Requests the node can serve: what is allocatable, else what the labels announce."""
    if node.devices is not None:
        return node.devices.get(resource, 0)
    if resource.endswith(_SHARED) and replicas == 1:
        return 0
    return (_number(node.labels, f"{prefix}.count") or 0) * replicas


def _replicas(node: Node, prefix: str) -> int:
    return max(1, _number(node.labels, f"{prefix}.replicas") or 1)


def _sharing(node: Node, prefix: str, replicas: int) -> Sharing:
    if replicas == 1:
        return Sharing.NONE
    strategy = node.labels.get(f"{prefix}.sharing-strategy", "")
    return Sharing.MPS if strategy == "mps" else Sharing.TIME_SLICING


def _product(node: Node, prefix: str) -> str:
    product = node.labels.get(f"{prefix}.product", "")
    if product or not prefix.startswith(MIG_PREFIX):
        return product
    parent = node.labels.get(f"{WHOLE_GPU}.product", "")
    return f"{parent}-MIG-{prefix.removeprefix(MIG_PREFIX)}" if parent else ""


def _device(node: Node, prefix: str, product: str, total_mib: int | None) -> Device:
    listed = find_device(product)
    if listed is not None:
        return replace(listed, memory_mib=total_mib or listed.memory_mib)
    return assumed_device(product or prefix, total_mib or 0, _capability(node))


def _shared(device: Device, replicas: int) -> Device:
    """The device at a share's part of its rates: what is left while all who share it compute."""
    if replicas == 1:
        return device
    return replace(
        device,
        half_tflops=device.half_tflops / replicas,
        fp32_tflops=device.fp32_tflops / replicas,
        bandwidth_gb_s=device.bandwidth_gb_s / replicas,
        source=f"{device.source}, one of {replicas} shares",
    )


def _share(
    prefix: str, device: Device, total_mib: int | None, replicas: int
) -> tuple[int | None, str]:
    if total_mib is None and device.memory_mib == 0:
        return None, f"no label says how much memory a {prefix} has"
    label = f"{prefix}.memory"
    basis = f"label {label}" if total_mib else "product table"
    share = device.memory_mib * MIB // replicas
    if replicas > 1:
        return share, f"{basis}: {device.memory_mib} MiB for {replicas} replicas"
    return share, f"{basis}: {device.memory_mib} MiB"


def _capability(node: Node) -> Capability | None:
    major = _number(node.labels, f"{WHOLE_GPU}.compute.major")
    minor = _number(node.labels, f"{WHOLE_GPU}.compute.minor")
    return (major, minor or 0) if major else None


def _number(labels: Mapping[str, str], key: str) -> int | None:
    text = labels.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _portion(amount: int | None, count: int) -> int | None:
    return None if amount is None else amount // count


def _device_resources(node: Node) -> Iterator[str]:
    if node.devices is not None:
        yield from (name for name, count in node.devices.items() if count > 0)
        return
    for label in node.labels:
        if label.startswith(NVIDIA) and label.endswith(".count"):
            resource = label.removesuffix(".count")
            if _gpu_offer(node, resource) is not None:
                yield resource


def _features(node: Node) -> frozenset[str]:
    return frozenset(
        name for cpuid, name in CPU_FEATURES.items() if node.labels.get(_CPUID + cpuid) == "true"
    )


def _smallest_first(offer: GpuOffer) -> tuple[object, ...]:
    return (
        offer.memory_bytes is not None,  # the unknown first: it has to be asked about
        offer.memory_bytes or 0,
        offer.device.half_tflops,
        offer.product,
        offer.host_millicores or 0,
        offer.host_memory_bytes or 0,
        repr(offer),
    )


def _least_first(offer: CpuOffer) -> tuple[object, ...]:
    return (offer.memory_bytes or 0, offer.millicores or 0, sorted(offer.features))
