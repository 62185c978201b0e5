"""The limits of batch and queue, as a file that running pods read again when it changes. Pure.

They are no variables of the pod: a changed variable restarts every pod, and these are what people
turn while they watch a dashboard. The kubelet writes a changed ConfigMap into its volumes within
about a minute; the predictor looks at the file every second.
Source: Kubernetes documentation, "ConfigMaps", section "Mounted ConfigMaps are updated
automatically".
"""

from __future__ import annotations

import json
from typing import Any, Final

from retrieval_operator.plan.result import Plan
from retrieval_operator.render.context import Manifest
from retrieval_operator.render.names import labels, limits_name, metadata
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.env import LIMITS_KEY
from retrieval_operator.spec.service import RetrievalService

LIMITS_FOLDER: Final = "/etc/retrieval/limits"
LIMITS_FILE: Final = f"{LIMITS_FOLDER}/{LIMITS_KEY}"
_VOLUME: Final = "limits"


def limits(service: RetrievalService, component: Component, plan: Plan) -> Manifest:
    """The ConfigMap with the limits in force."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            **metadata(service, limits_name(service, component.name)),
            "labels": labels(service, component.name),
        },
        "data": {LIMITS_KEY: json.dumps(limits_of(component, plan), indent=2) + "\n"},
    }


def limits_of(component: Component, plan: Plan) -> dict[str, int]:
    """Each limit by the name it has in the predictor's `batching`."""
    return {
        "maxBatchTokens": plan.max_batch_tokens.value,
        "maxBatchSize": plan.max_batch_size.value,
        "maxQueueTokens": plan.max_queue_tokens.value,
        "maxQueueWaitMilliseconds": round(plan.max_queue_wait_s * 1000),
        "maxQueueDelayMilliseconds": component.batching.max_queue_delay_milliseconds,
    }


def limits_volume(service: RetrievalService, component: Component) -> dict[str, Any]:
    """The volume of the pod that holds the file."""
    return {"name": _VOLUME, "configMap": {"name": limits_name(service, component.name)}}


def limits_mount() -> dict[str, Any]:
    """Where the container sees it: a whole folder, because a single file is never updated."""
    return {"name": _VOLUME, "mountPath": LIMITS_FOLDER, "readOnly": True}
