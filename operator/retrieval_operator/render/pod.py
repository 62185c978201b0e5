"""The pod of a component: one container that runs under the restricted security profile. Pure.

Source: Kubernetes documentation, "Pod Security Standards", profile Restricted.
"""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from retrieval_operator.plan.result import Plan
from retrieval_operator.render.amounts import container_resources
from retrieval_operator.render.environment import environment, room_environment
from retrieval_operator.render.keys import keys_environment, keys_mounts, keys_volumes
from retrieval_operator.render.limits import LIMITS_FILE, limits_mount, limits_volume
from retrieval_operator.render.placement import placement
from retrieval_operator.render.storage import CACHE_FOLDER, Storage, storage_of
from retrieval_operator.spec.choices import DeploymentMode
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.env import env_name
from retrieval_operator.spec.service import RetrievalService

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

_USER: Final = {
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "runAsGroup": USER_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_POD: Final = {
    "terminationGracePeriodSeconds": GRACE_S,
    "securityContext": {
        **_USER,
        "fsGroup": USER_ID,
        "fsGroupChangePolicy": "OnRootMismatch",
    },
}
_CONTAINER: Final = {
    "ports": [
        {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
        {"name": "h2c-grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
    ],
    "securityContext": _CONFINED,
}
_KNATIVE_CONTAINER: Final = {
    "ports": [{"name": "http1", "containerPort": HTTP_PORT, "protocol": "TCP"}],
    "securityContext": {**_USER, **_CONFINED},
}
"""A revision has one port, and takes neither a grace period nor, without a feature flag, a security
context of the pod: both are the container's then.

Source: knative/serving pkg/apis/serving/fieldmask.go."""


def pod(service: RetrievalService, component: Component, plan: Plan, image: str) -> dict[str, Any]:
    """The PodSpec fields of a KServe predictor."""
    template, storage = component.pod_template, storage_of(component.model)
    is_knative = service.spec.deployment_mode is DeploymentMode.KNATIVE
    return {
        **placement(component, plan),
        **_accounts(component),
        **_claims(component),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({} if is_knative else _POD),
        "containers": [
            {
                **_container(service, component, plan, image),
                **(_KNATIVE_CONTAINER if is_knative else _CONTAINER),
                **_probes(component, HTTP_PORT if is_knative else "http"),
            }
        ],
        "volumes": [
            *_volumes(storage),
            limits_volume(service, component),
            *keys_volumes(service),
            *(volume.written() for volume in template.volumes),
        ],
    }


def _accounts(component: Component) -> dict[str, Any]:
    template = component.pod_template
    fields = {
        "serviceAccountName": template.service_account_name,
        "imagePullSecrets": [secret.written() for secret in template.image_pull_secrets],
    }
    return {name: value for name, value in fields.items() if value}


def _claims(component: Component) -> dict[str, Any]:
    claims = component.gpu.resource_claims if component.gpu else ()
    return {"resourceClaims": [claim.written() for claim in claims]} if claims else {}


def _container(
    service: RetrievalService, component: Component, plan: Plan, image: str
) -> dict[str, Any]:
    storage = storage_of(component.model)
    return {
        "name": "kserve-container",
        "image": image,
        "env": _env(service, component, plan, storage),
        "resources": container_resources(component, plan),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *_mounts(storage),
            limits_mount(),
            *keys_mounts(service),
            *(mount.written() for mount in component.pod_template.volume_mounts),
        ],
    }


def _env(
    service: RetrievalService, component: Component, plan: Plan, storage: Storage
) -> list[dict[str, Any]]:
    planned = environment(component, plan, storage.model_path)
    room = room_environment(plan, LIMITS_FILE)
    fixed = {
        "PROTOCOL": "v2",
        "HOME": "/tmp",  # noqa: S108 - the pod's own emptyDir; caches of libraries go there
        **planned,
        **room,
        **keys_environment(service),
        env_name("httpPort"): str(HTTP_PORT),
        env_name("grpcPort"): str(GRPC_PORT),
        env_name("runtimeDir"): RUNTIME_FOLDER,
        env_name("drainDelayS"): str(DRAIN_DELAY_S),
    }
    return [
        *({"name": name, "value": value} for name, value in fixed.items()),
        *storage.environment,
        *(variable.written() for variable in component.pod_template.env),
    ]


def _probes(component: Component, port: str | int) -> dict[str, Any]:
    """Alive is the API loop; ready is the model, whose name is in the path."""
    ready = {"httpGet": {"path": f"/v2/models/{component.wire_name}/ready", "port": port}}
    live = {"httpGet": {"path": "/v2/health/live", "port": port}}
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
