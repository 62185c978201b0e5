"""Kinds of Kubernetes objects that the operator reads or writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retrieval_operator.runtime.kinds import EVENT, LEASE, Document, Key, Kind, Ref

__all__ = [
    "CHILDREN",
    "DEPLOYMENT",
    "EVENT",
    "FIELD_MANAGER",
    "INFERENCE_SERVICE",
    "INSTANCE_LABEL",
    "LEASE",
    "MANAGED_BY",
    "NODE",
    "OURS",
    "POD",
    "SERVICE",
    "Document",
    "Key",
    "Kind",
    "Ref",
    "kind_of",
    "owner_of",
    "ref_of",
]

FIELD_MANAGER: Final = "retrieval-operator"
"""Who owns the fields that we apply."""
INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "retrieval-operator"}
"""Label of everything rendered; KServe copies it to Deployments and pods."""
OURS: Final = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
"""The same as a selector."""

SERVICE: Final = Kind("RetrievalService", "retrieval.io/v1alpha1", "retrievalservices")
INFERENCE_SERVICE: Final = Kind(
    "InferenceService", "serving.kserve.io/v1beta1", "inferenceservices"
)
DEPLOYMENT: Final = Kind("Deployment", "apps/v1", "deployments")
POD: Final = Kind("Pod", "v1", "pods")
NODE: Final = Kind("Node", "v1", "nodes", is_namespaced=False)

REVISION: Final = Kind("ControllerRevision", "apps/v1", "controllerrevisions")
CONFIG_MAP: Final = Kind("ConfigMap", "v1", "configmaps")
BUDGET: Final = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
MONITOR: Final = Kind("PodMonitor", "monitoring.coreos.com/v1", "podmonitors")

CHILDREN: Final = (
    REVISION,
    INFERENCE_SERVICE,
    CONFIG_MAP,
    BUDGET,
    Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
    Kind("ScaledObject", "keda.sh/v1alpha1", "scaledobjects"),
    MONITOR,
)
"""Everything that may be rendered, applied and pruned; the later ones exist where installed."""

OPTIONAL: Final = frozenset({BUDGET, MONITOR})
"""Kinds without which a service serves all the same."""

_BY_NAME: Final = {(kind.api_version, kind.name): kind for kind in CHILDREN}


def kind_of(document: Mapping[str, Any]) -> Kind:
    """The kind of a rendered object.

    Raises:
        AssertionError: It is not in the table above, so it could neither be watched nor pruned.
    """
    found = _BY_NAME.get((str(document.get("apiVersion")), str(document.get("kind"))))
    if found is None:
        raise AssertionError(f"{document.get('kind')} is rendered but not in CHILDREN; a bug")
    return found


def ref_of(document: Mapping[str, Any]) -> Ref:
    """Where a rendered object lives."""
    metadata = document["metadata"]
    return Ref(kind_of(document), str(metadata.get("namespace", "")), str(metadata["name"]))


def owner_of(kind: Kind, document: Document) -> Key | None:
    """The service that an object is or belongs to; None where it belongs to none, as a Node."""
    metadata = document.get("metadata") or {}
    namespace = metadata.get("namespace") or ""
    if kind == SERVICE:
        return Key(namespace, metadata.get("name") or "")
    labels = metadata.get("labels") or {}
    name = labels.get(INSTANCE_LABEL)
    is_ours = MANAGED_BY.items() <= labels.items()
    return Key(namespace, name) if is_ours and name else None
