"""What of an object is kept in memory: the parts that a pass reads. Pure.

A Node lists every image it holds and a pod its whole template; a thousand of each would be most of
the operator's memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from retrieval_operator.world.kinds import NODE, POD, REVISION, Document, Kind
from retrieval_operator.world.nodes import FACTS, as_facts

_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "labels",
    "annotations",
    "creationTimestamp",
    "deletionTimestamp",
    "ownerReferences",
)


def trimmed(kind: Kind, document: Document) -> dict[str, Any]:
    """The object without what nobody reads; trimming it again changes nothing."""
    cut = _CUTS.get(kind)
    kept = dict(document) if cut is None else cut(document)
    return {**kept, "metadata": _part(document.get("metadata"), *_METADATA)}


def kept(kind: Kind, document: Document) -> Document:
    """The object as the store has it: a Node as the facts that a plan reads."""
    if kind != NODE:
        return trimmed(kind, document)
    if FACTS in document:
        return document
    metadata = _part(document.get("metadata"), "name", "uid", "resourceVersion")
    return {**as_facts(document), "metadata": metadata}


def _node(document: Document) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "spec": _part(document.get("spec"), "taints"),
        "status": _part(document.get("status"), "allocatable", "capacity"),
    }


def _pod(document: Document) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": _part(document.get("spec"), "nodeName"),
        "status": document.get("status") or {},
    }


def _revision(document: Document) -> dict[str, Any]:
    """As text: parsed, its numbers and reasons would take five times the memory."""
    data = document.get("data")
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "revision": document.get("revision"),
        "data": data if isinstance(data, str) else json.dumps(data, separators=(",", ":")),
    }


_CUTS: Final[Mapping[Kind, Callable[[Document], dict[str, Any]]]] = {
    NODE: _node,
    POD: _pod,
    REVISION: _revision,
}


def _part(document: Any, *names: str) -> dict[str, Any]:
    found = document or {}
    return {name: found[name] for name in names if name in found}
