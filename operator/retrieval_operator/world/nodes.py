"""A Node as it is kept: what a plan reads of it, and nothing else. Pure.

A Node of a GPU pool is 30 KB of JSON, most of it labels that thousands of nodes have alike. It is
read once, when it changes; equal texts are one object in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from sys import intern
from typing import Any, Final

from retrieval_operator.inventory import BadInventory, Node, nodes_of

Document = Mapping[str, Any]

FACTS: Final = "facts"
_PASSING: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that Kubernetes sets for a while: not ready, cordoned, under pressure. A plan is not for
this moment, so it does not look at them."""


def as_facts(document: Document) -> dict[str, Any]:
    """The Node as the store keeps it; one that cannot be read keeps no facts."""
    try:
        (node,) = nodes_of(document)
    except (BadInventory, ValueError):
        return {"kind": "Node", FACTS: None}
    return {"kind": "Node", FACTS: _lasting(node)}


def facts_of(kept: Document) -> Node | None:
    """What a plan reads of a kept Node."""
    found = kept.get(FACTS)
    return found if isinstance(found, Node) else None


def _lasting(node: Node) -> Node:
    return replace(
        node,
        labels={intern(name): intern(value) for name, value in node.labels.items()},
        taints=tuple(taint for taint in node.taints if not taint.key.startswith(_PASSING)),
    )
