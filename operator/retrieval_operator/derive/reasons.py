"""Every word that a condition's reason can be, with its meaning in one line.

The words for refused plans and for pods in trouble are the planner's and the observer's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from retrieval_operator.observe.state import Stage, TroubleKind
from retrieval_operator.plan import Reason


class Word(StrEnum):
    """Reasons that only the status uses."""

    ACCEPTED = "Accepted"
    INVALID = "InvalidSpec"
    UNSUPPORTED = "UnsupportedField"
    PLANNED = "Planned"
    NOT_ACCEPTED = "NotAccepted"
    NOT_PLANNED = "NotPlanned"
    KSERVE_SERVED = "Served"
    KSERVE_MISSING = "KServeMissing"
    KSERVE_UNREACHABLE = "WebhookUnreachable"
    KSERVE_SILENT = "KServeSilent"
    ALL_READY = "AllPodsReady"
    NOT_READY = "PodsNotReady"
    SUSPENDED = "Suspended"
    APPLY_FAILED = "ApplyFailed"
    APPLY_REFUSED = "ApplyRefused"
    NAME_TAKEN = "NameTaken"
    CONTESTED = "FieldsContested"
    INTERNAL = "InternalError"
    BURST_HELD = "BurstHeld"
    BURST_NOT_HELD = "BurstNotHeld"
    ASLEEP = "Asleep"
    IN_FORCE = "InForce"
    BLOCKED = "Blocked"
    COMPLETE = "Complete"
    AS_PLANNED = "AsPlanned"


STAGES: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        Stage.ABSENT: "WaitingForKServe",
        Stage.CREATING: "PodsCreating",
        Stage.SCHEDULING: "Scheduling",
        Stage.STARTING: "ContainerStarting",
        Stage.DOWNLOADING: "ModelDownloading",
        Stage.LOADING: "ModelLoading",
        Stage.ROLLING_OUT: "RollingOut",
        Stage.READY: Word.NOT_READY.value,
        Stage.ASLEEP: Word.ASLEEP.value,
    }
)
"""The reason of a component that is on its way and not in trouble."""

_STATUS: Final = {
    Word.ACCEPTED: "The object is valid and everything it asks for is supported.",
    Word.INVALID: "The object breaks the schema or a rule; the message lists every problem.",
    Word.UNSUPPORTED: "The object asks for what this version or this cluster cannot do.",
    Word.PLANNED: "Every component has a plan that fits the cluster's devices.",
    Word.NOT_ACCEPTED: "Nothing was planned or changed, because the object is not accepted.",
    Word.NOT_PLANNED: "Nothing runs, because no plan fits.",
    Word.KSERVE_SERVED: "The cluster serves InferenceServices, and KServe acts on them.",
    Word.KSERVE_MISSING: "The cluster has no kind InferenceService: install KServe.",
    Word.KSERVE_UNREACHABLE: "KServe's admission webhook does not answer; retried.",
    Word.KSERVE_SILENT: "KServe has not acted on an InferenceService for half a minute.",
    Word.ALL_READY: "As many pods answer as have to.",
    Word.NOT_READY: "Fewer pods answer than have to, and none says why.",
    Word.SUSPENDED: "spec.suspend is true: no pod runs.",
    Word.APPLY_FAILED: "The API server could not take a change; retried with growing pauses.",
    Word.APPLY_REFUSED: "The API server refused a change, for want of a right or a valid field.",
    Word.NAME_TAKEN: "An object of the name that is needed belongs to somebody else.",
    Word.CONTESTED: "Somebody else keeps changing fields that the operator sets.",
    Word.INTERNAL: "The operator failed on this object; its log has the details.",
    Word.BURST_HELD: "The pods can hold the burst of spec.objective.",
    Word.BURST_NOT_HELD: "The pods cannot hold the burst of spec.objective.",
    Word.ASLEEP: "An autoscaler has taken the last pod away; load or `wakeQuery` starts one.",
    Word.IN_FORCE: "What the object asks for is in force, and as many pods answer as have to.",
    Word.BLOCKED: "A change cannot go on; `Degraded` says what stands in its way.",
    Word.COMPLETE: "Nothing is on its way.",
    Word.AS_PLANNED: "Nothing needs anybody's attention.",
}
_STAGE: Final = {
    Stage.ABSENT: "KServe has not made a Deployment yet.",
    Stage.CREATING: "The Deployment's pods are being created.",
    Stage.SCHEDULING: "A pod waits for the scheduler.",
    Stage.STARTING: "A container is being created; its image may be pulled.",
    Stage.DOWNLOADING: "KServe's initialiser downloads the checkpoint.",
    Stage.LOADING: "The predictor runs, and loads and warms up its model.",
    Stage.ROLLING_OUT: "Pods of the former version are being replaced.",
}
_TROUBLE: Final = {
    TroubleKind.UNSCHEDULABLE: "No node takes the pod; the message has the scheduler's words.",
    TroubleKind.QUOTA: "Pods may not be created: a quota, a policy or a missing ServiceAccount.",
    TroubleKind.IMAGE: "The container's image cannot be pulled.",
    TroubleKind.NOT_CREATED: "The container cannot be created: a Secret is missing, or a volume.",
    TroubleKind.DOWNLOAD: "KServe's initialiser cannot fetch the checkpoint.",
    TroubleKind.CONFIGURATION: "The predictor cannot work as configured (exit status 78).",
    TroubleKind.DEVICE: "The predictor lost its device (exit status 69).",
    TroubleKind.OUT_OF_MEMORY: "The kernel killed the container at its memory limit.",
    TroubleKind.TOO_SLOW: "The container was killed because a probe failed for too long.",
    TroubleKind.CRASH: "The container ends and is started again.",
    TroubleKind.EVICTED: "A node evicted the pod or would not admit it.",
    TroubleKind.NODE_LOST: "The pod's node does not report any more.",
}
_REFUSED: Final = {
    Reason.UNKNOWN_MODEL: "Nothing is known about the model's size.",
    Reason.NO_SUCH_DEVICE: "No node has the device that is asked for.",
    Reason.MEMORY_UNKNOWN: "Nobody says how much memory the device has.",
    Reason.PRECISION: "The device cannot compute in the precision that is asked for.",
    Reason.INPUT_TOO_LONG: "maxInputTokens is more than the model takes.",
    Reason.DOES_NOT_FIT: "The model does not fit the device with the batch that is asked for.",
    Reason.HOST_TOO_SMALL: "The node's main memory or the limit is too small.",
    Reason.PICKLED: "The weights are pickled, and the object does not allow that.",
    Reason.NO_SUCH_REVISION: "rollbackTo names a plan that is not kept, or not for this object.",
}


def _all() -> dict[str, str]:
    meanings = {reason.value: text for reason, text in _STATUS.items()}
    meanings |= {STAGES[stage]: text for stage, text in _STAGE.items()}
    meanings |= {kind.value: text for kind, text in _TROUBLE.items()}
    return meanings | {reason.value: text for reason, text in _REFUSED.items()}


MEANINGS: Final[Mapping[str, str]] = MappingProxyType(_all())
"""Word to meaning, in the order of the documentation."""
