"""The KServe InferenceService of one component, as KServe's own defaulting would leave it. Pure.

Source: kserve 0.20, pkg/apis/serving/v1beta1 (ComponentExtensionSpec, PodSpec, the defaulter).
"""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.plan.result import Plan
from retrieval_operator.plan.rows import digest
from retrieval_operator.render.context import Context, Manifest
from retrieval_operator.render.names import (
    DIGEST_ANNOTATION,
    inference_service_name,
    labels,
    metadata,
)
from retrieval_operator.render.pod import pod
from retrieval_operator.spec.choices import RolloutStrategy, Visibility
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.service import RetrievalService

_IN_PLACE: Final = {"maxSurge": 0, "maxUnavailable": 1}
"""One old pod goes before its successor comes: needs no spare device."""
_SURGE: Final = {"maxSurge": 1, "maxUnavailable": 0}


def inference_service(
    service: RetrievalService, component: Component, plan: Plan, context: Context
) -> Manifest:
    """What KServe runs for this component."""
    name = inference_service_name(service, component.name)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            **metadata(service, name),
            "labels": {**labels(service, component.name), **_visibility(service)},
            "annotations": _annotations(service, plan),
        },
        "spec": {"predictor": _predictor(component, plan, context)},
    }


def _visibility(service: RetrievalService) -> dict[str, str]:
    if service.spec.expose.visibility is Visibility.EXTERNAL:
        return {}
    return {"networking.kserve.io/visibility": "cluster-local"}


def _annotations(service: RetrievalService, plan: Plan) -> dict[str, str]:
    stopped = {"serving.kserve.io/stop": "true"} if service.spec.suspend else {}
    return {
        "serving.kserve.io/deploymentMode": service.spec.deployment_mode.value,
        "serving.kserve.io/autoscalerClass": "none",
        **stopped,
        DIGEST_ANNOTATION: digest(plan),
    }


def _predictor(component: Component, plan: Plan, context: Context) -> dict[str, Any]:
    replicas, template = component.replicas or 1, component.pod_template
    added = {"labels": dict(template.labels), "annotations": dict(template.annotations)}
    return {
        "minReplicas": replicas,
        "maxReplicas": replicas,
        "deploymentStrategy": _strategy(component),
        **{name: value for name, value in added.items() if value},
        **pod(component, plan, context.image),
    }


def _strategy(component: Component) -> dict[str, Any]:
    strategy = component.rollout.strategy
    if strategy is RolloutStrategy.RECREATE:
        return {"type": "Recreate"}
    in_place = strategy is RolloutStrategy.AUTO and component.gpu is not None
    return {"type": "RollingUpdate", "rollingUpdate": dict(_IN_PLACE if in_place else _SURGE)}
