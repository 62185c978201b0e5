"""One half of a RetrievalService: an embedder or a reranker, and everything it can be told.

A field left out is planned, or takes the default written here. Units are in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from retrieval_operator.spec.behavior import Behavior
from retrieval_operator.spec.block import Block, LabelValue, ObjectName, Unique
from retrieval_operator.spec.choices import (
    ComponentName,
    Precision,
    RolloutStrategy,
    ScalingMetric,
    Scoring,
)
from retrieval_operator.spec.pod import PodTemplate
from retrieval_operator.spec.quantity import Quantity
from retrieval_operator.spec.source import ModelSource


class Batching(Block):
    """What fits in one forward pass and what may wait for one."""

    max_batch_tokens: Annotated[int, Field(ge=8, le=4_194_304)] | None = None
    """Real tokens in one forward pass. Omitted: planned from the memory and speed of the device."""
    max_batch_size: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Texts (embedder) or query-document pairs (reranker) in one forward pass. Omitted: planned."""
    max_queue_tokens: Annotated[int, Field(ge=8, le=1_073_741_824)] | None = None
    """Tokens that may wait; a request that would pass it gets 429 with Retry-After. Omitted:
    planned."""
    max_queue_delay_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    """Milliseconds an unfilled batch waits for company while the device is idle. 0 never waits:
    batches then form from what queued while the device was busy."""


class Autoscaling(Block):
    """How the number of pods follows the load."""

    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Fewest pods. 0 needs Knative, or KEDA and wakeQuery: without pods nobody measures load."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """Most pods."""
    metric: ScalingMetric | None = None
    """What to follow. QueueWait: seconds a request waits before its forward pass. CPU: used share
    of the cores that a pod may use, for clusters without Prometheus. Concurrency: requests at once,
    in Knative mode only. Omitted: QueueWait, or Concurrency in Knative mode."""
    target: Quantity | None = None
    """Value of the metric to hold. Omitted: 200m seconds of QueueWait, 800m (80 %) of CPU, or as
    many requests at once as the plan answers in 0.2 s."""
    wake_query: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """PromQL that is above 0 when a service without pods is wanted, such as the request rate of a
    gateway. It only starts the first pod."""
    behavior: Behavior | None = None
    """How fast pods come and go, as a HorizontalPodAutoscaler has it. Omitted: a third more pods
    (at least two) a minute at most, and after ten calm minutes one fewer every five."""


class ResourceClaim(Block):
    """A device requested through dynamic resource allocation."""

    name: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    ]
    """Name of the claim inside the pod."""
    resource_claim_name: ObjectName | None = None
    """Existing ResourceClaim to use."""
    resource_claim_template_name: ObjectName | None = None
    """ResourceClaimTemplate to make a claim from, one for each pod."""


class Gpu(Block):
    """The device of each pod. Without this block the component computes on the CPU."""

    resource: Annotated[
        str,
        Field(
            min_length=3,
            max_length=317,
            pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        ),
    ] = "nvidia.com/gpu"
    """Extended resource to request: nvidia.com/gpu, a slice such as nvidia.com/mig-1g.10gb, or
    nvidia.com/gpu.shared."""
    count: Annotated[int, Field(ge=1, le=16)] = 1
    """Devices of each pod. Each gets an engine with its own copy of the model; requests go to the
    engine with the least work."""
    memory: Quantity | None = None
    """Memory of one device, such as 24Gi. Set it where nodes carry no GPU labels; it also caps what
    a pod takes of a larger or shared device."""
    products: Annotated[
        tuple[Annotated[LabelValue, Field(min_length=1)], ...],
        Field(max_length=16),
        Unique(),
    ] = ()
    """Values of the node label nvidia.com/gpu.product to run on, such as NVIDIA-L4. Empty: any; the
    plan then fits the smallest that qualifies."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods, such as nvidia. Omitted: the cluster's default."""
    resource_claims: Annotated[tuple[ResourceClaim, ...], Field(max_length=8), Unique("name")] = ()
    """Devices requested through dynamic resource allocation instead of `resource`. The plan needs
    `memory` or `products` then, because no node label says what a claim will get."""


class ResourceAmounts(Block):
    """CPU, memory and local disk of one pod. GPUs are requested by the `gpu` block."""

    cpu: Quantity | None = None
    """Cores: 4, or 500m for half a core."""
    memory: Quantity | None = None
    """Main memory: 16Gi."""
    ephemeral_storage: Annotated[Quantity | None, Field(alias="ephemeral-storage")] = None
    """Local disk; a hf:// checkpoint is downloaded there."""


class Resources(Block):
    """CPU and memory of each pod. Amounts left out are planned."""

    requests: ResourceAmounts = ResourceAmounts()
    """What the scheduler reserves for a pod."""
    limits: ResourceAmounts = ResourceAmounts()
    """What a pod may use at most."""


class Rollout(Block):
    """How a new version replaces running pods."""

    strategy: RolloutStrategy = RolloutStrategy.AUTO
    """Surge starts each new pod before an old one goes and needs a spare device. Recreate stops
    all old pods first. Auto replaces pods one by one in place on GPUs, and surges on CPUs."""


class Component(Block):
    """What embedder and reranker have in common."""

    name: ClassVar[ComponentName]

    model: ModelSource = ModelSource()
    """The checkpoint to serve. Omitted: the one inside the predictor's image."""
    served_name: (
        Annotated[
            str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*)$")
        ]
        | None
    ) = None
    """Model name on the wire, in paths such as /v2/models/NAME/infer and in `model` of a request.
    Omitted: embedder or reranker."""
    precision: Precision = Precision.AUTO
    """Number format of weights and activations. Auto: what the device computes fastest without a
    visible loss. fp16 needs a GPU, bf16 a device that has it; this version refuses int8."""
    max_input_tokens: Annotated[int, Field(ge=8, le=131_072)] | None = None
    """Tokens of one text (embedder) or query-document pair (reranker); longer ones are cut, and the
    answer says so. Omitted: what its authors meant, at most 2048."""
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """API worker processes of a pod; they parse and tokenise, and share one copy of the model.
    Omitted: planned."""
    batching: Batching = Batching()
    """What fits in one forward pass and what may wait for one."""
    replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Number of pods. Omitted: 1, or what autoscaling says. Not together with autoscaling."""
    autoscaling: Autoscaling | None = None
    """How the number of pods follows the load. Not together with replicas."""
    gpu: Gpu | None = None
    """The device of each pod. Omitted: the component computes on the CPU."""
    resources: Resources = Resources()
    """CPU and memory of each pod. Amounts left out are planned."""
    prompts: Annotated[
        Mapping[str, Annotated[str, Field(max_length=2048)]], Field(max_length=16)
    ] = {}
    """Texts put before each input, by name: `query` and `passage`, or whatever name requests give.
    They replace the checkpoint's prompts of the same name."""
    startup_timeout_seconds: Annotated[int, Field(ge=30, le=86_400)] = 1200
    """Seconds a pod may take to download, load and warm up before it is restarted."""
    rollout: Rollout = Rollout()
    """How a new version replaces running pods."""
    pod_template: PodTemplate = PodTemplate()
    """What to add to the pods: placement, labels, volumes, environment."""
    rollback_to: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    """Number of a stored plan to run by, whatever has changed since; `retrieval history` lists
    them. Omitted: the latest."""

    @property
    def wire_name(self) -> str:
        """The model name that requests use."""
        return self.served_name or self.name.value


class Embedder(Component):
    """Turns texts into vectors."""

    name = ComponentName.EMBEDDER

    accept_token_ids: bool = False
    """Take token ids where requests have texts (OpenAI's and TEI's routes). They have to be of the
    model's own tokenizer: nobody can tell, and others give vectors of other words. Off: a request
    with token ids is refused."""


class Reranker(Component):
    """Scores documents against a query."""

    name = ComponentName.RERANKER

    scoring: Scoring = Scoring.AUTO
    """How a query and a document become one score. Auto follows the checkpoint. CrossEncoder: a
    classification head. YesNo: the logits of the words yes and no. LateInteraction: the best match
    of each query token. BiEncoder: the cosine of two embeddings."""
    instruction: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    """Task description for a checkpoint that takes one; a request may replace it."""
