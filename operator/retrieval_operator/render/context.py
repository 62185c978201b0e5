"""What rendering has to know of the installation it is for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

Manifest = dict[str, Any]
"""One Kubernetes object as plain data."""

POD_MONITOR_API: Final = "monitoring.coreos.com/v1"


def default_image() -> str:
    """The predictor's image of this version, by its local name."""
    try:
        tag = version("retrieval-service")
    except PackageNotFoundError:
        tag = "latest"
    return f"retrieval-predictor:{tag}"


@dataclass(frozen=True, slots=True)
class Context:
    """The image to run, and the API groups (`monitoring.coreos.com/v1`) that the cluster has."""

    image: str
    api_versions: frozenset[str] = frozenset()
