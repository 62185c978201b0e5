"""Kinds of Kubernetes objects that the operator reads or writes, and how they are addressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple


class Key(NamedTuple):
    """One RetrievalService."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server addresses it; `api_version` is `v1` or `group/version`."""

    name: str
    api_version: str
    plural: str
    is_namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """Path of one object, or of the list where no name is given."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Ref:
    """One object of a kind."""

    kind: Kind
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}".replace(" /", " ")


SERVICE: Final = Kind("RetrievalService", "retrieval.io/v1alpha1", "retrievalservices")
INFERENCE_SERVICE: Final = Kind(
    "InferenceService", "serving.kserve.io/v1beta1", "inferenceservices"
)
DEPLOYMENT: Final = Kind("Deployment", "apps/v1", "deployments")
POD: Final = Kind("Pod", "v1", "pods")
NODE: Final = Kind("Node", "v1", "nodes", is_namespaced=False)
LEASE: Final = Kind("Lease", "coordination.k8s.io/v1", "leases")
EVENT: Final = Kind("Event", "events.k8s.io/v1", "events")

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
