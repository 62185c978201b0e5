"""Where pods may run: tolerations, affinity, and what the author adds to them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from retrieval_operator.plan.eligible import device_taint
from retrieval_operator.plan.result import NodeKind, Plan, Requirement
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.pod import Toleration

PRODUCT_LABEL: Final = "nvidia.com/gpu.product"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def placement(component: Component, plan: Plan) -> dict[str, Any]:
    """The fields of a PodSpec that say where the pod may run; absent where nothing is said."""
    template, gpu = component.pod_template, component.gpu
    fields = {
        "nodeSelector": dict(template.node_selector),
        "tolerations": list(_tolerations(component)),
        "affinity": _affinity(component, plan),
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


def _affinity(component: Component, plan: Plan) -> dict[str, Any]:
    """The author's affinity, and in each of its node terms the kinds that the plan holds for.

    Terms are alternatives, so each of the author's is written once for each kind.
    """
    asked = component.pod_template.affinity
    affinity = asked.written() if asked else {}
    kinds = plan.kinds or _named(component)
    if not kinds:
        return affinity
    required = affinity.setdefault("nodeAffinity", {}).setdefault(_REQUIRED, {})
    terms = required.get("nodeSelectorTerms") or [{}]
    required["nodeSelectorTerms"] = [_with(kind, term) for term in terms for kind in kinds]
    return affinity


def _named(component: Component) -> tuple[NodeKind, ...]:
    """What the object names, where a plan was made for no cluster."""
    products = component.gpu.products if component.gpu else ()
    return (NodeKind((Requirement(PRODUCT_LABEL, "In", products),)),) if products else ()


def _with(kind: NodeKind, term: dict[str, Any]) -> dict[str, Any]:
    ours = [
        {"key": one.key, "operator": one.operator, "values": list(one.values)}
        for one in kind.requirements
    ]
    return {**term, "matchExpressions": [*term.get("matchExpressions", []), *ours]}
