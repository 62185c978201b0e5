"""Names that the operator and KServe use in a pod, so that an author cannot use them again."""

from __future__ import annotations

from typing import Final

from retrieval_operator.spec.env import RESERVED

KSERVE_VARIABLES: Final = ("HF_HOME", "HF_TOKEN", "HOME", "PROTOCOL", "STORAGE_URI")
VARIABLES: Final = (*RESERVED, *KSERVE_VARIABLES)
"""A container with one of them twice is refused as a whole."""

VOLUMES: Final = ("api-keys", "limits", "model-cache", "runtime", "tmp")
VOLUME_PREFIX: Final = "kserve-"
"""KServe's own: where it puts a checkpoint, and the claim that it takes it from."""

MOUNT_PATHS: Final = (
    "/etc/retrieval",
    "/mnt/models",
    "/run/retrieval",
    "/tmp",  # noqa: S108 - the pod's own emptyDir
    "/var/cache/huggingface",
)
"""Folders of the container that something else is mounted on, or below."""

PREFIXES: Final = (
    "app.kubernetes.io/",
    "internal.serving.kserve.io/",
    "retrieval.io/",
    "serving.kserve.io/",
)
"""Of labels and annotations by which the operator, KServe and Helm know their objects."""
LABELS: Final = ("app", "component")
"""KServe's own selectors."""
