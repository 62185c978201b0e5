"""What can befall a pod, written into its status as a kubelet would.

Each fault is a function of the pod that gives its new status; `strike` writes it. Shapes are those
of kubelet 1.36 (pkg/kubelet/kubelet_pods.go; container reasons in pkg/kubelet/images/types.go).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from tests.cluster.api import POD, Api, Document
from tests.cluster.kwok import HOLD

Status = dict[str, Any]
Fault = Callable[[Document], Status]


def strike(api: Api, pod: Document, fault: Fault) -> Document:
    """The pod after a fault, which stays until `release` or another `strike`."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    api.patch(POD, name, {"metadata": {"annotations": {HOLD: "true"}}}, namespace)
    return api.patch_status(POD, name, fault(pod), namespace)


def release(api: Api, pod: Document) -> Document:
    """The pod after a held start or a fault: it runs, or is about to."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    let = api.patch(POD, name, {"metadata": {"annotations": {HOLD: "false"}}}, namespace)
    if "containerStatuses" not in let["status"]:
        return let  # it never started, and kwok does that
    return api.patch_status(POD, name, running(let), namespace)


def running(pod: Document) -> Status:
    """All is well."""
    return _status(pod, {"state": {"running": {"startedAt": _now()}}, "ready": True})


def unready(pod: Document) -> Status:
    """It runs, and its readiness probe fails."""
    return _status(pod, {"state": {"running": {"startedAt": _now()}}})


def oom_killed(pod: Document) -> Status:
    """The kernel ended it for memory; it waits for its next start."""
    return _crashed(pod, {"reason": "OOMKilled", "exitCode": 137})


def crashed(exit_code: int = 1, message: str = "") -> Fault:
    """It ended with an exit code and, as the termination message, the end of its log."""
    end = {"reason": "Error", "exitCode": exit_code, "message": message}
    return lambda pod: _crashed(pod, end)


def image_missing(pod: Document) -> Status:
    """The registry does not have its image."""
    image = pod["spec"]["containers"][0]["image"]
    return _waiting(pod, "ImagePullBackOff", f'Back-off pulling image "{image}"')


def mount_missing(pod: Document) -> Status:
    """A Secret or ConfigMap that its environment names is not there."""
    return _waiting(pod, "CreateContainerConfigError", 'secret "missing" not found')


def evicted(pod: Document) -> Status:
    """The node ran low on memory and threw it out."""
    message = "The node was low on resource: memory."
    return _status(pod, {}, phase="Failed") | {"reason": "Evicted", "message": message}


def node_lost(pod: Document) -> Status:
    """Its node does not report: the node lifecycle controller turns that one condition."""
    status = running(pod)
    for one in status["conditions"]:
        if one["type"] == "Ready":
            one["status"] = "False"
    return status


def _crashed(pod: Document, end: Mapping[str, Any]) -> Status:
    name = pod["spec"]["containers"][0]["name"]
    message = f"back-off 10s restarting failed container={name} pod={pod['metadata']['name']}"
    waiting = {"reason": "CrashLoopBackOff", "message": message}
    ended = {"terminated": {**end, "startedAt": _now(), "finishedAt": _now()}}
    restarts = _restarts(pod) + 1
    return _status(
        pod, {"state": {"waiting": waiting}, "lastState": ended, "restartCount": restarts}
    )


def _waiting(pod: Document, reason: str, message: str) -> Status:
    return _status(
        pod, {"state": {"waiting": {"reason": reason, "message": message}}}, phase="Pending"
    )


def _status(pod: Document, first: Mapping[str, Any], phase: str = "Running") -> Status:
    """A status in which the first container is as told and the pod is ready where it is."""
    container = pod["spec"]["containers"][0]
    facts = {"name": container["name"], "image": container["image"], "imageID": ""}
    facts |= {"ready": False, "restartCount": _restarts(pod), "started": first.get("ready", False)}
    is_ready = "True" if first.get("ready") else "False"
    return {
        "phase": phase,
        "conditions": [
            _condition("PodScheduled", "True"),
            _condition("Initialized", "True"),
            _condition("ContainersReady", is_ready),
            _condition("Ready", is_ready),
        ],
        "containerStatuses": [facts | {"lastState": {}} | dict(first)],
    }


def _condition(kind: str, status: str) -> dict[str, str]:
    reason = {} if status == "True" else {"reason": "ContainersNotReady"}
    return {"type": kind, "status": status, "lastTransitionTime": _now(), **reason}


def _restarts(pod: Document) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses")
    return int(statuses[0]["restartCount"]) if statuses else 0


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
