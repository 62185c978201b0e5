"""The bearer keys of a service, as a folder in its pods. Pure.

The Secret is mounted and never read by the operator: the kubelet writes changed keys into the
folder, and the predictor looks at it again.
"""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.spec.env import env_name
from retrieval_operator.spec.service import RetrievalService

KEYS_FOLDER: Final = "/etc/retrieval/keys"
_VOLUME: Final = "api-keys"


def keys_environment(service: RetrievalService) -> dict[str, str]:
    """The variable that names the folder; empty where everybody is let in."""
    return {env_name("auth.apiKeysFile"): KEYS_FOLDER} if service.spec.auth else {}


def keys_volumes(service: RetrievalService) -> list[dict[str, Any]]:
    """The volume of the Secret; a pod waits until it exists."""
    auth = service.spec.auth
    return [{"name": _VOLUME, "secret": {"secretName": auth.api_keys_secret}}] if auth else []


def keys_mounts(service: RetrievalService) -> list[dict[str, Any]]:
    """Where the container sees it."""
    mount = {"name": _VOLUME, "mountPath": KEYS_FOLDER, "readOnly": True}
    return [mount] if service.spec.auth else []
