"""Names and labels of everything rendered; stable, and unique in a namespace. Pure."""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import API_VERSION, KIND, RetrievalService

MANAGED_BY: Final = "retrieval-operator"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"


def inference_service_name(service: RetrievalService, component: ComponentName) -> str:
    """The InferenceService of a component: `docs-embedder`."""
    return f"{service.metadata.name}-{component.value}"


def limits_name(service: RetrievalService, component: ComponentName) -> str:
    """The ConfigMap with the limits of a component: `docs-embedder-limits`."""
    return f"{inference_service_name(service, component)}-limits"


def revision_name(service: RetrievalService, component: ComponentName, number: int) -> str:
    """The ControllerRevision of a component's plan: `docs-embedder-3`."""
    return f"{inference_service_name(service, component)}-{number}"


def selector(service: RetrievalService) -> dict[str, str]:
    """Labels that pick every object and pod of a service, and nothing else."""
    return {
        "app.kubernetes.io/instance": service.metadata.name,
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }


def labels(service: RetrievalService, component: ComponentName | None = None) -> dict[str, str]:
    """Labels of an object of a service, or of one of its components."""
    part = {COMPONENT_LABEL: component.value} if component else {}
    return {
        "app.kubernetes.io/name": "retrieval-service",
        **selector(service),
        **part,
        "app.kubernetes.io/part-of": "retrieval-service",
    }


def metadata(service: RetrievalService, name: str) -> dict[str, Any]:
    """Name, namespace and owner; an object that is in no cluster owns nothing."""
    owned = {"ownerReferences": [_owner(service)]} if service.metadata.uid else {}
    return {"name": name, "namespace": service.metadata.namespace, **owned}


def _owner(service: RetrievalService) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": service.metadata.name,
        "uid": service.metadata.uid,
        "controller": True,
    }
