"""The PodDisruptionBudget that lets a drain take one pod of a component at a time. Pure.

Source: Kubernetes documentation, "Specifying a Disruption Budget for your Application".
"""

from __future__ import annotations

from retrieval_operator.render.context import Manifest
from retrieval_operator.render.names import (
    COMPONENT_LABEL,
    inference_service_name,
    labels,
    metadata,
    selector,
)
from retrieval_operator.spec.choices import DeploymentMode
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.service import RetrievalService


def disruption_budget(service: RetrievalService, component: Component) -> Manifest:
    """At most one pod away by choice; with a single pod it would say nothing."""
    picked = {**selector(service), COMPONENT_LABEL: component.name.value}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            **metadata(service, inference_service_name(service, component.name)),
            "labels": labels(service, component.name),
        },
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": picked}},
    }


def has_budget(service: RetrievalService, component: Component) -> bool:
    """Whether the component can have several pods that Kubernetes, not Knative, counts."""
    scaling = component.autoscaling
    most = scaling.max_replicas if scaling else component.replicas or 1
    is_standard = service.spec.deployment_mode is DeploymentMode.STANDARD
    return is_standard and most > 1 and not service.spec.suspend
