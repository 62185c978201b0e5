"""Whether KServe leaves an InferenceService alone, and what may be the reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from retrieval_operator.observe import ComponentState, Stage
from retrieval_operator.render import MOST_HOST_LETTERS, STOP_ANNOTATION
from retrieval_operator.world import Document

SILENT_S: Final = 30.0
"""KServe makes a Deployment within a second; on a busy cluster within a few."""


def is_ignored(state: ComponentState, inference_service: Document | None) -> bool:
    """Whether KServe has something to do for it now, and has not done it."""
    if inference_service is None or state.is_passed_on:
        return False
    annotations = inference_service["metadata"].get("annotations") or {}
    return annotations.get(STOP_ANNOTATION) != "true"


def complaint(
    state: ComponentState, inference_service: Document, events: Iterable[Mapping[str, Any]]
) -> str:
    """What KServe says itself, or else what can be said of it."""
    for one in (inference_service.get("status") or {}).get("conditions") or ():
        if one.get("status") == "False" and one.get("message"):
            return f"{one.get('type')}: {one['message']}"
    warned = [one for one in events if one.get("type") == "Warning" and one.get("note")]
    if warned:
        return f"{warned[-1].get('reason')}: {' '.join(str(warned[-1]['note']).split())}"
    if state.stage is Stage.ABSENT:
        return f"it has made no Deployment{_name_hint(inference_service['metadata'])}"
    return "it has not passed the last change on to the Deployment, whose pods stay as they are"


def _name_hint(metadata: Mapping[str, Any]) -> str:
    """KServe makes a host name of both names, and gives up silently where it is too long."""
    host = f"{metadata.get('name')}-predictor-{metadata.get('namespace')}"
    if len(host) <= MOST_HOST_LETTERS:
        return ""
    length = f"{len(host)} characters of at most {MOST_HOST_LETTERS}"
    return f": its host name {host} has {length}; shorten a name"
