"""Read nodes out of documents: `kubectl get nodes -o yaml`, one Node, or bare labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from retrieval_operator.devices import MIB
from retrieval_operator.errors import AuthorError, BadQuantity
from retrieval_operator.inventory.node import Node, Taint
from retrieval_operator.inventory.offers import MIG_PREFIX, WHOLE_GPU
from retrieval_operator.products import listed_name, similar_products, wrong_slice
from retrieval_operator.spec.quantity import Quantity

_PLAIN = frozenset({"cpu", "memory", "pods", "ephemeral-storage"})
_TENTH = 10
_LEAST_MILLICORES = 500
_LEAST_BYTES = 512 * MIB
"""What DaemonSets ask for beside our pods (network, proxy, disks, logs, metrics): a tenth of a node
and at least this. A request for all that is allocatable would never be scheduled.

Source: their requests on a node of EKS (kube-proxy 100m, aws-node 50m, ebs-csi-node 30m), GKE and
AKS (300m to 500m in all, with logging and metrics).
"""


@dataclass(eq=False)
class BadInventory(AuthorError):
    """A node file or a product name that tells nothing about nodes."""

    code: ClassVar[str] = "BadInventory"
    problem: str

    def __str__(self) -> str:
        return self.problem


def nodes_of(document: Any) -> tuple[Node, ...]:
    """The nodes of a parsed YAML or JSON document.

    Taken are a List or NodeList, one Node, a map of labels, and a list of nodes or maps.

    Raises:
        BadInventory: The document is none of these, or holds no node.
    """
    nodes = tuple(_nodes(document, 0))
    if not nodes:
        raise BadInventory("no nodes in it: give the output of `kubectl get nodes -o yaml`")
    return nodes


def product_node(argument: str) -> Node:
    """A node with the GPUs of a command line argument: `NVIDIA-L4` or `NVIDIA-L4:4`.

    Raises:
        BadInventory: The product is not in the table, or the count is no positive integer.
    """
    written, colon, count = argument.partition(":")
    if colon and not (count.isascii() and count.isdigit() and 0 < int(count[:6]) <= 1024):
        raise BadInventory(f"{argument}: the count after the colon must be 1 to 1024")
    product = listed_name(written)
    if product is None:
        raise BadInventory(_not_listed(written))
    problem = wrong_slice(product)
    if problem is not None:
        raise BadInventory(problem)
    resources = (WHOLE_GPU, *(f"{MIG_PREFIX}{profile}" for profile in _profile(product)))
    labels: dict[str, str] = {}
    for resource in resources:
        labels |= {f"{resource}.product": product, f"{resource}.count": count or "1"}
    return Node(name=product, labels=labels)


def described_node(argument: str, memory_bytes: int, capability: tuple[int, int] | None) -> Node:
    """A node with GPUs that need not be listed: their memory and generation are said instead.

    Raises:
        BadInventory: The count is no positive integer.
    """
    written, _, count = argument.partition(":")
    if count and not (count.isascii() and count.isdigit() and int(count)):
        raise BadInventory(f"{argument}: the count after the colon must be 1 to 1024")
    labels = {
        f"{WHOLE_GPU}.product": listed_name(written) or "-".join(written.split()) or "GPU",
        f"{WHOLE_GPU}.count": count or "1",
        f"{WHOLE_GPU}.memory": str(memory_bytes // MIB),
    }
    if capability is not None:
        labels[f"{WHOLE_GPU}.compute.major"], labels[f"{WHOLE_GPU}.compute.minor"] = map(
            str, capability
        )
    return Node(name=labels[f"{WHOLE_GPU}.product"], labels=labels)


def _not_listed(written: str) -> str:
    *others, last = ("", *similar_products(written))
    hint = ", ".join(filter(None, others)) + (" or " if any(others) else "") + last
    return (
        f"{written!r} is not in the table of GPU products, which `retrieval gpus` prints"
        + (f"; did you mean {hint}?" if hint else ".")
        + " Any other can be described: --gpu NAME --gpu-memory 96Gi --gpu-capability 9.0"
    )


def _profile(product: str) -> tuple[str, ...]:
    """The MIG profile of a product: with the mixed strategy its slices are a resource too."""
    _, mark, profile = product.removesuffix("-SHARED").rpartition("-MIG-")
    return (profile,) if mark else ()


def _nodes(document: Any, depth: int) -> Iterator[Node]:
    if depth > 3:
        raise BadInventory("lists of lists hold no nodes")
    if isinstance(document, Sequence) and not isinstance(document, str | bytes):
        for item in document:
            yield from _nodes(item, depth + 1)
    elif not isinstance(document, Mapping):
        raise BadInventory(f"{str(document)[:40]!r} is neither a Node nor a map of labels")
    elif isinstance(document.get("items"), list):
        yield from _nodes(document["items"], depth + 1)
    elif document.get("kind") == "Node":
        yield _node(document)
    else:
        yield Node(labels=_labels(document))


def _node(document: Mapping[str, Any]) -> Node:
    metadata = _mapping(document.get("metadata"))
    spec, status = _mapping(document.get("spec")), _mapping(document.get("status"))
    allocatable = _mapping(status.get("allocatable")) or _mapping(status.get("capacity"))
    return Node(
        name=str(metadata.get("name", "")),
        labels=_labels(_mapping(metadata.get("labels"))),
        taints=tuple(_taints(spec.get("taints"))),
        millicores=_left(_amount(allocatable, "cpu", "millicores"), _LEAST_MILLICORES),
        memory_bytes=_left(_amount(allocatable, "memory", "bytes"), _LEAST_BYTES),
        devices=_devices(allocatable) if allocatable else None,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _labels(document: Mapping[str, Any]) -> dict[str, str]:
    if any(isinstance(value, Mapping | list) for value in document.values()):
        raise BadInventory("a document is neither a Node nor a map of labels")
    return {str(key): _text(value) for key, value in document.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _taints(written: Any) -> Iterator[Taint]:
    for item in written if isinstance(written, list) else ():
        taint = _mapping(item)
        yield Taint(
            str(taint.get("key", "")), str(taint.get("value", "")), str(taint.get("effect", ""))
        )


def _amount(allocatable: Mapping[str, Any], name: str, unit: str) -> int | None:
    if name not in allocatable:
        return None
    try:
        amount = getattr(Quantity.parse(allocatable[name]), unit)
    except BadQuantity as error:
        raise BadInventory(f"allocatable {name}: {error}") from error
    return int(amount)


def _left(allocatable: int | None, least: int) -> int | None:
    """What DaemonSets leave of a node; never less than half of it."""
    if allocatable is None:
        return None
    return allocatable - min(allocatable // 2, max(least, allocatable // _TENTH))


def _devices(allocatable: Mapping[str, Any]) -> dict[str, int]:
    devices = {}
    for name, written in allocatable.items():
        if name not in _PLAIN and "/" in name and str(written).isdigit():
            devices[name] = int(written)
    return devices
