"""The PodMonitor that lets Prometheus scrape the pods of a service. Pure.

Source: prometheus-operator API reference, monitoring.coreos.com/v1.
"""

from __future__ import annotations

from retrieval_operator.render.context import POD_MONITOR_API, Manifest
from retrieval_operator.render.names import labels, metadata, selector
from retrieval_operator.spec.service import RetrievalService


def pod_monitor(service: RetrievalService) -> Manifest:
    """One monitor for all components: their metrics carry the model's name."""
    wanted = service.spec.monitoring.pod_monitor
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
                {"port": "http", "path": "/metrics", "interval": f"{wanted.interval_seconds}s"}
            ],
        },
    }
