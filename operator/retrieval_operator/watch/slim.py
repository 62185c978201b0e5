"""What of an object is kept in memory: the parts that a pass reads. Pure.

A Node lists every image it holds and a pod its whole template; a thousand of each would be most of
the operator's memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from retrieval_operator.world import NODE, POD, REVISION, Document, Kind

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


def slim(kind: Kind, document: Document) -> Document:
    """The object without what nobody reads."""
    cut = _CUTS.get(kind)
    kept = dict(document) if cut is None else cut(document)
    return {**kept, "metadata": _part(document.get("metadata"), *_METADATA)}


def _node(document: Document) -> dict[str, Any]:
    return {
        "kind": "Node",
        "spec": _part(document.get("spec"), "taints"),
        "status": _part(document.get("status"), "allocatable", "capacity"),
    }


def _pod(document: Document) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "spec": _part(document.get("spec"), "nodeName"),
        "status": document.get("status") or {},
    }


def _revision(document: Document) -> dict[str, Any]:
    """As text: parsed, its numbers and reasons would take five times the memory."""
    text = json.dumps(document.get("data"), separators=(",", ":"))
    return {"kind": "ControllerRevision", "revision": document.get("revision"), "data": text}


_CUTS: Final[Mapping[Kind, Callable[[Document], dict[str, Any]]]] = {
    NODE: _node,
    POD: _pod,
    REVISION: _revision,
}


def _part(document: Any, *names: str) -> dict[str, Any]:
    found = document or {}
    return {name: found[name] for name in names if name in found}
