"""The pod of a component: one container that runs under the restricted security profile. Pure.

Source: Kubernetes documentation, "Pod Security Standards", profile Restricted.
"""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from retrieval_operator.plan.result import Plan
from retrieval_operator.render.amounts import container_resources
from retrieval_operator.render.environment import environment
from retrieval_operator.render.placement import placement
from retrieval_operator.render.storage import CACHE_FOLDER, Storage, storage_of
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.env import env_name

HTTP_PORT: Final = 8080
GRPC_PORT: Final = 8081
RUNTIME_FOLDER: Final = "/run/retrieval"
USER_ID: Final = 65532
"""The nonroot user of distroless images, which the predictor's image has too."""

DRAIN_DELAY_S: Final = 5
"""Time for the endpoint's removal to reach every node before requests are refused."""
GRACE_S: Final = 45
"""Longer than the delay and the predictor's 30 s for requests in flight."""

_PROBE_PERIOD_S: Final = 5


def pod(component: Component, plan: Plan, image: str) -> dict[str, Any]:
    """The PodSpec fields of a KServe predictor."""
    template, storage = component.pod_template, storage_of(component.model)
    return {
        **placement(component),
        **_accounts(component),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(component, plan, image, storage)],
        "volumes": [
            *_volumes(storage),
            *(_dump(volume) for volume in template.volumes),
        ],
    }


def _accounts(component: Component) -> dict[str, Any]:
    template = component.pod_template
    fields = {
        "serviceAccountName": template.service_account_name,
        "imagePullSecrets": [_dump(secret) for secret in template.image_pull_secrets],
    }
    return {name: value for name, value in fields.items() if value}


def _container(component: Component, plan: Plan, image: str, storage: Storage) -> dict[str, Any]:
    return {
        "name": "kserve-container",
        "image": image,
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "h2c-grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
        "env": _env(component, plan, storage),
        "resources": container_resources(component, plan),
        **_probes(component),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *_mounts(storage),
            *(_dump(mount) for mount in component.pod_template.volume_mounts),
        ],
    }


def _env(component: Component, plan: Plan, storage: Storage) -> list[dict[str, Any]]:
    planned = environment(component, plan, storage.model_path)
    fixed = {
        "PROTOCOL": "v2",
        "HOME": "/tmp",  # noqa: S108 - the pod's own emptyDir; caches of libraries go there
        **planned,
        env_name("httpPort"): str(HTTP_PORT),
        env_name("grpcPort"): str(GRPC_PORT),
        env_name("runtimeDir"): RUNTIME_FOLDER,
        env_name("drainDelayS"): str(DRAIN_DELAY_S),
    }
    return [
        *({"name": name, "value": value} for name, value in fixed.items()),
        *storage.environment,
        *(_dump(variable) for variable in component.pod_template.env),
    ]


def _probes(component: Component) -> dict[str, Any]:
    """Alive is the API loop; ready is the model, whose name is in the path."""
    ready = {"httpGet": {"path": f"/v2/models/{component.wire_name}/ready", "port": "http"}}
    live = {"httpGet": {"path": "/v2/health/live", "port": "http"}}
    return {
        "startupProbe": {
            **ready,
            "periodSeconds": _PROBE_PERIOD_S,
            "timeoutSeconds": 3,
            "failureThreshold": ceil(component.startup_timeout_seconds / _PROBE_PERIOD_S),
        },
        "readinessProbe": {
            **ready,
            "periodSeconds": _PROBE_PERIOD_S,
            "timeoutSeconds": 3,
            "failureThreshold": 2,
        },
        "livenessProbe": {
            **live,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
    }


def _volumes(storage: Storage) -> list[dict[str, Any]]:
    # sockets and metric files: in memory, so that no write-back ever delays a request
    runtime = {"name": "runtime", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
    cache = [{"name": "model-cache", "emptyDir": {}}] if storage.needs_cache else []
    return [runtime, {"name": "tmp", "emptyDir": {}}, *cache]


def _mounts(storage: Storage) -> list[dict[str, Any]]:
    cache = [{"name": "model-cache", "mountPath": CACHE_FOLDER}] if storage.needs_cache else []
    return [
        {"name": "runtime", "mountPath": RUNTIME_FOLDER},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own emptyDir
        *cache,
    ]


def _dump(block: Any) -> dict[str, Any]:
    written: dict[str, Any] = block.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )
    return written
