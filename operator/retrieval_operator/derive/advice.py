"""What to do about a pod in trouble: the second half of a condition's message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from retrieval_operator.observe.state import ComponentState, Trouble, TroubleKind

_ADVICE: Final[Mapping[TroubleKind, str]] = {
    TroubleKind.UNSCHEDULABLE: (
        "add or free such a node, lower {path}.replicas, or relax {path}.gpu, {path}.resources "
        "and {path}.podTemplate; the pod starts by itself once it fits"
    ),
    TroubleKind.QUOTA: "raise the namespace's quota, or remove what the message names",
    TroubleKind.IMAGE: (
        "check the operator's RETRIEVAL_OPERATOR_PREDICTOR_IMAGE and "
        "{path}.podTemplate.imagePullSecrets"
    ),
    TroubleKind.NOT_CREATED: (
        "create or free what the message names; the kubelet then goes on by itself"
    ),
    TroubleKind.DOWNLOAD: (
        "check {path}.model.uri and revision, the namespace's access to it, and "
        "`kubectl logs {pod} -c {container}`"
    ),
    TroubleKind.CONFIGURATION: "change {path} as the message says",
    TroubleKind.DEVICE: (
        "look at the GPU of the pod's node: `kubectl describe pod {pod}`, then dmesg and "
        "nvidia-smi there"
    ),
    TroubleKind.OUT_OF_MEMORY: (
        "raise {path}.resources.limits.memory, or lower {path}.batching.maxBatchTokens or "
        "{path}.workers"
    ),
    TroubleKind.TOO_SLOW: (
        "raise {path}.startupTimeoutSeconds if the model was still loading; "
        "`kubectl logs -p {pod}` says how far it came"
    ),
    TroubleKind.CRASH: "see `kubectl logs -p {pod} -c {container}`",
    TroubleKind.EVICTED: (
        "the Deployment makes another pod; if it repeats, raise {path}.resources.requests"
    ),
    TroubleKind.NODE_LOST: (
        "restart or remove the node; its pods are replaced once Kubernetes gives it up"
    ),
}


def advice(trouble: Trouble, state: ComponentState) -> str:
    """The next step, with the component's own field and pod names."""
    return _ADVICE[trouble.kind].format(
        path=f"spec.{state.name.value}",
        pod=trouble.pod or f"-l serving.kserve.io/inferenceservice={state.inference_service}",
        container=trouble.container or "kserve-container",
    )


def described(trouble: Trouble) -> str:
    """What happened, where, and in whose words."""
    where = f"pod {trouble.pod}" if trouble.pod else "pods"
    if trouble.container:
        where += f", container {trouble.container}"
    how = trouble.reason
    if trouble.exit_code is not None:
        how += f", exit status {trouble.exit_code}"
    if trouble.restarts:
        how += f", {trouble.restarts} restart" + ("s" if trouble.restarts > 1 else "")
    said = _said(trouble)
    return f"{where}: {how}" + (f": {said}" if said else "")


def _said(trouble: Trouble) -> str:
    """The message; of the scheduler's the first sentence, as the rest is on preemption."""
    is_scheduler = trouble.kind is TroubleKind.UNSCHEDULABLE
    text = trouble.message.partition(". ")[0] if is_scheduler else trouble.message
    return text.removesuffix(".")
