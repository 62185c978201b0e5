"""A small InferenceService on GPUs, to see that the cluster around it works."""

from __future__ import annotations

from typing import Any

from tests.cluster.nodes import GPU, placement


def inference_service(
    name: str, namespace: str, *, resource: str = GPU, held: bool = False
) -> dict[str, Any]:
    """One replica with one device, on the nodes of its namespace's pool."""
    amounts = {"cpu": "1", "memory": "2Gi", resource: "1"}
    container = {
        "name": "kserve-container",
        "image": "example.org/server:v1",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "PROTOCOL", "value": "v2"}],
        "resources": {"requests": amounts, "limits": amounts},
    }
    annotations = {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "external",
        **({"retrieval.test/hold": "true"} if held else {}),
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 1,
                **placement(namespace),
                "containers": [container],
            }
        },
    }
