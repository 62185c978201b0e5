"""Whether KServe leaves an InferenceService alone, and what may be the reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from retrieval_operator.observe import ComponentState, Stage
from retrieval_operator.spec import ComponentName
from retrieval_operator.world import INFERENCE_SERVICE, Document, Key, Store

SILENT_S: Final = 30.0
"""KServe makes a Deployment within a second; on a busy cluster within a few."""
_MOST_HOST: Final = 63
"""Characters of one label of a host name (RFC 1035, section 2.3.4)."""


def silence(
    world: Store, key: Key, states: Mapping[ComponentName, ComponentState], now: datetime
) -> tuple[float, str] | None:
    """How long KServe has left an InferenceService alone, and what that says of itself."""
    for state in states.values():
        if state.inference_service is None or state.stage is not Stage.ABSENT:
            continue
        found = world.get(INFERENCE_SERVICE, key.namespace, state.inference_service)
        metadata = (found or {}).get("metadata") or {}
        stopped = (metadata.get("annotations") or {}).get("serving.kserve.io/stop") == "true"
        created = metadata.get("creationTimestamp")
        if created and not stopped:
            age_s = (now - datetime.fromisoformat(str(created))).total_seconds()
            return age_s, _said(found or {})
    return None


def _said(inference_service: Document) -> str:
    """The first complaint in KServe's own conditions."""
    for one in (inference_service.get("status") or {}).get("conditions") or ():
        if one.get("status") == "False" and one.get("message"):
            return f"{one.get('type')}: {one['message']}"
    return f"it has made no Deployment{_name_hint(inference_service['metadata'])}"


def _name_hint(metadata: Mapping[str, Any]) -> str:
    """KServe makes a host name of both names, and gives up silently where it is too long."""
    host = f"{metadata.get('name')}-predictor-{metadata.get('namespace')}"
    if len(host) <= _MOST_HOST:
        return ""
    return (
        f": its host name {host} has {len(host)} characters of at most {_MOST_HOST}; shorten a name"
    )
