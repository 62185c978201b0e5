"""The PodMonitor that lets Prometheus scrape the pods of a service. Pure.

Source: prometheus-operator API reference, monitoring.coreos.com/v1.
"""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.render.context import POD_MONITOR_API, Manifest
from retrieval_operator.render.names import labels, metadata, selector
from retrieval_operator.spec.choices import DeploymentMode
from retrieval_operator.spec.service import RetrievalService

KNATIVE_PORT: Final = "user-port"
"""What Knative calls the port of our container, whatever we call it.

Source: knative/serving pkg/apis/serving/k8s_validation.go, `validPortNames`."""


def pod_monitor(service: RetrievalService) -> Manifest:
    """One monitor for all components; every series says which service and component it is of."""
    wanted = service.spec.monitoring.pod_monitor
    is_knative = service.spec.deployment_mode is DeploymentMode.KNATIVE
    port = KNATIVE_PORT if is_knative else "http"
    return {
        "apiVersion": POD_MONITOR_API,
        "kind": "PodMonitor",
        "metadata": {
            **metadata(service, service.metadata.name),
            "labels": {**labels(service), **wanted.labels},
        },
        "spec": {
            "selector": {"matchLabels": selector(service)},
            "podMetricsEndpoints": [
                {
                    "port": port,
                    "path": "/metrics",
                    "interval": f"{wanted.interval_seconds}s",
                    "relabelings": [
                        _from_pod("instance", "service"),
                        _from_pod("component", "component"),
                    ],
                }
            ],
        },
    }


def _from_pod(label: str, target: str) -> dict[str, Any]:
    """Take `target` from one of the labels that every pod of ours has."""
    source = f"__meta_kubernetes_pod_label_app_kubernetes_io_{label}"
    return {"sourceLabels": [source], "targetLabel": target}
