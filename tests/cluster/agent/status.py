"""A pod's status from what its containers are doing. Pure.

Source: Kubernetes API reference, PodStatus; kubelet pkg/kubelet/status/generate.go.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

State = dict[str, Any]


@dataclass(slots=True)
class Condition:
    """What one container looks like from outside; changed in place by its owner."""

    name: str
    image: str
    state: State = field(default_factory=lambda: waiting("ContainerCreating"))
    last: State = field(default_factory=dict)
    restarts: int = 0
    is_ready: bool = False
    is_started: bool = False
    pid: int | None = None

    def document(self) -> dict[str, Any]:
        """A `containerStatuses` entry."""
        identity = {"containerID": f"process://{self.pid}"} if self.pid else {}
        return {
            "name": self.name,
            "image": self.image,
            "imageID": "",
            "ready": self.is_ready,
            "started": self.is_started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last,
            **identity,
        }


def now() -> str:
    """This second, as Kubernetes writes times."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "") -> State:
    """The state of a container that does not run."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def terminated(code: int, *, reason: str, started: str, message: str = "") -> State:
    """The state of a container that has run."""
    said = {"message": message} if message else {}
    ended = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now()}
    return {"terminated": ended | said}


def conditions(
    before: Sequence[Mapping[str, Any]],
    containers: Sequence[Condition],
    *,
    is_initialised: bool,
    has_address: bool,
) -> list[dict[str, Any]]:
    """The pod's conditions; a transition time moves only when the status flips."""
    unready = [one.name for one in containers if not one.is_ready]
    because = (
        {
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{' '.join(unready)}]",
        }
        if unready
        else {}
    )
    facts = {
        "PodReadyToStartContainers": (has_address, {}),
        "Initialized": (is_initialised, {}),
        "ContainersReady": (not unready, because),
        "Ready": (not unready, because),
        "PodScheduled": (True, {}),
    }
    known = {one["type"]: one for one in before}
    return [
        _condition(kind, is_true, because, known.get(kind))
        for kind, (is_true, because) in facts.items()
    ]


def phase(containers: Sequence[Condition], codes: Sequence[int] | None) -> str:
    """Pending until anything has run; Succeeded or Failed once nothing will run again."""
    if codes is not None:
        return "Failed" if any(codes) else "Succeeded"
    has_run = any("waiting" not in one.state or one.last for one in containers)
    return "Running" if has_run else "Pending"


def _condition(
    kind: str, is_true: bool, because: Mapping[str, str], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    status = "True" if is_true else "False"
    is_same = before is not None and before["status"] == status
    since = before["lastTransitionTime"] if before and is_same else now()
    return {"type": kind, "status": status, "lastTransitionTime": since, **because}
