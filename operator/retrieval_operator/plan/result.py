"""What the planner answers: a plan with its reasons, or a refusal with what would help.

Sizes are bytes, times seconds; both answers carry every number they were decided on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from retrieval_operator.facts.model import ModelFacts
from retrieval_operator.spec.choices import ComponentName, Precision

if TYPE_CHECKING:
    from retrieval_operator.inventory.node import Inventory
    from retrieval_operator.plan.ask import Ask

T_co = TypeVar("T_co", covariant=True)
HEADROOM = "headroom"
API_WORKERS = "API workers"
QUEUE = "queue"
RESULT_CACHE = "result cache"
FURTHER_SLOTS = "further slots"
_AFTER_WARM_UP = {HEADROOM, API_WORKERS, QUEUE, RESULT_CACHE, FURTHER_SLOTS}
"""Terms that an engine has not taken by then: other processes have, or they fill up later."""


class By(StrEnum):
    """Who decided a value."""

    PLANNED = "planned"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Room:
    """The largest limits that a pod is sized and warmed up for; smaller ones need no restart."""

    batch_tokens: int
    batch_texts: int
    queue_tokens: int


@dataclass(frozen=True, slots=True)
class Decision(Generic[T_co]):
    """One value, who decided it, and why it is this one."""

    value: T_co
    by: By
    why: str


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a memory budget and how it was worked out."""

    name: str
    bytes: int
    basis: str


@dataclass(frozen=True, slots=True)
class Budget:
    """What a process group takes of one memory, against what there is.

    `available_bytes` is None where nobody says how much there is; such a budget always fits.
    """

    terms: tuple[Term, ...]
    available_bytes: int | None
    basis: str

    @property
    def total_bytes(self) -> int:
        """Everything, headroom included: what has to be there."""
        return sum(term.bytes for term in self.terms)

    @property
    def planned_bytes(self) -> int:
        """What a pod is expected to take; headroom is what it should leave."""
        return sum(term.bytes for term in self.terms if term.name != HEADROOM)

    @property
    def missing_bytes(self) -> int:
        """How much more would have to be there; 0 when it fits."""
        if self.available_bytes is None:
            return 0
        return max(0, self.total_bytes - self.available_bytes)

    @property
    def fits(self) -> bool:
        """Whether everything is there."""
        return self.missing_bytes == 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one pod should reach; computed, not measured.

    `tokens_per_s` is for texts of `text_tokens`, `texts_per_s` for short ones of `short_tokens`,
    whichever of device and API workers is slower; `device_texts_per_s` is the device alone.
    `burst_texts` is the largest number of short requests that arrive within one second of which
    90 % are answered within three. `batch_s` is the time of one full batch. `spread` is between
    which multiples of these rates the true ones lie.
    """

    tokens_per_s: int
    text_tokens: int
    texts_per_s: int
    short_tokens: int
    burst_texts: int
    batch_s: float
    basis: str
    device_texts_per_s: int = 0
    spread: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label of a node has to be, in the words of node affinity: In, NotIn or Gt."""

    key: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeKind:
    """Nodes whose labels meet every requirement."""

    requirements: tuple[Requirement, ...]

    def __str__(self) -> str:
        """The requirements, for people."""
        return " and ".join(
            f"{one.key} {one.operator} {','.join(one.values)}" for one in self.requirements
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided for one component; field names are those of the object.

    `device` names the product (or the cores), `basis` where its memory is known from.
    `gpu_memory` is None on a CPU, where `memory` holds weights and activations too.
    `cpu_millicores` is what a pod may use, `cpu_request_millicores` what is kept for it.
    `max_queue_wait_s` follows from profile and objective; no field sets it.
    `kinds` are the nodes it holds for; pods go to no others. Empty: to any.
    """

    component: ComponentName
    facts: ModelFacts
    device: str
    basis: str
    gpu_resource: str | None
    gpu_memory_cap_bytes: int
    gpu_count: int
    precision: Decision[Precision]
    max_input_tokens: Decision[int]
    max_batch_tokens: Decision[int]
    max_batch_size: Decision[int]
    max_queue_tokens: Decision[int]
    max_queue_wait_s: float
    room: Room
    workers: Decision[int]
    threads: Decision[int]
    cpu_millicores: Decision[int]
    memory_bytes: Decision[int]
    gpu_memory: Budget | None
    memory: Budget
    estimate: Estimate
    notes: tuple[str, ...] = ()
    kinds: tuple[NodeKind, ...] = ()
    cpu_request_millicores: Decision[int] | None = None

    @property
    def requested_millicores(self) -> Decision[int]:
        """What is kept for a pod; a plan stored before this was decided keeps all it may use."""
        return self.cpu_request_millicores or self.cpu_millicores

    @property
    def device_memory(self) -> Budget:
        """The budget that limits the batch: that of one GPU, or main memory on a CPU."""
        return self.gpu_memory or self.memory

    @property
    def warm_bytes(self) -> int:
        """What one engine should have taken of that memory when its warm-up ends."""
        terms = self.device_memory.terms
        return sum(term.bytes for term in terms if term.name not in _AFTER_WARM_UP)


class Reason(Enum):
    """Why there is no plan, as a constant word for conditions and events."""

    UNKNOWN_MODEL = "UnknownModel"
    NO_SUCH_DEVICE = "NoSuchDevice"
    MEMORY_UNKNOWN = "DeviceMemoryUnknown"
    PRECISION = "PrecisionUnavailable"
    INPUT_TOO_LONG = "InputBeyondModel"
    DOES_NOT_FIT = "ModelDoesNotFit"
    HOST_TOO_SMALL = "HostMemoryTooSmall"
    PICKLED = "PickledWeights"
    NO_SUCH_REVISION = "NoSuchRevision"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change that was planned again and fits: `text` says it, `ask` and `inventory` are it."""

    text: str
    ask: Ask = field(repr=False, compare=False)
    inventory: Inventory = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """No plan: why, with the numbers, and the changes that would make one.

    `remedies` were each planned again. `advice` are steps outside the object.
    """

    component: ComponentName
    reason: Reason
    message: str
    budget: Budget | None = None
    remedies: tuple[Remedy, ...] = ()
    advice: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The whole refusal as one message, for a condition or an event."""
        fitting = "; or ".join(remedy.text for remedy in self.remedies)
        steps = f"Would fit: {fitting}" if fitting else "Try: " + "; or ".join(self.advice)
        return f"{self.message}. {steps}" if fitting or self.advice else self.message


class Refused(Exception):
    """Raised inside the planner where a step finds no way; `plan` turns it into its answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
