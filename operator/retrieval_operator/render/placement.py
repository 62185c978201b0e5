"""Where pods may run: tolerations, affinity, and what the author adds to them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from retrieval_operator.plan.eligible import device_taint
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.pod import Toleration

PRODUCT_LABEL: Final = "nvidia.com/gpu.product"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def placement(component: Component) -> dict[str, Any]:
    """The fields of a PodSpec that say where the pod may run; absent where nothing is said."""
    template, gpu = component.pod_template, component.gpu
    fields = {
        "nodeSelector": dict(template.node_selector),
        "tolerations": list(_tolerations(component)),
        "affinity": _affinity(component),
        "priorityClassName": template.priority_class_name,
        "runtimeClassName": gpu.runtime_class_name if gpu else None,
    }
    return {name: value for name, value in fields.items() if value}


def _tolerations(component: Component) -> Iterator[dict[str, Any]]:
    ours = None
    if component.gpu is not None:
        ours = {
            "key": device_taint(component.gpu.resource),
            "operator": "Exists",
            "effect": "NoSchedule",
        }
        yield ours
    for written in map(_toleration, component.pod_template.tolerations):
        if written != ours:
            yield written


def _toleration(written: Toleration) -> dict[str, Any]:
    return written.model_dump(mode="json", by_alias=True, exclude_none=True)


def _affinity(component: Component) -> dict[str, Any]:
    """The author's affinity; `gpu.products` is a further condition of each of its node terms."""
    asked = component.pod_template.affinity
    affinity = asked.written() if asked else {}
    products = component.gpu.products if component.gpu else ()
    if not products:
        return affinity
    condition = {"key": PRODUCT_LABEL, "operator": "In", "values": list(products)}
    required = affinity.setdefault("nodeAffinity", {}).setdefault(_REQUIRED, {})
    terms = required.get("nodeSelectorTerms") or [{}]
    required["nodeSelectorTerms"] = [_with(condition, term) for term in terms]
    return affinity


def _with(condition: dict[str, Any], term: dict[str, Any]) -> dict[str, Any]:
    return {**term, "matchExpressions": [*term.get("matchExpressions", []), condition]}
