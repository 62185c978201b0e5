"""Whether all pods of a service find devices at once, on the nodes there are. Pure.

A plan asks whether one pod fits one device. Two components that need a whole GPU each do not both
run on a pool with one, and neither do two replicas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval_operator.inventory.node import Inventory, Node, Origin
from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.eligible import eligible_offers
from retrieval_operator.spec.choices import ComponentName


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pods of one component: `pods` of them, each with the devices that `ask` names."""

    ask: Ask
    pods: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Pods of a component that find no device: `seated` of `pods` do."""

    component: ComponentName
    resource: str
    seated: int
    pods: int
    before: tuple[ComponentName, ...]

    def __str__(self) -> str:
        taken = " and ".join(one.value for one in self.before)
        whose = f" beside {taken}" if taken else ""
        return (
            f"{self.seated} of {self.pods} pods find a {self.resource}{whose}: the others wait "
            "until a node joins. Ask for shares or slices of a device, gpu.products of another "
            "pool, or fewer replicas"
        )


def waiting(wanted: Sequence[Wanted], inventory: Inventory) -> tuple[Waits, ...]:
    """The components whose pods do not all find devices, on nodes that offer some.

    Who can go to fewer nodes is seated first, on nodes that the fewest others can use.
    """
    if inventory.origin is Origin.MACHINE:
        return ()  # its processes share what it has: no scheduler gives a device to one of them
    asked = [one for one in wanted if one.ask.gpu is not None and not one.ask.gpu.is_claimed]
    places = {one.ask.component: _places(one.ask, inventory) for one in asked}
    free: dict[tuple[int, str], int] = {}
    short: list[Waits] = []
    before: list[Wanted] = []
    for one in sorted(asked, key=lambda each: len(places[each.ask.component])):
        own = places[one.ask.component]
        nodes = sorted(own, key=lambda node: sum(node in each for each in places.values()))
        seated = _seated(one, [(node, own[node]) for node in nodes], free)
        if own and seated < one.pods:
            short.append(_waits(one, seated, before))
        before.append(one)
    return tuple(short)


def _places(ask: Ask, inventory: Inventory) -> Mapping[int, int]:
    """Devices that each node has for a component, by the node's number."""
    counts = (_count(ask, node, inventory) for node in inventory.nodes)
    return {number: count for number, count in enumerate(counts) if count}


def _count(ask: Ask, node: Node, inventory: Inventory) -> int:
    alone = Inventory((node,), inventory.origin)
    offers = eligible_offers(alone, ask, ask.gpu) if ask.gpu is not None else ()
    return sum(offer.count for offer in offers)


def _seated(one: Wanted, nodes: Sequence[tuple[int, int]], free: dict[tuple[int, str], int]) -> int:
    """How many pods find devices; what they take is gone from `free`."""
    resource, each = (one.ask.gpu.resource, one.ask.gpu.count) if one.ask.gpu else ("", 1)
    left = one.pods
    for node, count in nodes:
        key = (node, resource)
        pods = min(left, free.setdefault(key, count) // each)
        free[key] -= pods * each
        left -= pods
    return one.pods - left


def _waits(one: Wanted, seated: int, before: Sequence[Wanted]) -> Waits:
    resource = one.ask.gpu.resource if one.ask.gpu is not None else ""
    rivals = [
        other.ask.component
        for other in before
        if other.ask.gpu is not None and other.ask.gpu.resource == resource
    ]
    return Waits(one.ask.component, resource, seated, one.pods, tuple(rivals))
