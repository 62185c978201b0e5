"""One Pod as a stage and, where something is wrong, a trouble. Pure.

Source: Kubernetes documentation, "Pod Lifecycle"; kubelet's waiting reasons (pkg/kubelet/images,
pkg/kubelet/kuberuntime); the predictor's exit statuses, which follow sysexits(3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.observe.state import Answering, Stage, Trouble, TroubleKind
from retrieval_operator.plan.rows import DIGEST_ANNOTATION, POD_ANNOTATION

EX_CONFIG: Final = 78
"""The predictor cannot serve as configured; its message says why."""
EX_UNAVAILABLE: Final = 69
"""The predictor lost its device."""
_KILLED: Final = {137, 143}

_IMAGE: Final = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_NOT_CREATED: Final = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CreatePodSandboxError",
    "PreCreateHookError",
    "PostStartHookError",
}
_UNSCHEDULED: Final = {"Unschedulable", "SchedulerError", "SchedulingGated"}
_MOST_TEXT: Final = 400


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod: its stage, its trouble, when it was created, and where it answers if it does."""

    name: str
    created: str
    stage: Stage
    trouble: Trouble | None
    answering: Answering | None = None
    pod_digest: str = ""


def view(pod: Mapping[str, Any]) -> PodView:
    """What one pod does."""
    metadata = pod.get("metadata") or {}
    status = pod.get("status") or {}
    name = str(metadata.get("name") or "")
    trouble = next(_troubles(name, pod), None)
    stage = _stage(status)
    created = str(metadata.get("creationTimestamp") or "")
    digest = str((metadata.get("annotations") or {}).get(POD_ANNOTATION) or "")
    if stage is Stage.READY:
        answering = _answering(name, metadata, status)
        return PodView(name, created, stage, None, answering, digest)
    return PodView(name, created, stage, trouble, pod_digest=digest)


def _answering(
    name: str, metadata: Mapping[str, Any], status: Mapping[str, Any]
) -> Answering | None:
    ip = str(status.get("podIP") or "")
    digest = str((metadata.get("annotations") or {}).get(DIGEST_ANNOTATION) or "")
    return Answering(name, ip, digest) if ip else None


def _stage(status: Mapping[str, Any]) -> Stage:
    if condition(status, "Ready").get("status") == "True":
        return Stage.READY
    if condition(status, "PodScheduled").get("status") != "True":
        return Stage.SCHEDULING
    if any("running" in (one.get("state") or {}) for one in status.get("containerStatuses") or ()):
        return Stage.LOADING
    if any(
        "running" in (one.get("state") or {}) for one in status.get("initContainerStatuses") or ()
    ):
        return Stage.DOWNLOADING
    return Stage.STARTING


def _troubles(name: str, pod: Mapping[str, Any]) -> Iterator[Trouble]:
    """Everything wrong with a pod, what explains most first."""
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        yield _failed(name, status)
    if _is_node_gone(status):
        node = (pod.get("spec") or {}).get("nodeName") or "its node"
        yield Trouble(TroubleKind.NODE_LOST, "NodeNotReady", f"{node} does not report", name)
    scheduled = condition(status, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") in _UNSCHEDULED:
        yield Trouble(
            TroubleKind.UNSCHEDULABLE,
            str(scheduled["reason"]),
            one_line(scheduled.get("message")),
            name,
            at=scheduled.get("lastTransitionTime"),
        )
    for container in status.get("initContainerStatuses") or ():
        yield from _container(name, container, is_initial=True)
    for container in status.get("containerStatuses") or ():
        yield from _container(name, container, is_initial=False)


def _is_node_gone(status: Mapping[str, Any]) -> bool:
    """Whether the pod was called unready for its node, which does not report any more.

    The node lifecycle controller then changes that one condition and nothing else, where a kubelet
    gives a reason (kubernetes 1.36, MarkPodsNotReady in pkg/controller/util/node).
    """
    ready = condition(status, "Ready")
    is_running = condition(status, "ContainersReady").get("status") == "True"
    return is_running and ready.get("status") == "False" and not ready.get("reason")


def _failed(name: str, status: Mapping[str, Any]) -> Trouble:
    """A pod that will not run again, such as an evicted one or one its node would not admit."""
    reason = str(status.get("reason") or "Failed")
    return Trouble(TroubleKind.EVICTED, reason, one_line(status.get("message")), name)


def _container(pod: str, container: Mapping[str, Any], *, is_initial: bool) -> Iterator[Trouble]:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    kind = _waiting_kind(reason)
    who = str(container.get("name") or "")
    if kind is not None:
        yield Trouble(
            kind, reason, one_line(waiting.get("message")), pod, who, restarts=_restarts(container)
        )
        return
    end = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    if end and not (is_initial and end.get("exitCode") == 0):
        yield _ended(pod, container, reason, end, is_initial=is_initial)


def _waiting_kind(reason: str) -> TroubleKind | None:
    if reason in _IMAGE:
        return TroubleKind.IMAGE
    return TroubleKind.NOT_CREATED if reason in _NOT_CREATED else None


def _ended(
    pod: str,
    container: Mapping[str, Any],
    waiting: str,
    end: Mapping[str, Any],
    *,
    is_initial: bool,
) -> Trouble:
    exit_code = end.get("exitCode")
    said = str(end.get("reason") or "Error")
    kind = _end_kind(said, exit_code, is_initial=is_initial)
    is_named = kind in {TroubleKind.CRASH, TroubleKind.DOWNLOAD, TroubleKind.TOO_SLOW}
    return Trouble(
        kind,
        waiting if is_named and waiting else said,
        one_line(end.get("message")),
        pod,
        str(container.get("name") or ""),
        exit_code if isinstance(exit_code, int) else None,
        _restarts(container),
        end.get("finishedAt"),
    )


def _end_kind(said: str, exit_code: object, *, is_initial: bool) -> TroubleKind:
    if said == "OOMKilled":
        return TroubleKind.OUT_OF_MEMORY
    if is_initial:
        return TroubleKind.DOWNLOAD
    if exit_code == EX_CONFIG:
        return TroubleKind.CONFIGURATION
    if exit_code == EX_UNAVAILABLE:
        return TroubleKind.DEVICE
    if exit_code in _KILLED:  # not by the kernel: by the kubelet, whose probe failed too often
        return TroubleKind.TOO_SLOW
    return TroubleKind.CRASH


def _restarts(container: Mapping[str, Any]) -> int:
    return int(container.get("restartCount") or 0)


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of this type, empty where the status has none."""
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def one_line(text: object) -> str:
    """A message on one line; of a long log the end, where the error stands. None is empty."""
    line = " ".join(str(text or "").split())
    return line if len(line) <= _MOST_TEXT else "…" + line[-_MOST_TEXT:]
