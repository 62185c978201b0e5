"""What the planner reads of a component: the fields that it decides, or that bind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retrieval_operator.spec.choices import ComponentName, Precision, Profile
from retrieval_operator.spec.component import Component, Gpu, Resources
from retrieval_operator.spec.pod import Toleration
from retrieval_operator.spec.quantity import Quantity
from retrieval_operator.spec.service import RetrievalServiceSpec


@dataclass(frozen=True, slots=True)
class GpuAsk:
    """The device asked for; an empty `products` takes any, `memory_bytes` caps or replaces it.

    `count` devices go to each pod. `is_claimed` is true where resource claims ask for them, so that
    no node label says what a pod will get.
    """

    resource: str = "nvidia.com/gpu"
    memory_bytes: int | None = None
    products: tuple[str, ...] = ()
    count: int = 1
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One component's wishes; None is left to the planner. Cores are in thousandths.

    `within_s` is the time in which the object's objective wants requests answered.
    """

    component: ComponentName
    uri: str
    profile: Profile = Profile.BALANCED
    precision: Precision = Precision.AUTO
    max_input_tokens: int | None = None
    max_batch_tokens: int | None = None
    max_batch_size: int | None = None
    max_queue_tokens: int | None = None
    within_s: float | None = None
    workers: int | None = None
    allow_pickle: bool = False
    gpu: GpuAsk | None = None
    cpu_request_millicores: int | None = None
    cpu_limit_millicores: int | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()

    @property
    def path(self) -> str:
        """Where the component stands in the object, for messages."""
        return f"spec.{self.component.value}"


def ask_of(spec: RetrievalServiceSpec, component: Component) -> Ask:
    """What `component` of this object asks of the planner."""
    batching, resources = component.batching, component.resources
    return Ask(
        component=component.name,
        uri=component.model.uri,
        profile=spec.profile,
        precision=component.precision,
        max_input_tokens=component.max_input_tokens,
        max_batch_tokens=batching.max_batch_tokens,
        max_batch_size=batching.max_batch_size,
        max_queue_tokens=batching.max_queue_tokens,
        within_s=spec.objective.within_seconds if spec.objective else None,
        workers=component.workers,
        allow_pickle=component.model.allow_pickle,
        gpu=_gpu(component.gpu) if component.gpu else None,
        **_amounts(resources),
        node_selector=dict(component.pod_template.node_selector),
        tolerations=component.pod_template.tolerations,
    )


def _gpu(gpu: Gpu) -> GpuAsk:
    return GpuAsk(
        resource=gpu.resource,
        memory_bytes=_bytes(gpu.memory),
        products=gpu.products,
        count=gpu.count,
        is_claimed=bool(gpu.resource_claims),
    )


def _amounts(resources: Resources) -> dict[str, int | None]:
    requests, limits = resources.requests, resources.limits
    return {
        "cpu_request_millicores": _millicores(requests.cpu),
        "cpu_limit_millicores": _millicores(limits.cpu),
        "memory_request_bytes": _bytes(requests.memory),
        "memory_limit_bytes": _bytes(limits.memory),
    }


def _bytes(quantity: Quantity | None) -> int | None:
    return None if quantity is None else quantity.bytes


def _millicores(quantity: Quantity | None) -> int | None:
    return None if quantity is None else quantity.millicores
