"""Which API groups the cluster serves: what is installed, and what came or went."""

from __future__ import annotations

from typing import Any

from retrieval_operator.runtime.client import Requests


def served_apis(client: Requests) -> frozenset[str]:
    """Every `group/version` served now, `v1` included.

    Raises:
        ClusterError: The server does not answer.
    """
    groups: list[dict[str, Any]] = client.request("GET", "/apis").get("groups") or []
    return frozenset(
        {"v1", *(one["groupVersion"] for group in groups for one in group.get("versions") or ())}
    )
