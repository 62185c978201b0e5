"""The words for what a component does: how far it is, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from retrieval_operator.spec.choices import ComponentName


class Stage(IntEnum):
    """How far the pod that is furthest behind has come; later is further."""

    ABSENT = 0
    """No Deployment: KServe has not acted yet."""
    CREATING = 1
    """A Deployment whose pods are not all there yet."""
    SCHEDULING = 2
    """A pod waits for a node."""
    STARTING = 3
    """A container is being created; its image may be pulled."""
    DOWNLOADING = 4
    """KServe's initialiser fetches the checkpoint."""
    LOADING = 5
    """The predictor runs and is not ready: it loads and warms up the model."""
    ROLLING_OUT = 6
    """All pods asked for answer, and some are of an older version."""
    READY = 7
    """Every pod asked for answers and is of the newest version."""
    ASLEEP = 8
    """An autoscaler wants no pod."""


class TroubleKind(Enum):
    """What stands in the way, as the constant word of a condition's reason."""

    UNSCHEDULABLE = "Unschedulable"
    QUOTA = "PodsRefused"
    IMAGE = "ImagePullFailed"
    NOT_CREATED = "ContainerNotCreated"
    DOWNLOAD = "ModelDownloadFailed"
    CONFIGURATION = "ConfigurationInvalid"
    DEVICE = "DeviceLost"
    OUT_OF_MEMORY = "OutOfMemory"
    TOO_SLOW = "StartupTimeout"
    CRASH = "CrashLooping"
    EVICTED = "PodEvicted"
    NODE_LOST = "NodeLost"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one pod, in Kubernetes' or the process's words.

    `reason` is the word Kubernetes used (OOMKilled, CrashLoopBackOff, ErrImagePull).
    """

    kind: TroubleKind
    reason: str
    message: str = ""
    pod: str | None = None
    container: str | None = None
    exit_code: int | None = None
    restarts: int = 0
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """A pod that answers: where, and the digest of the plan that it was made by."""

    name: str
    ip: str
    plan_digest: str


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One component as it runs. Counts are pods; `settings` are those in force.

    `needed` pods have to answer, `desired` are wanted now, which an autoscaler may make more.
    `is_passed_on` is true where KServe has given the Deployment the pod that was rendered last,
    `is_present` is true where every pod that is there to stay is the pod that was rendered last.
    `answering` are the pods that answer, the newest first.
    """

    name: ComponentName
    inference_service: str | None = None
    url: str | None = None
    needed: int = 0
    desired: int = 0
    updated: int = 0
    ready: int = 0
    stage: Stage = Stage.ABSENT
    is_passed_on: bool = False
    is_present: bool = False
    wakes_on_request: bool = False
    troubles: tuple[Trouble, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    answering: tuple[Answering, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether at least one pod answers."""
        return self.ready > 0

    @property
    def is_full(self) -> bool:
        """Whether as many pods answer as have to, of whichever version."""
        return self.needed > 0 and self.ready >= self.needed

    @property
    def is_asleep(self) -> bool:
        """Whether an autoscaler has taken the last pod away."""
        return self.stage is Stage.ASLEEP

    @property
    def is_settled(self) -> bool:
        """Whether all that is wanted answers and nothing is on its way."""
        if self.is_asleep:
            return True
        return self.stage is Stage.READY and self.is_full and self.is_present

    @property
    def trouble(self) -> Trouble | None:
        """The one to act on first."""
        return self.troubles[0] if self.troubles else None
