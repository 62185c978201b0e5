"""Changes that would turn a refusal into a plan; each is planned again before it is proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from retrieval_operator.devices import PRODUCTS, Device
from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.inventory.node import Inventory, Origin
from retrieval_operator.inventory.offers import gpu_offers, resources_of
from retrieval_operator.inventory.reading import product_node
from retrieval_operator.plan.ask import Ask, GpuAsk
from retrieval_operator.plan.eligible import eligible_nodes
from retrieval_operator.plan.footprint import HOST_MEMORY_STEP_BYTES
from retrieval_operator.plan.result import Plan, Reason, Refusal, Remedy
from retrieval_operator.plan.sizes import TIDY, gi, gi_up, quantity_text, round_up
from retrieval_operator.spec.choices import Precision

Decide = Callable[[Ask, ModelFacts, Inventory], Plan | Refusal]
MOST: Final = 4
_MOST_AT_ONCE: Final = 3
_SHORTEST_INPUT_TOKENS: Final = 128
_GPU_SIZES_GIB: Final = (2, 4, 8, 12, 16, 24, 32, 48, 80, 141, 180)


def remedies(
    ask: Ask, facts: ModelFacts, inventory: Inventory, refusal: Refusal, decide: Decide
) -> tuple[Remedy, ...]:
    """Up to four changes that fit, those of the object first; several at once where one cannot do.

    Of each kind of change the mildest that fits is taken: the longest input, the smallest product.
    """
    found = _Search(facts, decide).changes(ask, inventory, refusal, _MOST_AT_ONCE)
    return tuple(islice(_distinct(found), MOST))


@dataclass(frozen=True, slots=True)
class _Search:
    """Tries changes for one model."""

    facts: ModelFacts
    decide: Decide

    def changes(
        self, ask: Ask, inventory: Inventory, refusal: Refusal, at_once: int
    ) -> Iterator[Remedy]:
        """Single changes that fit; if there are none, up to `at_once` changes together."""
        single = [found for kind in self._kinds(ask, inventory, refusal) for found in kind]
        yield from single
        if single or at_once == 1:
            return
        for kind in _kinds(ask, self.facts, inventory, refusal):
            for first in islice(kind, 1):
                yield from self._completed(first, at_once - 1)

    def _kinds(
        self, ask: Ask, inventory: Inventory, refusal: Refusal
    ) -> Iterator[Iterable[Remedy]]:
        """Of each kind the mildest change that fits."""
        for kind in _kinds(ask, self.facts, inventory, refusal):
            yield islice(filter(self._fits, kind), 1)

    def _completed(self, first: Remedy, at_once: int) -> Iterator[Remedy]:
        """A change that does not suffice, together with what makes it suffice."""
        answer = self.decide(first.ask, self.facts, first.inventory)
        if isinstance(answer, Refusal):
            for rest in islice(self.changes(first.ask, first.inventory, answer, at_once), 1):
                yield replace(rest, text=f"{first.text}, and {rest.text}")

    def _fits(self, candidate: Remedy) -> bool:
        return isinstance(self.decide(candidate.ask, self.facts, candidate.inventory), Plan)


def _distinct(found: Iterable[Remedy]) -> Iterator[Remedy]:
    """Each end result once, by whichever way it was reached first."""
    seen: list[tuple[Ask, Inventory]] = []
    for remedy in found:
        if (remedy.ask, remedy.inventory) not in seen:
            seen.append((remedy.ask, remedy.inventory))
            yield remedy


def _kinds(
    ask: Ask, facts: ModelFacts, inventory: Inventory, refusal: Refusal
) -> Iterator[Iterable[Remedy]]:
    """Candidates by kind, each kind from the mildest change to the hardest."""
    yield _precisions(ask, inventory)
    yield _batches(ask, inventory)
    yield _inputs(ask, facts, inventory)
    yield _memory_limits(ask, inventory, refusal)
    if ask.gpu is not None:
        yield _gpu_memory(ask, ask.gpu, inventory, refusal)
        yield _present_products(ask, ask.gpu, inventory)
        yield _present_resources(ask, ask.gpu, inventory)
        if refusal.reason is not Reason.MEMORY_UNKNOWN:
            yield _listed_products(ask, ask.gpu, inventory)
    yield _nodes(ask, inventory, refusal)


def _precisions(ask: Ask, inventory: Inventory) -> Iterator[Remedy]:
    if ask.precision is not Precision.AUTO:
        changed = replace(ask, precision=Precision.AUTO)
        yield Remedy(f"{ask.path}.precision: Auto", changed, inventory)


def _batches(ask: Ask, inventory: Inventory) -> Iterator[Remedy]:
    if ask.max_batch_tokens is None:
        return
    field = f"{ask.path}.batching.maxBatchTokens"
    least = ask.max_input_tokens or _SHORTEST_INPUT_TOKENS
    for size in reversed(TIDY):
        if least <= size < ask.max_batch_tokens:
            yield Remedy(f"{field}: {size}", replace(ask, max_batch_tokens=size), inventory)


def _inputs(ask: Ask, facts: ModelFacts, inventory: Inventory) -> Iterator[Remedy]:
    """Shorter inputs; a batch that was set goes with them, since it may not be smaller."""
    now = ask.max_input_tokens or facts.limit_tokens
    for length in (facts.limit_tokens, *reversed(TIDY)):
        if _SHORTEST_INPUT_TOKENS <= length < now and length <= facts.limit_tokens:
            text = f"{ask.path}.maxInputTokens: {length}"
            shorter = replace(ask, max_input_tokens=length, max_batch_tokens=None)
            if ask.max_batch_tokens is not None:
                text += " without batching.maxBatchTokens"
            yield Remedy(text, shorter, inventory)


def _memory_limits(ask: Ask, inventory: Inventory, refusal: Refusal) -> Iterator[Remedy]:
    if ask.memory_limit_bytes is None or refusal.budget is None:
        return
    if refusal.reason is Reason.DOES_NOT_FIT and ask.gpu is not None:
        return
    enough = round_up(refusal.budget.total_bytes, HOST_MEMORY_STEP_BYTES)
    text = f"{ask.path}.resources.limits.memory: {quantity_text(enough)}"
    yield Remedy(text, replace(ask, memory_limit_bytes=enough), inventory)


def _gpu_memory(ask: Ask, gpu: GpuAsk, inventory: Inventory, refusal: Refusal) -> Iterator[Remedy]:
    field = f"{ask.path}.gpu.memory"
    if refusal.reason is Reason.MEMORY_UNKNOWN:
        for size_gib in _GPU_SIZES_GIB:
            said = replace(ask, gpu=replace(gpu, memory_bytes=size_gib * 2**30))
            yield Remedy(
                f"{field} with the card's memory, if {size_gib}Gi or more", said, inventory
            )
    elif gpu.memory_bytes is not None:
        changed = replace(ask, gpu=replace(gpu, memory_bytes=None))
        yield Remedy(f"remove {field}", changed, inventory)


def _present_products(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> Iterator[Remedy]:
    """Products that eligible nodes have, one at a time, smallest first."""
    anything = replace(gpu, products=())
    offers = gpu_offers(eligible_nodes(inventory, ask), anything.resource)
    for product in dict.fromkeys(offer.product for offer in offers if offer.product):
        if (product,) != gpu.products:
            changed = replace(ask, gpu=replace(gpu, products=(product,)))
            yield Remedy(f"{ask.path}.gpu.products: [{product}]", changed, inventory)


def _present_resources(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> Iterator[Remedy]:
    for resource in resources_of(eligible_nodes(inventory, ask)):
        if resource != gpu.resource:
            changed = replace(ask, gpu=replace(gpu, resource=resource, products=()))
            yield Remedy(f"{ask.path}.gpu.resource: {resource}", changed, inventory)


def _listed_products(ask: Ask, gpu: GpuAsk, inventory: Inventory) -> Iterator[Remedy]:
    """Products of the table that are not here: those asked for, then the smallest memory first."""
    present = {offer.product for offer in gpu_offers(inventory.nodes, gpu.resource)}
    for device in sorted(PRODUCTS.values(), key=lambda one: _preference(gpu, one)):
        if device.product not in present:
            whole = GpuAsk(products=(device.product,), count=gpu.count)
            node = product_node(f"{device.product}:{gpu.count}")
            imagined = Inventory((node,), Origin.PRODUCT)
            number = f"{gpu.count} × " if gpu.count > 1 else ""
            text = f"a node with {number}{device.product} ({gi(device.memory_bytes)})"
            yield Remedy(text, replace(ask, gpu=whole), imagined)


def _preference(gpu: GpuAsk, device: Device) -> tuple[object, ...]:
    is_for_gamers = "GeForce" in device.product
    return device.product not in gpu.products, is_for_gamers, device.memory_mib, device.product


def _nodes(ask: Ask, inventory: Inventory, refusal: Refusal) -> Iterator[Remedy]:
    """The same nodes with enough main memory."""
    budget = refusal.budget
    is_host = refusal.reason is Reason.HOST_TOO_SMALL or ask.gpu is None
    if budget is None or not is_host or ask.memory_limit_bytes is not None:
        return
    enough = gi_up(budget.total_bytes) * 2**30
    share = max(1, *(sum((node.devices or {}).values()) or 1 for node in inventory.nodes), 1)
    larger = tuple(replace(node, memory_bytes=enough * share) for node in inventory.nodes)
    text = f"nodes with {enough // 2**30} Gi of memory for this pod"
    yield Remedy(text, ask, replace(inventory, nodes=larger))
