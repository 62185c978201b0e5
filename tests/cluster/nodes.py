"""Nodes as the GPU operator leaves them: labels of GPU Feature Discovery, resources of the plugin.

A `Shape` says what a node has; `node` makes a Node of it that only pods of one pool run on.
Labels and their values follow k8s-device-plugin, docs/gpu-feature-discovery; memory is what
nvidia-smi reports for a product or, under MIG, for a slice (`nvidia-smi mig -lgip`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.cluster.api import Document, is_ready
from tests.cluster.kwok import MANAGED

GPU: Final = "nvidia.com/gpu"
MIG: Final = "nvidia.com/mig-"
POOL: Final = "retrieval.test/pool"
"""Label and taint of the nodes that one test owns."""
_TAINT: Final = {"key": GPU, "value": "present", "effect": "NoSchedule"}
_OF_KUBERNETES: Final = "node.kubernetes.io/"
"""Begins the keys of taints that Kubernetes sets, as on a node that is not ready yet."""


@dataclass(frozen=True, slots=True)
class Product:
    """A GPU model as labels tell it."""

    memory_mib: int
    family: str
    capability: tuple[int, int]


PRODUCTS: Final = {
    "Tesla-T4": Product(15360, "turing", (7, 5)),
    "NVIDIA-A10": Product(23028, "ampere", (8, 6)),
    "NVIDIA-A100-SXM4-40GB": Product(40960, "ampere", (8, 0)),
    "NVIDIA-A100-SXM4-80GB": Product(81920, "ampere", (8, 0)),
    "NVIDIA-H100-80GB-HBM3": Product(81559, "hopper", (9, 0)),
    "NVIDIA-H200": Product(143771, "hopper", (9, 0)),
    "NVIDIA-L4": Product(23034, "ada-lovelace", (8, 9)),
    "NVIDIA-L40S": Product(46068, "ada-lovelace", (8, 9)),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """One MIG profile on a node."""

    profile: str
    memory_mib: int
    count: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What a node has. `devices` counts extended resources."""

    labels: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, int] = field(default_factory=dict)
    cores: int = 32
    memory: str = "256Gi"


def whole(product: str = "NVIDIA-L4", count: int = 1) -> Shape:
    """GPUs that a pod has for itself."""
    labels = _gpu(product, count) | {f"{GPU}.replicas": "1", f"{GPU}.sharing-strategy": "none"}
    return Shape(labels, {GPU: count})


def mig_single(
    product: str = "NVIDIA-A100-SXM4-80GB", part: Slice = Slice("1g.10gb", 9728, 7)
) -> Shape:
    """GPUs cut into equal slices, which are requested as if they were GPUs."""
    labels = _gpu(f"{product}-MIG-{part.profile}", part.count, PRODUCTS[product])
    labels |= {f"{GPU}.memory": str(part.memory_mib), "nvidia.com/mig.strategy": "single"}
    return Shape(labels | {"nvidia.com/mig.capable": "true"}, {GPU: part.count})


def mig_mixed(
    product: str = "NVIDIA-A100-SXM4-80GB",
    parts: tuple[Slice, ...] = (Slice("1g.10gb", 9728, 4), Slice("3g.40gb", 40192, 1)),
) -> Shape:
    """GPUs cut into different slices, each kind a resource of its own; no whole GPU is left."""
    labels = _gpu(product, 1)
    labels |= {"nvidia.com/mig.strategy": "mixed", "nvidia.com/mig.capable": "true"}
    for part in parts:
        prefix = f"{MIG}{part.profile}"
        labels |= {
            f"{prefix}.count": str(part.count),
            f"{prefix}.memory": str(part.memory_mib),
            f"{prefix}.product": f"{product}-MIG-{part.profile}",
        }
    return Shape(labels, {f"{MIG}{part.profile}": part.count for part in parts})


def time_sliced(
    product: str = "NVIDIA-L4", replicas: int = 4, count: int = 1, *, renamed: bool = False
) -> Shape:
    """GPUs that several pods use in turn, under the usual name or as `nvidia.com/gpu.shared`."""
    labels = _gpu(product if renamed else f"{product}-SHARED", count, PRODUCTS[product])
    labels |= {f"{GPU}.replicas": str(replicas), f"{GPU}.sharing-strategy": "time-slicing"}
    return Shape(labels, {f"{GPU}.shared" if renamed else GPU: count * replicas})


def mps(product: str = "NVIDIA-L4", replicas: int = 4) -> Shape:
    """A GPU that the Multi-Process Service divides into enforced shares."""
    labels = _gpu(f"{product}-SHARED", 1, PRODUCTS[product])
    labels |= {f"{GPU}.replicas": str(replicas), f"{GPU}.sharing-strategy": "mps"}
    return Shape(labels | {"nvidia.com/mps.capable": "true"}, {GPU: replicas})


def unlabelled(count: int = 1) -> Shape:
    """GPUs of a bare device plugin: no label tells what they are."""
    return Shape(devices={GPU: count})


def cpu(cores: int = 16, memory: str = "64Gi", features: tuple[str, ...] = ()) -> Shape:
    """No GPU; `features` are names of Node Feature Discovery such as AVX512BF16."""
    labels = {f"feature.node.kubernetes.io/cpu-cpuid.{name}": "true" for name in features}
    return Shape(labels, cores=cores, memory=memory)


def node(name: str, shape: Shape, pool: str = "") -> dict[str, Any]:
    """The Node. In a pool it takes only pods with `placement(pool)`."""
    amounts = {"cpu": str(shape.cores), "memory": shape.memory, "pods": "110"}
    amounts |= {resource: str(count) for resource, count in shape.devices.items()}
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **shape.labels,
        **({POOL: pool} if pool else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": dict(MANAGED)},
        "spec": {"taints": _taints(shape, pool)},
        "status": {"capacity": amounts, "allocatable": amounts},
    }


def takes_pods(document: Document) -> bool:
    """Whether a node is ready, and has lost the taint that it had before; that takes a moment."""
    taints = document["spec"].get("taints", ())
    return is_ready(document) and not any(one["key"].startswith(_OF_KUBERNETES) for one in taints)


def placement(pool: str) -> dict[str, Any]:
    """The part of a pod's spec that sends it to the nodes of a pool, GPU or not."""
    return {
        "nodeSelector": {POOL: pool},
        "tolerations": [
            {"key": POOL, "operator": "Equal", "value": pool, "effect": "NoSchedule"},
            {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
        ],
    }


def _taints(shape: Shape, pool: str) -> list[dict[str, str]]:
    own = {"key": POOL, "value": pool, "effect": "NoSchedule"}
    return ([own] if pool else []) + ([_TAINT] if shape.devices else [])


def _gpu(label: str, count: int, product: Product | None = None) -> dict[str, str]:
    facts = product or PRODUCTS[label]
    major, minor = facts.capability
    return {
        f"{GPU}.present": "true",
        f"{GPU}.product": label,
        f"{GPU}.count": str(count),
        f"{GPU}.memory": str(facts.memory_mib),
        f"{GPU}.family": facts.family,
        f"{GPU}.compute.major": str(major),
        f"{GPU}.compute.minor": str(minor),
    }


SHAPES: Final = {
    "t4": whole("Tesla-T4"),
    "l4": whole("NVIDIA-L4"),
    "a100": whole("NVIDIA-A100-SXM4-80GB"),
    "h100": whole("NVIDIA-H100-80GB-HBM3", count=8),
    "mig-single": mig_single(),
    "mig-mixed": mig_mixed(),
    "time-sliced": time_sliced(),
    "mps": mps(),
    "unlabelled": unlabelled(),
    "cpu": cpu(),
}
"""One of each kind, by the name that a person gives on the command line."""
