"""A revision as the ControllerRevision that stores it, and back. Pure.

Source: Kubernetes API reference, ControllerRevision v1 apps: `data` never changes once it is
stored, and the object goes with its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retrieval_operator.plan.revision import Revision, data_of, revision_of
from retrieval_operator.render.context import Manifest
from retrieval_operator.render.names import COMPONENT_LABEL, labels, metadata, revision_name
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import RetrievalService

WHY_ANNOTATION: Final = "retrieval.io/why"
MOST_KEPT: Final = 10


def controller_revision(
    service: RetrievalService, component: ComponentName, revision: Revision
) -> Manifest:
    """The object that stores a revision."""
    why = f"{revision.cause.value}: {revision.why}" if revision.why else revision.cause.value
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            **metadata(service, revision_name(service, component, revision.number)),
            "labels": labels(service, component),
            "annotations": {WHY_ANNOTATION: why},
        },
        "revision": revision.number,
        "data": data_of(revision),
    }


def component_of(stored: Mapping[str, Any]) -> str | None:
    """Which component a stored revision is of."""
    found = (stored["metadata"].get("labels") or {}).get(COMPONENT_LABEL)
    return None if found is None else str(found)


def read_revision(stored: Mapping[str, Any]) -> Revision | None:
    """The revision that an object stores; None where this version cannot read it."""
    return revision_of(int(stored.get("revision") or 0), stored.get("data") or {})
