"""Which events to record about a service: what has flipped between two statuses. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from retrieval_operator.derive.conditions import FALSE, TRUE
from retrieval_operator.derive.reasons import STAGES, Word
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.status import Condition, Status
from retrieval_operator.world import EVENT, SERVICE, Document

REPORTER: Final = "retrieval.io/retrieval-operator"
_MOST_NOTE: Final = 1024
_TOLD: Final = (
    "Accepted",
    "PlanValid",
    "KServeAvailable",
    "EmbedderReady",
    "RerankerReady",
    "ObjectiveMet",
    "Ready",
)
_QUIET: Final = frozenset(
    {
        *STAGES.values(),
        Word.NOT_ACCEPTED,
        Word.NOT_PLANNED,
        Word.ACCEPTED,
    }
)
"""Reasons that another event tells, or that are only a step on the way."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell: a condition that now has another status or reason."""

    reason: str
    note: str
    is_warning: bool


def news(before: Status, after: Status) -> tuple[News, ...]:
    """What to record about the step from one status to the next; nothing where nothing flipped."""
    known = {one.type: one for one in before.conditions}
    return tuple(
        News(one.reason, _note(one), is_warning=one.status != TRUE)
        for one in after.conditions
        if one.type in _TOLD and _is_new(one, known.get(one.type), is_first=not known)
    )


def _note(condition: Condition) -> str:
    """The message; that of a component says which."""
    component = condition.type.removesuffix("Ready").lower()
    is_component = component in set(ComponentName)
    text = f"{component}: {condition.message}" if is_component else condition.message
    return text[:_MOST_NOTE]


def _is_new(after: Condition, before: Condition | None, *, is_first: bool) -> bool:
    if before is not None and (before.status, before.reason) == (after.status, after.reason):
        return False
    if after.reason in _QUIET:
        return False
    if after.type == "KServeAvailable" and after.status == TRUE and is_first:
        return False  # nobody has to be told that it was always there
    return after.type != "Ready" or after.status != FALSE  # its causes are told by the others


def event(item: News, service: Document, instance: str, now: datetime) -> dict[str, Any]:
    """The event as the API server takes it; the same news of the same object has the same name."""
    metadata = service["metadata"]
    marks = "|".join((str(metadata.get("uid")), item.reason, item.note))
    digest = hashlib.sha256(marks.encode()).hexdigest()[:16]
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {
            "name": f"{metadata['name']}.{digest}",
            "namespace": metadata["namespace"],
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": REPORTER,
        "reportingInstance": instance[:128],
        "action": "Reconcile",
        "reason": item.reason,
        "note": item.note,
        "type": "Warning" if item.is_warning else "Normal",
        "regarding": {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.name,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata.get("uid"),
            "resourceVersion": metadata.get("resourceVersion"),
        },
    }
