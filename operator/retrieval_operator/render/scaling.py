"""What makes the number of pods follow the load: a HorizontalPodAutoscaler or a ScaledObject. Pure.

KServe's own autoscaler objects drop `behavior` and know CPU and memory only, so it is told to leave
scaling alone (`autoscalerClass: external`) and the object below is ours. Its Deployment then starts
with one pod, whatever the least is; both autoscalers raise it at once.
Source: Kubernetes API reference, HorizontalPodAutoscaler v2; KEDA documentation, "ScaledObject
specification" and "Prometheus" scaler; kserve 0.20, reconcilers/deployment.
"""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.plan.capacity import IN_TIME_S
from retrieval_operator.plan.result import Plan
from retrieval_operator.render.context import KEDA_API, Context, Manifest
from retrieval_operator.render.names import inference_service_name, labels, metadata
from retrieval_operator.spec.choices import ComponentName, DeploymentMode, ScalingMetric
from retrieval_operator.spec.component import Autoscaling, Component
from retrieval_operator.spec.quantity import Quantity, cores_text
from retrieval_operator.spec.service import RetrievalService

WAIT_METRIC: Final = "retrieval_queue_wait_seconds"
_TARGETS: Final = {
    ScalingMetric.QUEUE_WAIT: Quantity.parse("200m"),
    ScalingMetric.CPU: Quantity.parse("800m"),
}
_WINDOW: Final = "2m"
"""Long enough for four scrapes, short beside the minutes that a new pod takes to load a model."""
_NEVER_SIZES: Final = "1000000000"
"""Threshold of the trigger that only wakes: no rate reaches it, so it asks for one pod."""

BEHAVIOR: Final[dict[str, Any]] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 2, "periodSeconds": 60},
            {"type": "Percent", "value": 33, "periodSeconds": 60},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
    },
}
"""Waiting explodes before a new pod has loaded its model and vanishes once it has, so growth is
bounded while pods start, and each pod that goes is given five minutes to be missed."""


def autoscaler(
    service: RetrievalService, component: Component, plan: Plan, context: Context
) -> Manifest | None:
    """The object that scales a component, or None where nothing of ours does."""
    scaling = component.autoscaling
    is_standard = service.spec.deployment_mode is DeploymentMode.STANDARD
    if scaling is None or not is_standard or service.spec.suspend:
        return None
    name = inference_service_name(service, component.name)
    head = {"metadata": {**metadata(service, name), "labels": labels(service, component.name)}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{name}-predictor"}
    if metric_of(scaling) is ScalingMetric.QUEUE_WAIT and context.has_keda:
        spec = _scaled_object(service, component.name, scaling, context)
        return {"apiVersion": KEDA_API, "kind": "ScaledObject", **head} | {
            "spec": {"scaleTargetRef": target, **spec}
        }
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", **head} | {
        "spec": {"scaleTargetRef": target, **_horizontal(scaling, plan)}
    }


def knative_scale(component: Component, plan: Plan) -> dict[str, Any]:
    """The fields of a predictor from which KServe makes Knative's scale annotations."""
    scaling = component.autoscaling
    if scaling is None:
        replicas = component.replicas or 1
        return {"minReplicas": replicas, "maxReplicas": replicas}
    target = scaling.target.ceiling if scaling.target else _in_flight(plan)
    return {
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "scaleMetric": "concurrency",
        "scaleTarget": max(1, target),
    }


def wait_query(service: RetrievalService, name: ComponentName) -> str:
    """PromQL for the mean wait of a request, over all pods of a component; 0 without requests."""
    pods = f"{inference_service_name(service, name)}-predictor-.*"
    chosen = f'{{namespace="{service.metadata.namespace}",pod=~"{pods}"}}[{_WINDOW}]'
    waited = f"sum(rate({WAIT_METRIC}_sum{chosen}))"
    requests = f"sum(rate({WAIT_METRIC}_count{chosen}))"
    return f"{waited} / ({requests} > 0) or vector(0)"


def metric_of(scaling: Autoscaling) -> ScalingMetric:
    """What is followed in Standard mode."""
    return scaling.metric or ScalingMetric.QUEUE_WAIT


def _target(scaling: Autoscaling) -> Quantity:
    return scaling.target or _TARGETS[metric_of(scaling)]


def _in_flight(plan: Plan) -> int:
    """Little's law: requests in a pod that answers its estimated rate in time."""
    return round(plan.estimate.texts_per_s * IN_TIME_S)


def _behavior(scaling: Autoscaling) -> dict[str, Any]:
    return scaling.behavior.written() if scaling.behavior is not None else BEHAVIOR


def _horizontal(scaling: Autoscaling, plan: Plan) -> dict[str, Any]:
    return {
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [_horizontal_metric(scaling, plan)],
        "behavior": _behavior(scaling),
    }


def _horizontal_metric(scaling: Autoscaling, plan: Plan) -> dict[str, Any]:
    target = _target(scaling)
    if metric_of(scaling) is ScalingMetric.CPU:
        # utilisation would count from the request, which is less than a pod may use
        cores = max(1, round(target.value * plan.cpu_millicores.value))
        used = {"type": "AverageValue", "averageValue": cores_text(cores)}
        return {"type": "Resource", "resource": {"name": "cpu", "target": used}}
    average = {"type": "AverageValue", "averageValue": cores_text(target.millicores)}
    return {"type": "Pods", "pods": {"metric": {"name": WAIT_METRIC}, "target": average}}


def _scaled_object(
    service: RetrievalService, name: ComponentName, scaling: Autoscaling, context: Context
) -> dict[str, Any]:
    queries = [(wait_query(service, name), f"{float(_target(scaling).value):g}")]
    if scaling.wake_query is not None:
        queries.append((scaling.wake_query, _NEVER_SIZES))
    return {
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        "pollingInterval": 15,
        "cooldownPeriod": 600,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(scaling)}},
        "triggers": [
            _trigger(query, threshold, context.prometheus_url or "") for query, threshold in queries
        ],
    }


def _trigger(query: str, threshold: str, address: str) -> dict[str, Any]:
    """`Value`: the query speaks for all pods at once, so it is not divided by their number."""
    return {
        "type": "prometheus",
        "metricType": "Value",
        "metadata": {
            "serverAddress": address,
            "query": query,
            "threshold": threshold,
            "activationThreshold": "0",
        },
    }
