"""What to say when no node has what a component asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from retrieval_operator.inventory.node import Inventory
from retrieval_operator.inventory.offers import MIG_PREFIX, gpu_offers, resources_of
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.plan.eligible import is_wanted
from retrieval_operator.plan.result import Reason, Refusal
from retrieval_operator.products import similar_products


def no_node(ask: Ask, inventory: Inventory) -> Refusal:
    """No node takes the pod at all."""
    selector = ", ".join(f"{key}={value}" for key, value in sorted(ask.node_selector.items()))
    return Refusal(
        ask.component,
        Reason.NO_SUCH_DEVICE,
        f"none of {len(inventory.nodes)} nodes takes the pod: "
        + (f"nodeSelector {selector} or a taint" if selector else "a taint")
        + " keeps it away",
        advice=(f"change {ask.path}.podTemplate: nodeSelector, or tolerations for the taint",),
    )


def no_device(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> Refusal:
    """No node has the resource, or none of the products, or none that the pod may use."""
    if any(is_wanted(offer, gpu) for offer in gpu_offers(inventory.nodes, gpu.resource)):
        return no_node(ask, inventory)
    wanted = gpu.resource if gpu.count == 1 else f"{gpu.count} {gpu.resource} on one node"
    if gpu.products:
        wanted += f" on {' or '.join(gpu.products)}"
    return Refusal(
        ask.component,
        Reason.NO_SUCH_DEVICE,
        f"{ask.path}.gpu asks for {wanted}; {inventory.origin.value} has {_what_is(inventory)}",
        advice=tuple(_advice(ask, gpu, inventory)),
    )


def memory_unknown(ask: Ask, basis: str) -> Refusal:
    """There is a device, and nobody says how much memory it has."""
    return Refusal(
        ask.component,
        Reason.MEMORY_UNKNOWN,
        f"{basis}, and {ask.path}.gpu.memory is not set",
        advice=("run GPU Feature Discovery, which labels the nodes",),
    )


def _what_is(inventory: Inventory) -> str:
    kinds = []
    for resource in resources_of(inventory.nodes):
        products = {offer.product for offer in gpu_offers(inventory.nodes, resource)} - {""}
        kinds.append(resource + (f" on {', '.join(sorted(products))}" if products else ""))
    return "; ".join(kinds) or "no GPU"


def _advice(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> Iterable[str]:
    near = [name for product in gpu.products for name in similar_products(product)]
    for name in near[:1]:
        if name not in gpu.products:
            yield f"did you mean {name}?"
    if not inventory.can_grow:
        yield f"plan for a product that is not here with --gpu, such as --gpu {_example(gpu)}"
    else:
        yield f"say {ask.path}.gpu.memory, and the plan waits for a node that joins"
    yield f"without {ask.path}.gpu the component computes on the CPU"


def _example(gpu: GpuAsk) -> str:
    profile = gpu.resource.removeprefix(MIG_PREFIX)
    if profile != gpu.resource:
        return f"NVIDIA-A100-SXM4-80GB-MIG-{profile}"
    return gpu.products[0] if gpu.products else "NVIDIA-L4"
