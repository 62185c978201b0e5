"""What the operator reports about an object; the schema of its status subresource.

Everything is optional, because a status grows as facts become known. Times are RFC 3339, sizes are
bytes, and the columns that `kubectl get` prints are texts made for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from retrieval_operator.spec.block import Block, Count, Text, Unique
from retrieval_operator.spec.choices import Phase, Precision

Line = Annotated[str, Field(max_length=1024)]
Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]


class Condition(Block):
    """One aspect of the service, in the form of Kubernetes' own conditions."""

    type: Annotated[str, Field(min_length=1, max_length=316, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    """Accepted, PlanValid, KServeAvailable, EmbedderReady, RerankerReady, Progressing, Degraded,
    ObjectiveMet or Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    """Why, as one constant word."""
    message: Annotated[str, Field(max_length=32_768)]
    """What it means and what to do next."""
    observed_generation: Count | None = None
    """Generation of the object that this was judged on."""
    last_transition_time: Time
    """When `status` last flipped."""


class TermStatus(Block):
    """One part of a planned amount of memory."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """What takes it, such as weights, activations or headroom."""
    bytes: Count
    """How much it takes."""
    basis: Line = ""
    """How that was worked out."""


class BudgetStatus(Block):
    """What one pod takes of one memory, as planned."""

    available_bytes: Count | None = None
    """What there is. Omitted: nobody says."""
    planned_bytes: Count | None = None
    """What the pod is expected to take, headroom not counted."""
    basis: Line | None = None
    """Where the available amount is known from."""
    terms: Annotated[tuple[TermStatus, ...], Field(max_length=32), Unique("name")] = ()
    """The parts it is made of."""


class DecisionStatus(Block):
    """One value of the plan, who decided it, and why."""

    field: Annotated[str, Field(min_length=1, max_length=128)]
    """Field of the component that it stands for."""
    value: Line
    """The value in force."""
    by: Literal["planned", "set"]
    """Whether the planner chose it or the object sets it."""
    why: Line
    """Why it is this value."""


class EstimateStatus(Block):
    """What one pod should reach, computed and not measured."""

    tokens_per_second: Count | None = None
    """Tokens a second with texts of `textTokens`."""
    text_tokens: Count | None = None
    """Tokens of a long text."""
    texts_per_second: Count | None = None
    """Texts a second with texts of `shortTokens`."""
    short_tokens: Count | None = None
    """Tokens of a short text."""
    burst_texts: Count | None = None
    """Short requests that may arrive within one second so that 90 % are answered within three."""
    basis: Line | None = None
    """How that was worked out."""


class PlanStatus(Block):
    """What the planner decided for one component."""

    digest: Annotated[str, Field(max_length=128)] | None = None
    """Fingerprint of everything that restarts the pods when it changes."""
    device: Line | None = None
    """Product the plan fits, such as NVIDIA-L4, or the cores of a CPU."""
    basis: Line | None = None
    """Where the facts on the device come from: a node label, gpu.memory, or the machine."""
    precision: Precision | None = None
    """Number format of weights and activations."""
    workers: Count | None = None
    """API worker processes of a pod."""
    threads: Count | None = None
    """CPU threads of the engine."""
    max_input_tokens: Count | None = None
    """Tokens of one text; longer ones are cut."""
    max_batch_tokens: Count | None = None
    """Real tokens in one forward pass."""
    max_batch_size: Count | None = None
    """Texts in one forward pass."""
    max_queue_tokens: Count | None = None
    """Tokens that may wait; above it requests get 429."""
    gpu_memory: BudgetStatus | None = None
    """Memory of each GPU of a pod. Omitted on a CPU."""
    memory: BudgetStatus | None = None
    """Main memory of one pod."""
    estimate: EstimateStatus | None = None
    """What one pod should reach, computed and not measured."""
    decisions: Annotated[tuple[DecisionStatus, ...], Field(max_length=32), Unique("field")] = ()
    """Every value with its reason."""
    notes: Annotated[tuple[Line, ...], Field(max_length=32)] = ()
    """What else an author should know."""
    holds_for: Annotated[tuple[Line, ...], Field(max_length=16)] = ()
    """Kinds of nodes that the plan holds for, by their labels; pods go to no others. Empty: any."""


class RevisionStatus(Block):
    """The stored plan in force: which one, and why it was made."""

    number: Count
    """Its number; `retrieval history` lists the last ten of a component."""
    cause: Annotated[str, Field(max_length=64)]
    """Why it was made, as one word: First, ObjectChanged, ModelChanged, DeviceGone, ImageChosen or
    Asked."""
    why: Line | None = None
    """What exactly changed."""
    made: Time | None = None
    """When."""
    planner: Annotated[str, Field(max_length=64)] | None = None
    """Version of the operator that decided."""
    image: Annotated[str, Field(max_length=1024)] | None = None
    """Image of the predictor that it runs."""
    is_pinned: Annotated[bool | None, Field(alias="pinned")] = None
    """True where the object names it in rollbackTo, so that nothing takes its place."""


class MeasuredStatus(Block):
    """What a pod of the present plan reported of its warm-up, beside what was planned."""

    pod: Annotated[str, Field(max_length=253)] | None = None
    """Pod that was asked; another one is asked when it is gone."""
    batch_tokens: Count | None = None
    """Tokens in the largest planned batch, which the warm-up computes."""
    tokens_per_second: Count | None = None
    """Tokens a second that one device computed in that batch."""
    peak_memory_bytes: Count | None = None
    """Memory taken after it: of one GPU, by whoever uses it, or by the engine process on a CPU."""
    planned_memory_bytes: Count | None = None
    """What the plan expects of that memory at that moment."""
    time: Time | None = None
    """When it was read."""


class Failure(Block):
    """The last way in which a pod of a component failed."""

    reason: Annotated[str, Field(max_length=128)]
    """One word, such as OOMKilled, CrashLoopBackOff, ImagePullBackOff or Unschedulable."""
    message: Text = ""
    """What Kubernetes or the process said."""
    pod: Annotated[str, Field(max_length=253)] | None = None
    """Pod it happened to."""
    exit_code: Annotated[int, Field(ge=-1, le=255)] | None = None
    """Exit code of the container."""
    time: Time | None = None
    """When it happened."""


class Replicas(Block):
    """Pods of one component, counted on its Deployment."""

    desired: Count = 0
    """Pods asked for."""
    updated: Count = 0
    """Pods of the newest version."""
    ready: Count = 0
    """Pods that answer."""


class ComponentStatus(Block):
    """The state of one component."""

    inference_service: Annotated[str, Field(max_length=253)] | None = None
    """InferenceService that runs it."""
    url: Annotated[str, Field(max_length=512)] | None = None
    """Address inside the cluster."""
    ready: Annotated[str, Field(max_length=32)] | None = None
    """Ready and desired pods, as in 1/2."""
    replicas: Replicas | None = None
    """Pods, counted on the Deployment."""
    revision: RevisionStatus | None = None
    """The stored plan in force."""
    plan: PlanStatus | None = None
    """What it says."""
    effective_config: Annotated[Mapping[str, Line], Field(max_length=128)] = {}
    """Settings in force, by field name, as the pods were given them."""
    measured: MeasuredStatus | None = None
    """What a pod of the present plan reported of its warm-up."""
    last_failure: Failure | None = None
    """The last way in which a pod failed; kept until the component is healthy again."""


class Components(Block):
    """The state of each component that the object asks for."""

    embedder: ComponentStatus | None = None
    """The state of the embedder."""
    reranker: ComponentStatus | None = None
    """The state of the reranker."""


class Status(Block):
    """What the operator knows about the service."""

    observed_generation: Count | None = None
    """Generation of the object that this status is about."""
    phase: Phase | None = None
    """One word for people; programs read the conditions."""
    gpu: Line | None = None
    """Devices of the components, for `kubectl get`."""
    precision: Line | None = None
    """Precisions of the components, for `kubectl get`."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32), Unique("type")] = ()
    """Every aspect of the service with its reason."""
    components: Components | None = None
    """The state of each component."""
