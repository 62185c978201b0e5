"""Why a pod that has a node gets no container: what the kubelet tells in events alone. Pure.

It waits for volumes and for the network without a word in the pod's status.
Source: kubelet 1.36 (pkg/kubelet/events/event.go) and the attach/detach controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from retrieval_operator.observe.pods import condition, one_line, view
from retrieval_operator.observe.state import Stage, Trouble, TroubleKind

_SLOW_S: Final = 10.0
"""A container is made within a second or two; pulling its image is told by an event of its own."""
_HINDRANCES: Final = {
    "FailedMount",
    "FailedMapVolume",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
}


def longest_starting(pods: Iterable[Mapping[str, Any]], now: datetime) -> Mapping[str, Any] | None:
    """The pod that has had a node for longest and has no container, if that is long."""
    waiting = [
        (since, pod) for pod in pods if _is_starting(pod) and (since := _scheduled(pod)) is not None
    ]
    since, pod = min(waiting, key=lambda one: one[0], default=(now, None))
    return pod if (now - since).total_seconds() >= _SLOW_S else None


def hindrance(pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Trouble | None:
    """What the latest event about the pod says stands in its way; None where it goes on."""
    latest = max(events, key=_time, default={})
    reason = str(latest.get("reason") or "")
    if reason not in _HINDRANCES:
        return None
    name = str(pod["metadata"]["name"])
    return Trouble(TroubleKind.NOT_CREATED, reason, one_line(latest.get("note")), name)


def _is_starting(pod: Mapping[str, Any]) -> bool:
    is_going = "deletionTimestamp" in pod["metadata"]
    return not is_going and view(pod).stage is Stage.STARTING


def _scheduled(pod: Mapping[str, Any]) -> datetime | None:
    since = condition(pod["status"], "PodScheduled").get("lastTransitionTime")
    return datetime.fromisoformat(str(since)) if since else None


def _time(event: Mapping[str, Any]) -> str:
    """When it happened last; written by old and new reporters in different fields."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("deprecatedLastTimestamp")
        or event.get("eventTime")
        or ""
    )
