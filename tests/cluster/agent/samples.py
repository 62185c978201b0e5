"""Pods and images for tests of a node that runs pods."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.cluster.agent import initialiser
from tests.cluster.api import POD, SERVICE_ACCOUNT, Api, Document, is_ready, until

_PROGRAMS: Final = Path(sys.executable).parent
_PATH: Final = {"PATH": f"{_PROGRAMS}:/usr/local/bin:/usr/bin:/bin"}
IMAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "test/shell:*": {"entrypoint": ["/bin/sh", "-ec"]},
    "test/web:*": {"entrypoint": [sys.executable, "-m", "http.server"], "command": ["8000"]},
    "kserve/storage-initializer:*": initialiser.image(_PATH["PATH"]),
    "curlimages/curl:*": {"entrypoint": ["curl"]},
    "*retrieval-operator:*": {
        "entrypoint": [sys.executable, "-m", "retrieval_operator"],
        "environment": _PATH,
    },
    "*retrieval-predictor:*": {
        "entrypoint": [sys.executable, "-m", "retrieval_predictor"],
        "environment": _PATH,
    },
}
"""What stands for images: the entrypoints of images/*.Dockerfile, with the Python of the tests."""


def pod(name: str, namespace: str, container: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod of one container, labelled with its name and without a token."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "main", **container}],
            **spec,
        },
    }


def shell(script: str, **container: Any) -> dict[str, Any]:
    """A container that runs a shell script."""
    return {"image": "test/shell:v1", "args": [script], **container}


def web(**container: Any) -> dict[str, Any]:
    """A container that serves its working folder on port 8000, and is ready when it does."""
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    return {
        "image": "test/web:v1",
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": probe,
        **container,
    }


def service(name: str, namespace: str, port: int = 80) -> dict[str, Any]:
    """A Service in front of the pods of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": 8000}]},
    }


def start(api: Api, document: Document) -> None:
    """Create a pod as soon as its namespace can hold one."""
    namespace = document["metadata"]["namespace"]
    until(lambda: api.find(SERVICE_ACCOUNT, "default", namespace), "the default ServiceAccount")
    api.create(document)


def ready(api: Api, document: Document) -> Document:
    """A pod that has been created and is ready."""
    start(api, document)
    metadata = document["metadata"]
    return api.wait_for(POD, metadata["name"], is_ready, namespace=metadata["namespace"])


def ended(document: Document) -> bool:
    """Whether nothing of the pod runs any more."""
    return document.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def main(document: Document) -> Document:
    """The status of the pod's container; empty before there is one."""
    statuses = document.get("status", {}).get("containerStatuses")
    return dict(statuses[0]) if statuses else {}


def waits_for(reason: str):
    """A predicate: the container does not run, for this reason."""

    def waits(document: Document) -> bool:
        return main(document).get("state", {}).get("waiting", {}).get("reason") == reason

    return waits


def config_map(name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """A ConfigMap."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def secret(name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """A Secret."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}


def printed(text: str) -> dict[str, Any]:
    """The JSON object in the last line of a log."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found
