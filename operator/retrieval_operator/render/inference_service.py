"""The KServe InferenceService of one component, as KServe's own defaulting would leave it. Pure.

Source: kserve 0.20, pkg/apis/serving/v1beta1 (ComponentExtensionSpec, PodSpec, the defaulter).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from retrieval_operator.plan.result import Plan
from retrieval_operator.plan.revision import Revision
from retrieval_operator.plan.rows import DIGEST_ANNOTATION, POD_ANNOTATION
from retrieval_operator.render.context import Manifest
from retrieval_operator.render.names import inference_service_name, labels, metadata
from retrieval_operator.render.pod import pod
from retrieval_operator.render.scaling import knative_scale
from retrieval_operator.spec.choices import DeploymentMode, RolloutStrategy, Visibility
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.service import RetrievalService

_DIGEST_LETTERS: Final = 16
STOP_ANNOTATION: Final = "serving.kserve.io/stop"
_IN_PLACE: Final = {"maxSurge": 0, "maxUnavailable": 1}
"""One old pod goes before its successor comes: needs no spare device."""
_SURGE: Final = {"maxSurge": 1, "maxUnavailable": 0}


def inference_service(
    service: RetrievalService, component: Component, revision: Revision
) -> Manifest:
    """What KServe runs for this component."""
    name = inference_service_name(service, component.name)
    template = _template(service, component, revision)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            **metadata(service, name),
            "labels": {**labels(service, component.name), **_visibility(service)},
            "annotations": {
                **_annotations(service, component),
                DIGEST_ANNOTATION: revision.digest,
                POD_ANNOTATION: pod_digest(template),
            },
        },
        "spec": {"predictor": {**_scale(service, component, revision.plan), **template}},
    }


def _visibility(service: RetrievalService) -> dict[str, str]:
    if service.spec.expose.visibility is Visibility.EXTERNAL:
        return {}
    return {"networking.kserve.io/visibility": "cluster-local"}


def pod_digest(template: Mapping[str, Any]) -> str:
    """A fingerprint of everything that is rendered of a pod.

    KServe copies it to the pods, so they tell whether they are what the object asks for now.
    """
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LETTERS]


def _annotations(service: RetrievalService, component: Component) -> dict[str, str]:
    stopped = {STOP_ANNOTATION: "true"} if service.spec.suspend else {}
    return {
        "serving.kserve.io/deploymentMode": service.spec.deployment_mode.value,
        **_mode_annotations(service, component),
        **stopped,
    }


def _mode_annotations(service: RetrievalService, component: Component) -> dict[str, str]:
    if service.spec.deployment_mode is DeploymentMode.KNATIVE:
        # a revision that is not ready by then is given up; Knative's own default is 600 s
        return {"serving.knative.dev/progress-deadline": f"{component.startup_timeout_seconds}s"}
    scaler = "none" if component.autoscaling is None else "external"
    return {"serving.kserve.io/autoscalerClass": scaler}


def _template(
    service: RetrievalService, component: Component, revision: Revision
) -> dict[str, Any]:
    """The pod: what restarts it when it changes."""
    template = component.pod_template
    added = {"labels": dict(template.labels), "annotations": dict(template.annotations)}
    return {
        **{name: value for name, value in added.items() if value},
        **pod(service, component, revision.plan, revision.image),
    }


def _scale(service: RetrievalService, component: Component, plan: Plan) -> dict[str, Any]:
    if service.spec.deployment_mode is DeploymentMode.KNATIVE:
        # 0: as many requests at once as come, or no batch would ever form
        return {**knative_scale(component, plan), "containerConcurrency": 0}
    scaling = component.autoscaling
    fixed = component.replicas or 1
    return {
        "minReplicas": max(1, scaling.min_replicas) if scaling else fixed,
        "maxReplicas": scaling.max_replicas if scaling else fixed,
        "deploymentStrategy": _strategy(component),
    }


def _strategy(component: Component) -> dict[str, Any]:
    strategy = component.rollout.strategy
    if strategy is RolloutStrategy.RECREATE:
        return {"type": "Recreate"}
    in_place = strategy is RolloutStrategy.AUTO and component.gpu is not None
    return {"type": "RollingUpdate", "rollingUpdate": dict(_IN_PLACE if in_place else _SURGE)}
