"""The operator as a process against a lab, with the rights that it is installed with."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster.api import LIMIT_S, RETRIEVAL_SERVICE, Document, condition
from tests.cluster.lab import Lab
from tests.cluster.nodes import placement
from tests.cluster.process import Command, Server, answers
from tests.support.ports import free_ports

INSTALL: Final = Path(__file__).parents[2] / "manifests" / "install.yaml"
_RIGHTS: Final = (
    "Namespace",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
)
NAMESPACE: Final = "retrieval-system"
ACCOUNT: Final = "retrieval-operator"
CHILDREN: Final = (
    "serving.kserve.io/v1beta1/InferenceService",
    "v1/ConfigMap",
    "policy/v1/PodDisruptionBudget",
    "autoscaling/v2/HorizontalPodAutoscaler",
)


class Operated:
    """One running operator. `url` answers its probes and metrics."""

    def __init__(
        self,
        lab: Lab,
        name: str = "operator",
        server: str | None = None,
        account: str = ACCOUNT,
        environment: Mapping[str, str] | None = None,
        **settings: str,
    ) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        if account == ACCOUNT:
            grant(lab, yaml.safe_load_all(INSTALL.read_text()))
        login = lab.folder / f"{name}.kubeconfig"  # each has its own way to the API server
        login.write_bytes(lab.account(account, NAMESPACE, server).read_bytes())
        variables = {
            **(environment or {}),
            "KUBECONFIG": str(login),
            "RETRIEVAL_OPERATOR_HTTP_HOST": "127.0.0.1",
            "RETRIEVAL_OPERATOR_HTTP_PORT": str(port),
            "RETRIEVAL_OPERATOR_LEASE_NAMESPACE": NAMESPACE,
            "RETRIEVAL_OPERATOR_IDENTITY": name,
            "RETRIEVAL_OPERATOR_HUB_LOOKUP": "false",
            **{f"RETRIEVAL_OPERATOR_{key.upper()}": value for key, value in settings.items()},
        }
        self.server = Server(
            Command(
                name,
                Path(sys.executable),
                ("-m", "retrieval_operator"),
                lambda: answers(f"{self.url}/readyz"),
                variables,
            ),
            lab.folder,
        )

    def start(self) -> None:
        """Start it, and return when it is ready."""
        self.server.begin()
        self.server.wait_ready()

    def stop(self) -> None:
        """End it politely."""
        self.server.stop()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric with these labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as reply:
            text = reply.read().decode()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.partition(" ")[0].partition("{")[0] == name
            and all(one in line for one in wanted)
        )


def grant(lab: Lab, installed: Iterable[Document | None]) -> tuple[Document, ...]:
    """Create of what is installed the ServiceAccount and its rights, and nothing else."""
    rights = [one for one in installed if one and one["kind"] in _RIGHTS]
    for document in sorted(rights, key=lambda one: _RIGHTS.index(one["kind"])):
        lab.api.apply(document)
    return tuple(rights)


def service(name: str, namespace: str, **components: Mapping[str, Any]) -> dict[str, Any]:
    """A RetrievalService whose pods run on the nodes of its namespace's pool.

    A wish that is None takes out what is there by default, as `gpu`.
    """
    where = placement(namespace)
    template = {
        key: value for key, value in where.items() if key in {"nodeSelector", "tolerations"}
    }
    asked = components or {"embedder": {}}
    return {
        "apiVersion": "retrieval.io/v1alpha1",
        "kind": "RetrievalService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            half: _asked({"model": _MODELS[half], "podTemplate": template}, wishes)
            for half, wishes in asked.items()
        },
    }


def _asked(model: Mapping[str, Any], wishes: Mapping[str, Any]) -> dict[str, Any]:
    asked = {"gpu": {}, **model, **wishes}
    return {name: wish for name, wish in asked.items() if wish is not None}


_MODELS: Final[Mapping[str, Mapping[str, Any]]] = {
    "embedder": {"uri": "hf://BAAI/bge-m3", "allowPickle": True},
    "reranker": {"uri": "hf://BAAI/bge-reranker-v2-m3"},
}


def children(lab: Lab, namespace: str) -> dict[str, tuple[str, str]]:
    """Every object we rendered there: its resource version and its spec or data."""
    return {
        f"{one['kind']} {one['metadata']['name']}": (
            one["metadata"]["resourceVersion"] if one["kind"] == "ConfigMap" else "",
            json.dumps(one.get("spec") or one.get("data"), sort_keys=True)
            + str(one["metadata"].get("generation")),
        )
        for kind in CHILDREN
        for one in lab.api.list(kind, namespace, "app.kubernetes.io/managed-by=retrieval-operator")
    }


def says(kind: str, status: str, reason: str | None = None) -> Any:
    """Whether a condition has this status, and this reason, for the present generation."""

    def holds(document: Document) -> bool:
        one = condition(document, kind)
        return (
            one.get("status") == status
            and reason in {None, one.get("reason")}
            and one.get("observedGeneration") == document["metadata"]["generation"]
        )

    holds.__name__ = f"says {kind}={status}" + (f" {reason}" if reason else "")
    return holds


def wait_ready(lab: Lab, name: str, namespace: str, limit_s: float = LIMIT_S) -> Document:
    """The service once everything of it answers."""
    return lab.api.wait_for(
        RETRIEVAL_SERVICE, name, says("Ready", "True"), namespace=namespace, limit_s=limit_s
    )
